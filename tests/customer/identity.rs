//! Identity resolution: cases as data, and properties of the pure function. `tests/service/ingest/identity_cases/` runs the
//! same cases through Postgres.

use std::collections::BTreeSet;

use crate::identity_cases::brand_state::BrandState;
use crate::identity_cases::{Case, CaseDecision, Customers, FIRST, Step, Texts, cases};
use hookpoint::brand::BrandRules;
use hookpoint::customer::identity::in_memory::InMemoryIdentity;
use hookpoint::customer::identity::rules::IdentityRules;
use hookpoint::customer::model::record::Change;
use proptest::prelude::*;

/// Topics that the cases must cover.
const TOPICS: [&str; 47] = [
    "messy values",
    "a couple in one source",
    "a couple across two sources",
    "the couple and a record known by the phone alone",
    "erasing one of a couple",
    "family mailbox with two first names",
    "one e-mail in contact, customer and profile",
    "two e-mails over three systems",
    "A and B by e-mail, B and C by phone",
    "six bookings of one person",
    "source merge before the records",
    "source merge between the records",
    "source merge after the records",
    "source merges in a chain",
    "source merges in a cycle",
    "company",
    "switchboard",
    "info@",
    "two profiles of a unique kind and one contact on one phone",
    "recycled number",
    "e-mail typo",
    "deletion",
    "late times",
    "equal times",
    "partial updates around full ones",
    "initials",
    "particles",
    "marks",
    "double-barrelled names",
    "the same person in two brands",
    "references",
    "decisions",
    "settings",
    "external ids that nobody bears",
    "ids of two systems",
    "whole names",
    "generations",
    "swapped names",
    "nicknames and other alphabets",
    "alike names",
    "spellings of one name",
    "without a first name",
    "mailboxes called like somebody",
    "couples' accounts",
    "one bad record",
    "numbers that moved",
    "forms",
];

fn worlds(case: &Case, brands: &[BrandRules], changes: &[(String, Change)]) -> Vec<BrandState> {
    brands
        .iter()
        .map(|brand| BrandState::new(case, &brand.slug, &brand.identity, changes))
        .collect()
}

#[test]
fn every_case_comes_out_as_written() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (brands, changes) = (case.brands(), case.changes());
        let customers = |steps| {
            worlds(&case, &brands, &changes[..steps])
                .iter()
                .flat_map(BrandState::customers)
                .collect::<Customers>()
        };
        let then =
            case.steps.iter().zip(1..).filter_map(|(step, n)| Some((n, step.then.as_ref()?)));
        for (n, expected) in then.chain([(changes.len(), &case.customers)]) {
            let found = customers(n);
            if found != *expected {
                wrong.push(format!(
                    "{case}\n    after step {n}: {found:?}\n    instead of: {expected:?}"
                ));
            }
        }
        let shared: BTreeSet<String> = worlds(&case, &brands, &changes)
            .iter()
            .flat_map(BrandState::shared)
            .map(|value| value.value)
            .collect();
        if shared != case.shared {
            wrong
                .push(format!("{case}\n    shared: {shared:?}\n    instead of: {:?}", case.shared));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_cases_cover_every_topic_and_say_why() {
    let cases = cases();
    let topics: BTreeSet<&str> = cases.iter().map(|case| case.topic.as_str()).collect();
    assert_eq!(topics, TOPICS.into(), "topics of the cases, and those that there must be");
    let mut whys = BTreeSet::new();
    for case in &cases {
        assert!(
            !case.why.trim().is_empty() && !case.why.contains('\n'),
            "{case} says why in one line"
        );
        assert!(whys.insert(&case.why), "{case} is there twice");
    }
    assert!(cases.len() >= 200, "{}", cases.len());
}

#[test]
fn the_order_of_records_does_not_matter() {
    for case in cases() {
        for state in worlds(&case, &case.brands(), &case.changes()) {
            let mut members = state.members();
            let expected = state.customers_of(&members);
            for _ in 0..members.len() {
                members.rotate_left(1);
                assert_eq!(state.customers_of(&members), expected, "{case}");
                if members.len() > 1 {
                    members.swap(0, 1);
                }
                assert_eq!(state.customers_of(&members), expected, "{case}");
            }
        }
    }
}

/// Kinds whose records only the source writes.
const TRUSTED_KINDS: [&str; 3] = ["omneo.profile", "omniotap.contact", "syncaroo.member"];

/// A kind whose records anybody can write.
const SELF_ASSERTED_KIND: &str = "omnilab.participant";

/// After this number of minutes a phone number counts as old.
const YEARS: i64 = 6 * 365 * 24 * 60;

fn record(kinds: &[&str]) -> impl Strategy<Value = Step> + use<> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let maybe = |names: &[&str]| prop::option::of(prop::sample::select(texts(names)));
    let some = |values: &[&str]| prop::sample::subsequence(texts(values), 0..2);
    let name = (
        maybe(&["Jan", "J.", "Eva", "Emma", "Jan en Eva", "Jan Jr.", "Jan Sr."]),
        maybe(&["Kok", "Bos"]),
        maybe(&["Kok", "Kok, Jan"]),
    );
    (
        prop::sample::select(texts(kinds)),
        name,
        some(&["jan@example.org", "b@example.org", "c@example.org"]),
        some(&["+31611111111", "+31622222222"]),
        prop::sample::subsequence(
            texts(&[
                "omneo.profile:p0",
                "omneo.profile:p1",
                "omniotap.contact:p1",
                "omnilab.participant:p2",
            ]),
            0..=2,
        ),
        0..3_i64,
    )
        .prop_map(|(kind, (first, last, full), email, phone, refs, years)| Step {
            record: Some(kind),
            first,
            last,
            full,
            email: Texts(email),
            phone: Texts(phone),
            refs,
            at: Some(-years * YEARS),
            ..Step::default()
        })
}

