//! How well customers are made of records, where the truth is known.

use std::collections::{BTreeMap, BTreeSet};

use super::population::Population;
use super::population::situation::{Situation, Situations};
use crate::customer::record::RecordKey;

/// Counts over some people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// People.
    pub people: usize,
    /// Records of theirs, in the situation where it is about one.
    pub records: usize,
    /// Customers that hold records of more than one person.
    pub false_merges: usize,
    /// Pieces beyond the first that the records of one person fall into.
    pub missed_merges: usize,
    /// Of the missed, those where nothing is in common: no address and no id.
    pub without_evidence: usize,
    /// Pairs of records of one person in one customer.
    pub pairs_found: usize,
    /// Pairs of records of one person in two customers.
    pub pairs_missed: usize,
    /// Pairs of records of two people in one customer.
    pub pairs_wrong: usize,
}

impl Figures {
    /// Of the pairs that are in one customer, how many belong there; 1 where there is none.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.pairs_found, self.pairs_found + self.pairs_wrong)
    }

    /// Of the pairs that belong in one customer, how many are there; 1 where there is none.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.pairs_found, self.pairs_found + self.pairs_missed)
    }

    /// A count per 100,000 of these records.
    #[must_use]
    pub fn per_100_000_records(&self, count: usize) -> f64 {
        if self.records == 0 { 0.0 } else { share(count, self.records) * 100_000.0 }
    }
}

fn share(part: usize, whole: usize) -> f64 {
    let float = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    if whole == 0 { 1.0 } else { float(part) / float(whole) }
}

/// What came out.
#[derive(Debug)]
pub struct Accuracy {
    /// How many customers there are.
    pub customers: usize,
    /// Of everybody whom the records tell apart from everybody else.
    pub told_apart: Figures,
    /// Of those pairs of records, the ones that any evidence connects: an address or id in common, over others of the person too.
    pub pairs_with_evidence: usize,
    /// Of the people who have an address in common with somebody from whom nothing tells them apart.
    pub indistinguishable: Figures,
    /// Of the former, by situation; pairs are those that a record in the situation is part of.
    pub situations: BTreeMap<Situation, Figures>,
}

/// The records of one person.
#[derive(Debug, Default, Clone)]
struct Person {
    /// In each of the customers, with what they are in.
    pieces: BTreeMap<usize, Vec<Situations>>,
    is_indistinguishable: bool,
}

impl Accuracy {
    /// The recall over the pairs of records that any evidence connects: how much of what could be found was.
    #[must_use]
    pub fn recall_of_evidence(&self) -> f64 {
        share(self.told_apart.pairs_found, self.pairs_with_evidence)
    }

    /// Compares customers with the truth.
    pub fn measure<'a>(population: &Population, customers: impl Iterator<Item = BTreeSet<&'a RecordKey>>) -> Self {
        let mut people = vec![Person::default(); population.people];
        for person in population.indistinguishable.iter().flat_map(|(one, other)| [*one, *other]) {
            if let Some(person) = people.get_mut(person) {
                person.is_indistinguishable = true;
            }
        }
        let mut accuracy = Self {
            customers: 0,
            pairs_with_evidence: 0,
            told_apart: Figures::default(),
            indistinguishable: Figures::default(),
            situations: Situation::ALL.into_iter().map(|(situation, _)| (situation, Figures::default())).collect(),
        };
        for customer in customers {
            let mut records_of: BTreeMap<usize, Vec<Situations>> = BTreeMap::new();
            for truth in customer.into_iter().filter_map(|key| population.truth.get(key)) {
                records_of.entry(truth.person).or_default().push(truth.situations);
            }
            accuracy.count_customer(population, &records_of);
            for (person, records) in records_of {
                if let Some(person) = people.get_mut(person) {
                    person.pieces.insert(accuracy.customers, records);
                }
            }
            accuracy.customers += 1;
        }
        for (person, at_best) in people.iter().zip(&population.pieces_at_best) {
            accuracy.count_person(person, at_best);
        }
        accuracy
    }

    /// A customer of two people is a false merge, and not one of the indistinguishable's unless they all hang together over
    /// pairs that are.
    fn count_customer(&mut self, population: &Population, records_of: &BTreeMap<usize, Vec<Situations>>) {
        if records_of.len() < 2 {
            return;
        }
        let are_alike = |a: usize, b: usize| population.indistinguishable.contains(&(a.min(b), a.max(b)));
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for person in records_of.keys() {
            let (with, mut rest): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| group.iter().any(|other| are_alike(*person, *other)));
            rest.push(with.into_iter().flatten().chain([*person]).collect());
            groups = rest;
        }
        let are_told_apart = groups.len() > 1;
        let figures = if are_told_apart { &mut self.told_apart } else { &mut self.indistinguishable };
        let all: usize = records_of.values().map(Vec::len).sum();
        figures.false_merges += 1;
        figures.pairs_wrong += pairs(all) - records_of.values().map(|records| pairs(records.len())).sum::<usize>();
        if are_told_apart {
            let all = records_of.values().flatten().fold(Situations::default(), |all, record| all.and(*record));
            for (_, figures) in self.situations.iter_mut().filter(|(situation, _)| all.has(**situation)) {
                figures.false_merges += 1;
            }
        }
    }

    fn count_person(&mut self, person: &Person, at_best: &[usize]) {
        let count = |counts: &dyn Fn(&Situations) -> bool, figures: &mut Figures| {
            let records: Vec<usize> = person.pieces.values().map(Vec::len).collect();
            let others: Vec<usize> = person.pieces.values().map(|piece| piece.iter().filter(|record| !counts(record)).count()).collect();
            let (all, rest) = (records.iter().sum::<usize>(), others.iter().sum::<usize>());
            if all == rest {
                return;
            }
            let found = |pieces: &[usize]| pieces.iter().map(|records| pairs(*records)).sum::<usize>();
            let pairs_found = found(&records) - found(&others);
            figures.people += 1;
            figures.records += all - rest;
            figures.missed_merges += records.len() - 1;
            figures.without_evidence += at_best.len().saturating_sub(1).min(records.len() - 1);
            figures.pairs_found += pairs_found;
            figures.pairs_missed += pairs(all) - pairs(rest) - pairs_found;
        };
        if person.is_indistinguishable {
            count(&|_| true, &mut self.indistinguishable);
            return;
        }
        count(&|_| true, &mut self.told_apart);
        self.pairs_with_evidence += at_best.iter().map(|records| pairs(*records)).sum::<usize>();
        for (situation, figures) in &mut self.situations {
            count(&|record| record.has(*situation), figures);
        }
    }
}

const fn pairs(of: usize) -> usize {
    of * of.saturating_sub(1) / 2
}
