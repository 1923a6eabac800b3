//! Identity resolution on a population with known truth: no two people are merged, and most records of one person are
//! joined.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use hookpoint::customer::identity::in_memory::InMemoryIdentity;
use hookpoint::customer::identity::rules::IdentityRules;
use hookpoint::customer::model::record::RecordKey;
use hookpoint::customer::model::source::SourceKind;
use hookpoint::demo::accuracy::{Accuracy, Forged};
use hookpoint::demo::population::Population;
use hookpoint::demo::population::situation::Situation;

const PEOPLE: usize = 20_000;
const SEED: u64 = 1;

static POPULATION: LazyLock<Population> = LazyLock::new(|| Population::new(PEOPLE, SEED));

fn rules() -> IdentityRules {
    IdentityRules { region: "NL".parse().ok(), ..IdentityRules::default() }
}

static IN_MEMORY: LazyLock<InMemoryIdentity> =
    LazyLock::new(|| InMemoryIdentity::take(POPULATION.changes.clone(), &[], &rules()));
static MEASURED: LazyLock<Accuracy> = LazyLock::new(|| Accuracy::measure(&POPULATION, &IN_MEMORY));

#[test]
fn nobody_is_merged_with_anybody_else() {
    let plain = MEASURED.overall.plain;
    assert_eq!((plain.false_merges, plain.pairs_wrong), (0, 0));
}

#[test]
fn few_are_merged_where_no_rule_can_settle_it() {
    let (hard, alike) = (MEASURED.overall.hard, MEASURED.indistinguishable);
    // The records of indistinguishable people do not say which person they are, so they are counted separately.
    let wrong = (hard.pairs_wrong - alike.pairs_wrong) * 1_000;
    assert!(
        wrong <= POPULATION.truth.len(),
        "{wrong} of {} records, {} of them hard",
        POPULATION.truth.len(),
        hard.records
    );
}

#[test]
fn most_that_belongs_together_is_found() {
    let all = MEASURED.overall.all();
    assert!(all.recall_of_evidence() >= 0.97, "{}", all.recall_of_evidence());
    let plain = MEASURED.overall.plain;
    assert!(plain.recall_of_evidence() >= 0.97, "{}", plain.recall_of_evidence());
}

#[test]
fn a_persons_own_address_finds_that_person_alone() {
    let lookups = MEASURED.lookups;
    assert!(lookups.addresses > PEOPLE / 2, "{lookups:?}");
    assert!(lookups.share_of_several() <= 0.007, "{lookups:?}");
    assert!(lookups.none * 100 < lookups.addresses, "{lookups:?}");
}

#[test]
fn forged_forms_change_no_customer_of_trusted_records() {
    let honest = InMemoryIdentity::take(POPULATION.honest_changes(), &[], &rules());
    let forged = Forged::measure(&POPULATION, &IN_MEMORY, &honest);
    assert!(forged.forms >= 100, "{forged:?}");
    assert_eq!(forged.changed, 0, "{forged:?}");
}

#[test]
fn the_people_who_are_hard_to_distinguish_are_few_and_counted_separately() {
    let (parts, alike) = (MEASURED.overall, MEASURED.indistinguishable);
    assert_eq!(parts.all().people, POPULATION.people_and_couples);
    assert_eq!(parts.all().records, POPULATION.truth.len());
    assert!(parts.hard.people * 10 < PEOPLE, "{}", parts.hard.people);
    assert!(alike.people <= parts.hard.people && alike.people * 20 < PEOPLE, "{}", alike.people);
    assert!(POPULATION.indistinguishable.is_subset(&POPULATION.hard));
    // The hard cases are really hard: the rules do not resolve all of them.
    assert!(parts.hard.false_merges > 0);
}

#[test]
fn what_the_rules_joined_adds_up_to_what_is_joined() {
    let all = MEASURED.overall.all();
    let joined = MEASURED
        .joined
        .values()
        .fold((0, 0), |(right, wrong), joined| (right + joined.right, wrong + joined.wrong));
    assert_eq!(joined, (all.pairs_found, all.pairs_wrong));
    let reviews: usize = MEASURED.kept_apart.values().map(|apart| apart.reviews).sum();
    assert_eq!(reviews, IN_MEMORY.resolution.review_candidates.len());
}