/// A case of such records, each with an id of its own.
fn case_of(mut steps: Vec<Step>) -> Case {
    for (step, n) in steps.iter_mut().zip(0..) {
        step.record = step.record.take().map(|kind| format!("{kind}:p{n}"));
    }
    Case { steps, ..Case::default() }
}

/// A case of 2 to 8 records of any kind.
fn some_case() -> impl Strategy<Value = Case> {
    let kinds = [&TRUSTED_KINDS[..], &[SELF_ASSERTED_KIND]].concat();
    prop::collection::vec(record(&kinds), 2..9).prop_map(case_of)
}

/// A case of trusted records, some of them merged by their source, and the same case with unconfirmed records among its
/// steps. An unconfirmed record may refer to others, be merged with other unconfirmed records, and be declared
/// different from a trusted record.
fn with_self_asserted() -> impl Strategy<Value = (Case, Case)> {
    let self_asserted = (record(&[SELF_ASSERTED_KIND]), any::<prop::sample::Index>());
    let places = (0..8_usize, 0..8_usize);
    let merged = prop::option::of(places.clone());
    (
        prop::collection::vec(record(&TRUSTED_KINDS), 2..8),
        prop::collection::vec(self_asserted, 1..8),
        merged.clone(),
        merged,
        prop::option::of(places),
    )
        .prop_map(|(steps, unconfirmed, trusted_merge, self_asserted_merge, apart)| {
            let merge = |kind: &str, (loser, winner): (usize, usize)| Step {
                merged: Some(format!("{kind}:p{loser}")),
                into: Some(format!("{kind}:p{winner}")),
                at: Some(1),
                ..Step::default()
            };
            let mut trusted = case_of(steps);
            trusted.steps.extend(trusted_merge.map(|places| merge(TRUSTED_KINDS[0], places)));
            trusted.decisions.extend(apart.map(|(record, other)| CaseDecision {
                same: None,
                different: Some([
                    format!("{SELF_ASSERTED_KIND}:p{record}"),
                    format!("omniotap.contact:p{other}"),
                ]),
                undone: false,
            }));
            let mut mixed = trusted.clone();
            let (unconfirmed, places): (Vec<Step>, Vec<prop::sample::Index>) =
                unconfirmed.into_iter().unzip();
            let unconfirmed = case_of(unconfirmed)
                .steps
                .into_iter()
                .chain(self_asserted_merge.map(|places| merge(SELF_ASSERTED_KIND, places)));
            for (step, n) in unconfirmed.zip(0..) {
                let place = places
                    .get(n)
                    .map_or(0, |place: &prop::sample::Index| place.index(mixed.steps.len() + 1));
                mixed.steps.insert(place, step);
            }
            (trusted, mixed)
        })
}

