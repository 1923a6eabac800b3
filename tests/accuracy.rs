//! Who is who over a population whose truth is known: nobody is merged with anybody else, and most pieces are found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use hookpoint::customer::census::Census;
use hookpoint::customer::record::RecordKey;
use hookpoint::customer::rules::IdentityRules;
use hookpoint::demo::accuracy::Accuracy;
use hookpoint::demo::population::Population;
use hookpoint::demo::population::situation::Situation;

const PEOPLE: usize = 20_000;
const SEED: u64 = 1;

static POPULATION: LazyLock<Population> = LazyLock::new(|| Population::new(PEOPLE, SEED));

fn rules() -> IdentityRules {
    IdentityRules { region: "NL".parse().ok(), ..IdentityRules::default() }
}

fn accuracy(rules: &IdentityRules) -> Accuracy {
    let census = Census::take(POPULATION.changes.clone(), &[], rules);
    Accuracy::measure(&POPULATION, census.customers())
}

static MEASURED: LazyLock<Accuracy> = LazyLock::new(|| accuracy(&rules()));

#[test]
fn nobody_is_merged_with_anybody_else() {
    assert_eq!((MEASURED.told_apart.false_merges, MEASURED.told_apart.pairs_wrong), (0, 0));
}

#[test]
fn most_that_belongs_together_is_found() {
    assert!(MEASURED.told_apart.recall() > 0.71, "{}", MEASURED.told_apart.recall());
    assert!(MEASURED.recall_of_evidence() > 0.90, "{}", MEASURED.recall_of_evidence());
}

#[test]
fn the_people_whom_nothing_tells_apart_are_few_and_counted_apart() {
    let alike = MEASURED.indistinguishable.people;
    assert_eq!(MEASURED.told_apart.people + alike, PEOPLE);
    assert!(alike * 20 < PEOPLE, "{alike}");
    // It is a real difficulty, and not one that the rules happen to settle.
    assert!(MEASURED.indistinguishable.false_merges > 0);
}

#[test]
fn every_situation_is_in_the_population() {
    for (situation, name) in Situation::ALL {
        let figures = MEASURED.situations[&situation];
        assert!(figures.records >= 100, "{name}: {}", figures.records);
    }
}

#[test]
fn every_record_is_told_of_and_every_record_is_one_customers() {
    let census = Census::take(POPULATION.changes.clone(), &[], &rules());
    let counted: Vec<&RecordKey> = census.customers().flatten().collect();
    let known: BTreeSet<&RecordKey> = POPULATION.truth.keys().collect();
    assert_eq!(counted.len(), known.len());
    assert_eq!(counted.into_iter().collect::<BTreeSet<_>>(), known);
}

#[test]
fn the_same_seed_gives_the_same_population_and_another_seed_another() {
    let (one, same, other) = (Population::new(1_000, 7), Population::new(1_000, 7), Population::new(1_000, 8));
    assert_eq!(one.changes, same.changes);
    assert_eq!(one.truth, same.truth);
    assert_eq!(one.indistinguishable, same.indistinguishable);
    assert_ne!(one.changes, other.changes);
}

#[test]
fn the_order_of_changes_does_not_matter() {
    let population = Population::new(1_000, 7);
    let customers = |census: &Census| census.customers().map(|keys| keys.into_iter().cloned().collect()).collect::<BTreeSet<BTreeSet<RecordKey>>>();
    let forwards = Census::take(population.changes.clone(), &[], &rules());
    let backwards = Census::take(population.changes.into_iter().rev(), &[], &rules());
    assert_eq!(customers(&forwards), customers(&backwards));
}

#[test]
fn rules_that_are_too_trusting_are_found_out() {
    let no_names = IdentityRules { email_needs_names: false, ..rules() };
    assert!(accuracy(&no_names).told_apart.false_merges > 10);
    let nobody_is_unique = IdentityRules { unique: BTreeSet::new(), ..rules() };
    assert!(accuracy(&nobody_is_unique).told_apart.false_merges > 0);
}
