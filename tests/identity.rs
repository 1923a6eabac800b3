//! Who is who, as cases in data, and as properties of the pure function. `tests/service/cases.rs` runs the same cases through
//! Postgres.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cases;

use std::collections::BTreeSet;

use cases::world::World;
use cases::{Case, Customers, FIRST, Step, Texts, cases};
use hookpoint::brand::BrandRules;
use hookpoint::customer::record::Change;
use hookpoint::customer::rules::IdentityRules;
use proptest::prelude::*;

/// What must be among the cases.
const TOPICS: [&str; 33] = [
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
];

fn worlds(case: &Case, brands: &[BrandRules], changes: &[(String, Change)]) -> Vec<World> {
    brands.iter().map(|brand| World::new(case, &brand.slug, &brand.identity, changes)).collect()
}

#[test]
fn every_case_comes_out_as_written() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (brands, changes) = (case.brands(), case.changes());
        let customers = |steps| worlds(&case, &brands, &changes[..steps]).iter().flat_map(World::customers).collect::<Customers>();
        let then = case.steps.iter().zip(1..).filter_map(|(step, n)| Some((n, step.then.as_ref()?)));
        for (n, expected) in then.chain([(changes.len(), &case.customers)]) {
            let found = customers(n);
            if found != *expected {
                wrong.push(format!("{case}\n    after step {n}: {found:?}\n    instead of: {expected:?}"));
            }
        }
        let shared: BTreeSet<String> = worlds(&case, &brands, &changes).iter().flat_map(World::shared).map(|value| value.value).collect();
        if shared != case.shared {
            wrong.push(format!("{case}\n    shared: {shared:?}\n    instead of: {:?}", case.shared));
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
        assert!(!case.why.trim().is_empty() && !case.why.contains('\n'), "{case} says why in one line");
        assert!(whys.insert(&case.why), "{case} is there twice");
    }
    assert!(cases.len() >= 45, "{}", cases.len());
}

#[test]
fn the_order_of_records_does_not_matter() {
    for case in cases() {
        for world in worlds(&case, &case.brands(), &case.changes()) {
            let mut members = world.members();
            let expected = world.customers_of(&members);
            for _ in 0..members.len() {
                members.rotate_left(1);
                assert_eq!(world.customers_of(&members), expected, "{case}");
                if members.len() > 1 {
                    members.swap(0, 1);
                }
                assert_eq!(world.customers_of(&members), expected, "{case}");
            }
        }
    }
}

fn record() -> impl Strategy<Value = Step> {
    let kinds = prop::sample::select(vec!["omneo.profile", "omniotap.contact", "omnilab.participant"]);
    let names = |names: &[&str]| prop::option::of(prop::sample::select(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()));
    let some = |values: &[&str]| prop::sample::subsequence(values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>(), 0..2);
    (
        kinds,
        names(&["Jan", "J.", "Eva", "Emma"]),
        names(&["Kok", "Bos"]),
        some(&["a@example.org", "b@example.org", "c@example.org"]),
        some(&["+31611111111", "+31622222222"]),
        some(&["omneo.profile:p0", "omneo.profile:p1"]),
    )
        .prop_map(|(kind, first, last, email, phone, refs)| Step {
            record: Some(kind.to_owned()),
            first,
            last,
            email: Texts(email),
            phone: Texts(phone),
            refs,
            ..Step::default()
        })
}

/// A case of 2 to 8 such records, each with an id of its own.
fn some_case() -> impl Strategy<Value = Case> {
    prop::collection::vec(record(), 2..9).prop_map(|mut steps| {
        for (step, n) in steps.iter_mut().zip(0..) {
            step.record = step.record.take().map(|kind| format!("{kind}:p{n}"));
        }
        Case { steps, ..Case::default() }
    })
}

/// The first brand, with the rules that nobody changed.
fn world(case: &Case) -> World {
    World::new(case, FIRST, &IdentityRules::default(), &case.changes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_customer_holds_two_people_whom_their_source_keeps_apart(case in some_case()) {
        for cluster in world(&case).customers() {
            // Judged from the case itself: own ids and references into the unique kind. One record may contradict itself.
            let ids = |step: &Step| {
                let own = step.record.clone().filter(|key| key.starts_with("omneo.profile:"));
                own.into_iter().chain(step.refs.iter().cloned()).collect::<BTreeSet<_>>()
            };
            let of_cluster = case.steps.iter().filter(|step| step.record.as_ref().is_some_and(|key| cluster.contains(key)));
            let all: Vec<BTreeSet<String>> = of_cluster.map(ids).filter(|ids| !ids.is_empty()).collect();
            for left in &all {
                for right in &all {
                    prop_assert!(left == right, "{:?} {:?}", left, right);
                }
            }
        }
    }

    #[test]
    fn every_order_gives_the_same_customers(case in some_case(), turn in 0..8_usize) {
        let world = world(&case);
        let mut members = world.members();
        let expected = world.customers_of(&members);
        let turn = turn % members.len();
        members.rotate_left(turn);
        members.reverse();
        prop_assert_eq!(world.customers_of(&members), expected);
    }
}