/// The first brand, with the default rules.
fn state(case: &Case) -> BrandState {
    BrandState::new(case, FIRST, &IdentityRules::default(), &case.changes())
}

fn is_unconfirmed(key: &str) -> bool {
    key.starts_with(SELF_ASSERTED_KIND)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_customer_holds_two_people_that_their_source_keeps_apart(case in some_case()) {
        // Computed from the case itself: own ids, and references to known records of the unique kind. One record may
        // contradict itself.
        let is_known = |key: &str, by: &str| {
            case.steps.iter().filter_map(|step| step.record.as_deref()).any(|other| other == key && (!is_unconfirmed(key) || is_unconfirmed(by)))
        };
        let ids = |step: &Step| {
            let key = step.record.as_deref().unwrap();
            let refs = step.refs.iter().map(String::as_str).filter(|other| is_known(other, key));
            refs.chain([key]).filter(|key| key.starts_with("omneo.profile:")).map(str::to_owned).collect::<BTreeSet<_>>()
        };
        for cluster in state(&case).customers() {
            let of_cluster = case.steps.iter().filter(|step| step.record.as_ref().is_some_and(|key| cluster.contains(key)));
            let all: Vec<(bool, BTreeSet<String>)> =
                of_cluster.map(|step| (is_unconfirmed(step.record.as_deref().unwrap()), ids(step))).filter(|(_, ids)| !ids.is_empty()).collect();
            let has_trusted = cluster.iter().any(|key| !is_unconfirmed(key));
            for (is_one, left) in &all {
                for (is_other, right) in &all {
                    // Unconfirmed records of one trusted record need not agree with each other, because each is placed
                    // separately.
                    prop_assert!(left == right || (has_trusted && *is_one && *is_other), "{:?} {:?}", left, right);
                }
            }
        }
    }

    #[test]
    fn every_order_gives_the_same_customers(case in some_case(), turn in 0..8_usize) {
        let state = state(&case);
        let mut members = state.members();
        let expected = state.customers_of(&members);
        let turn = turn % members.len();
        members.rotate_left(turn);
        members.reverse();
        prop_assert_eq!(state.customers_of(&members), expected);
    }

    #[test]
    fn what_anybody_can_write_changes_nothing_about_anybody_else((trusted, mixed) in with_self_asserted()) {
        let (alone, together) = (state(&trusted), state(&mixed));
        prop_assert_eq!(alone.shared(), together.shared());
        let found = together.customers();
        let rest: Customers = found.iter().map(|keys| keys.iter().filter(|key| !is_unconfirmed(key)).cloned().collect()).collect();
        let expected: Customers = alone.customers();
        prop_assert_eq!(rest.into_iter().filter(|keys: &BTreeSet<String>| !keys.is_empty()).collect::<Customers>(), expected);
        let unconfirmed: BTreeSet<&String> = mixed.steps.iter().filter_map(|step| step.record.as_ref()).filter(|key| is_unconfirmed(key)).collect();
        for record in unconfirmed {
            prop_assert_eq!(found.iter().filter(|keys| keys.contains(record)).count(), 1, "{} is of one customer", record);
        }
    }

    #[test]
    fn everybody_at_once_are_the_same_customers(case in some_case()) {
        let changes = case.changes().into_iter().map(|(_, change)| change);
        let in_memory = InMemoryIdentity::take(changes, &[], &IdentityRules::default());
        let customers: Customers = in_memory.customers().map(|keys| keys.into_iter().map(ToString::to_string).collect()).collect();
        prop_assert_eq!(customers, state(&case).customers());
    }
}
