//! Measures the accuracy of identity resolution on a population whose truth is known.

mod figures;
mod lookups;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

pub use self::figures::Figures;
use self::figures::{Placed, pairs};
pub use self::lookups::{Forged, Lookups};
pub use self::rules::{Joined, KeptApart};
use super::population::evidence::Pair;
use super::population::situation::Situation;
use super::population::{Population, Truth};
use crate::customer::identity::evidence::Level;
use crate::customer::identity::in_memory::InMemoryIdentity;
use crate::customer::model::record::RecordKey;

/// Counts for people who are hard to distinguish from somebody, and for all others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts {
    /// People whom their situation distinguishes from everybody else.
    pub plain: Figures,
    /// People who are hard to distinguish from somebody.
    pub hard: Figures,
}

impl Parts {
    /// The counts of both parts.
    #[must_use]
    pub const fn all(&self) -> Figures {
        self.plain.and(self.hard)
    }

    const fn part(&mut self, is_hard: bool) -> &mut Figures {
        if is_hard { &mut self.hard } else { &mut self.plain }
    }
}

/// The result of a measurement. Forged forms are not counted in it.
#[derive(Debug)]
pub struct Accuracy {
    /// The number of customers.
    pub customers: usize,
    /// Counts over all people. A customer of two people is a false merge of the hard part if they are hard to
    /// distinguish. A customer of several people is one if pairs that are hard to distinguish connect them all.
    pub overall: Parts,
    /// The hard part's people who share an address with somebody and whose records do not distinguish them from that
    /// person.
    pub indistinguishable: Figures,
    /// Counts by situation: its records, pairs with at least one such record, and false merges with one. Wrong pairs
    /// are not counted by situation.
    pub situations: BTreeMap<Situation, Parts>,
    /// What each level of evidence joined.
    pub joined: BTreeMap<Level, Joined>,
    /// Evidence that was not used, by its level and the conflict.
    pub kept_apart: BTreeMap<(Level, &'static str), KeptApart>,
    /// Results of lookups by people's own addresses.
    pub lookups: Lookups,
}

impl Accuracy {
    /// Compares the customers with the truth.
    #[must_use]
    pub fn measure(population: &Population, in_memory: &InMemoryIdentity) -> Self {
        let mut accuracy = Self {
            customers: 0,
            overall: Parts::default(),
            indistinguishable: Figures::default(),
            situations: Situation::ALL
                .into_iter()
                .map(|(situation, _)| (situation, Parts::default()))
                .collect(),
            joined: rules::joined(population, in_memory),
            kept_apart: rules::kept_apart(population, in_memory),
            lookups: Lookups::measure(population, in_memory),
        };
        let mut people: Vec<Vec<Placed>> = vec![Vec::new(); population.people_and_couples];
        for customer in in_memory.customers() {
            accuracy.count_customer(population, &customer, &mut people);
        }
        let [hard, alike] = [&population.hard, &population.indistinguishable].map(concerned);
        for (person, records) in people.iter().enumerate() {
            if alike.contains(&person) {
                accuracy.indistinguishable.count(records, |_| true);
            }
            accuracy.count_person(records, hard.contains(&person));
        }
        accuracy
    }

    fn count_customer(
        &mut self,
        population: &Population,
        customer: &BTreeSet<&RecordKey>,
        people: &mut [Vec<Placed>],
    ) {
        let mut records_of: BTreeMap<usize, Vec<Truth>> = BTreeMap::new();
        for truth in customer.iter().filter_map(|key| population.truth.get(*key)) {
            records_of.entry(truth.person).or_default().push(*truth);
        }
        if records_of.is_empty() {
            return;
        }
        if records_of.len() > 1 {
            self.count_false_merge(population, &records_of);
        }
        for (person, records) in records_of {
            if let Some(placed) = people.get_mut(person) {
                placed.extend(
                    records.into_iter().map(|truth| Placed { customer: self.customers, truth }),
                );
            }
        }
        self.customers += 1;
    }

    /// Counts a customer of several people. Pairs of people who are hard to distinguish are wrong pairs of the hard
    /// part, all others of the plain part.
    fn count_false_merge(
        &mut self,
        population: &Population,
        records_of: &BTreeMap<usize, Vec<Truth>>,
    ) {
        let wrong = |people: &[usize]| {
            let counts: Vec<usize> =
                people.iter().filter_map(|person| records_of.get(person)).map(Vec::len).collect();
            pairs(counts.iter().sum()) - counts.iter().map(|count| pairs(*count)).sum::<usize>()
        };
        let all: Vec<usize> = records_of.keys().copied().collect();
        let hard = connected(&all, &population.hard);
        let wrong_and_hard: usize = hard.iter().map(|people| wrong(people)).sum();
        let is_hard = hard.len() == 1;
        self.overall.part(is_hard).false_merges += 1;
        self.overall.hard.pairs_wrong += wrong_and_hard;
        self.overall.plain.pairs_wrong += wrong(&all) - wrong_and_hard;
        let alike = connected(&all, &population.indistinguishable);
        self.indistinguishable.false_merges += usize::from(alike.len() == 1);
        self.indistinguishable.pairs_wrong +=
            alike.iter().map(|people| wrong(people)).sum::<usize>();
        let is_in = |situation: Situation| {
            records_of.values().flatten().any(|truth| truth.situations.has(situation))
        };
        for (_, parts) in self.situations.iter_mut().filter(|(situation, _)| is_in(**situation)) {
            parts.part(is_hard).false_merges += 1;
        }
    }

    fn count_person(&mut self, records: &[Placed], is_hard: bool) {
        self.overall.part(is_hard).count(records, |_| true);
        for (situation, parts) in &mut self.situations {
            parts.part(is_hard).count(records, |record| record.truth.situations.has(*situation));
        }
    }
}

/// All people in the pairs.
fn concerned(pairs: &BTreeSet<Pair>) -> BTreeSet<usize> {
    pairs.iter().flat_map(|(one, other)| [*one, *other]).collect()
}

/// Groups people that the pairs connect.
fn connected(people: &[usize], pairs: &BTreeSet<Pair>) -> Vec<Vec<usize>> {
    let are_paired = |a: usize, b: usize| pairs.contains(&(a.min(b), a.max(b)));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for person in people {
        let (with, mut rest): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|group| group.iter().any(|other| are_paired(*person, *other)));
        rest.push(with.into_iter().flatten().chain([*person]).collect());
        groups = rest;
    }
    groups
}