#[test]
fn every_situation_is_in_the_population() {
    for (situation, name) in Situation::ALL {
        let records = MEASURED.situations[&situation].all().records;
        assert!(records >= 100, "{name}: {records}");
    }
}

#[test]
fn a_quarter_of_the_participants_bear_an_id_of_nobodys() {
    let participants =
        POPULATION.truth.iter().filter(|(key, _)| key.kind == SourceKind::OmniLabParticipant);
    let (strange, known): (Vec<_>, Vec<_>) =
        participants.partition(|(_, truth)| truth.situations.has(Situation::StrangeId));
    let share = 1_000 * strange.len() / (strange.len() + known.len());
    assert!((235..265).contains(&share), "{share}");
    assert!(known.iter().any(|(_, truth)| truth.situations.has(Situation::Reference)));
}

#[test]
fn forged_forms_are_forms_about_somebody_who_is_there() {
    assert!(POPULATION.forged.keys().all(
        |key| key.kind == SourceKind::OmniLabParticipant && !POPULATION.truth.contains_key(key)
    ));
    assert!(POPULATION.forged.values().all(|victim| *victim < PEOPLE));
    let mut forms: BTreeMap<usize, usize> = BTreeMap::new();
    for victim in POPULATION.forged.values() {
        *forms.entry(*victim).or_default() += 1;
    }
    assert!(
        forms.values().any(|forms| *forms == 1) && forms.values().any(|forms| *forms >= 15),
        "{forms:?}"
    );
}

#[test]
fn every_record_has_a_change_and_belongs_to_one_customer() {
    let counted: Vec<&RecordKey> = IN_MEMORY.customers().flatten().collect();
    let known: BTreeSet<&RecordKey> =
        POPULATION.truth.keys().chain(POPULATION.forged.keys()).collect();
    assert_eq!(counted.len(), known.len());
    assert_eq!(counted.into_iter().collect::<BTreeSet<_>>(), known);
}

#[test]
fn the_same_seed_gives_the_same_population_and_another_seed_another() {
    let (one, same, other) =
        (Population::new(1_000, 7), Population::new(1_000, 7), Population::new(1_000, 8));
    assert_eq!(one.changes, same.changes);
    assert_eq!(one.truth, same.truth);
    assert_eq!((one.hard, one.indistinguishable), (same.hard, same.indistinguishable));
    assert_eq!((one.forged, one.own_addresses), (same.forged, same.own_addresses));
    assert_ne!(one.changes, other.changes);
}

#[test]
fn the_order_of_changes_does_not_matter() {
    let population = Population::new(1_000, 7);
    let customers = |in_memory: &InMemoryIdentity| {
        in_memory
            .customers()
            .map(|keys| keys.into_iter().cloned().collect())
            .collect::<BTreeSet<BTreeSet<RecordKey>>>()
    };
    let forwards = InMemoryIdentity::take(population.changes.clone(), &[], &rules());
    let backwards = InMemoryIdentity::take(population.changes.into_iter().rev(), &[], &rules());
    assert_eq!(customers(&forwards), customers(&backwards));
}

#[test]
fn rules_that_are_too_trusting_are_found_out() {
    let false_merges = |rules: &IdentityRules| {
        let in_memory = InMemoryIdentity::take(POPULATION.changes.clone(), &[], rules);
        Accuracy::measure(&POPULATION, &in_memory).overall
    };
    assert!(
        false_merges(&IdentityRules { email_link_requires_compatible_names: false, ..rules() })
            .plain
            .false_merges
            > 10
    );
    let usual = MEASURED.overall.all().pairs_wrong;
    assert!(
        false_merges(&IdentityRules { email_link_requires_first_name: false, ..rules() })
            .all()
            .pairs_wrong
            > usual
    );
}
