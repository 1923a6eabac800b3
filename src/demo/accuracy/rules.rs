//! Measures what each rule did: which records each level of evidence joined, and which conflicts kept records of one
//! person apart.

use std::collections::{BTreeMap, BTreeSet};

use super::figures::pairs;
use crate::customer::identity::evidence::Level;
use crate::customer::identity::in_memory::InMemoryIdentity;
use crate::demo::population::Population;

/// Pairs of records that one level of evidence joined, without stronger evidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Joined {
    /// Pairs of one person.
    pub right: usize,
    /// Pairs of two people.
    pub wrong: usize,
}

/// Evidence that was not used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeptApart {
    /// The number of open questions about it.
    pub reviews: usize,
    /// Of these, the questions that keep records of one person apart.
    pub of_one_person: usize,
}

/// The person of each member. `None` for forged forms.
fn people_of(population: &Population, in_memory: &InMemoryIdentity) -> Vec<Option<usize>> {
    in_memory
        .members
        .iter()
        .map(|member| population.truth.get(&member.key).map(|truth| truth.person))
        .collect()
}

/// What each level joined.
pub(super) fn joined(
    population: &Population,
    in_memory: &InMemoryIdentity,
) -> BTreeMap<Level, Joined> {
    let people = people_of(population, in_memory);
    let mut groups: Vec<usize> = (0..people.len()).collect();
    let mut before = Joined::default();
    let mut levels = BTreeMap::new();
    for level in Level::ALL {
        for link in in_memory.resolution.links.iter().filter(|link| link.level == level) {
            for member in &link.members {
                union(&mut groups, link.members.first().copied().unwrap_or_default(), *member);
            }
        }
        let after = together(&mut groups, &people);
        levels.insert(
            level,
            Joined { right: after.right - before.right, wrong: after.wrong - before.wrong },
        );
        before = after;
    }
    levels
}

/// Counts the pairs in one group.
fn together(groups: &mut [usize], people: &[Option<usize>]) -> Joined {
    let mut held: BTreeMap<usize, BTreeMap<usize, usize>> = BTreeMap::new();
    for (n, person) in people.iter().enumerate() {
        if let Some(person) = person {
            *held.entry(root(groups, n)).or_default().entry(*person).or_default() += 1;
        }
    }
    let mut joined = Joined::default();
    for records in held.values() {
        let right: usize = records.values().map(|count| pairs(*count)).sum();
        joined.right += right;
        joined.wrong += pairs(records.values().sum()) - right;
    }
    joined
}

fn union(groups: &mut [usize], one: usize, other: usize) {
    let (one, other) = (root(groups, one), root(groups, other));
    if let Some(slot) = groups.get_mut(one.max(other)) {
        *slot = one.min(other);
    }
}

fn root(groups: &mut [usize], n: usize) -> usize {
    let mut top = n;
    while let Some(&next) = groups.get(top).filter(|next| **next != top) {
        top = next;
    }
    if let Some(slot) = groups.get_mut(n) {
        *slot = top;
    }
    top
}

/// The evidence that was not used, by its level and the conflict.
pub(super) fn kept_apart(
    population: &Population,
    in_memory: &InMemoryIdentity,
) -> BTreeMap<(Level, &'static str), KeptApart> {
    let people = people_of(population, in_memory);
    let mut kept_apart: BTreeMap<(Level, &'static str), KeptApart> = BTreeMap::new();
    for candidate in &in_memory.resolution.review_candidates {
        let counts = kept_apart.entry((candidate.level, candidate.conflict.as_str())).or_default();
        let clusters = candidate
            .clusters
            .iter()
            .filter_map(|cluster| in_memory.resolution.clusters.get(*cluster));
        let mut seen = BTreeSet::new();
        let splits_one = clusters.fold(false, |splits, cluster| {
            let people: BTreeSet<usize> = cluster
                .iter()
                .filter_map(|member| people.get(*member).copied().flatten())
                .collect();
            let again = people.iter().any(|person| seen.contains(person));
            seen.extend(people);
            splits || again
        });
        counts.reviews += 1;
        counts.of_one_person += usize::from(splits_one);
    }
    kept_apart
}
