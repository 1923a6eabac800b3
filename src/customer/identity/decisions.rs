//! Decisions of people, which win over every rule: *same person* and *different people*.
//!
//! A decision stays valid after its records are gone: then the record that they were merged into, or that a decision
//! says is the same, represents them.

use std::collections::BTreeMap;

use super::cluster::Cluster;
use super::record_facts::RecordFacts;
use crate::customer::model::record::RecordKey;

/// The positions of the members.
pub(crate) type Positions<'a> = BTreeMap<&'a RecordKey, usize>;

/// What the decisions say about the members and their ids.
pub(crate) struct Decisions<'f, 'a> {
    facts: &'f RecordFacts<'a>,
    positions: &'f Positions<'a>,
    same_ids: Classes<'a>,
    same_records: Classes<'a>,
}

impl<'f, 'a> Decisions<'f, 'a> {
    pub(crate) fn new(facts: &'f RecordFacts<'a>, positions: &'f Positions<'a>) -> Self {
        let aliases = facts.aliases;
        let stands_for =
            |key| if positions.contains_key(key) { key } else { aliases.canonical(key) };
        let same = || facts.decisions.iter().filter(|decision| decision.same);
        let same_ids = Classes::new(same().map(|decision| {
            (aliases.canonical(&decision.left), aliases.canonical(&decision.right))
        }));
        let same_records = Classes::new(
            same().map(|decision| (stands_for(&decision.left), stands_for(&decision.right))),
        );
        Self { facts, positions, same_ids, same_records }
    }

    /// The least of the records that decisions say are the same person as this one. `None` without such a decision.
    pub(crate) fn same_record(&self, key: &RecordKey) -> Option<&'a RecordKey> {
        self.same_records.least(key)
    }

    /// The least of the ids that decisions joined with this one.
    pub(crate) fn id(&self, id: &'a RecordKey) -> &'a RecordKey {
        self.same_ids.least(id).unwrap_or(id)
    }

    /// Whether a record is self-asserted and no decision confirms it.
    pub(crate) fn leave_unconfirmed(&self, key: &RecordKey) -> bool {
        self.facts.rules.self_asserted.contains(&key.kind) && self.same_record(key).is_none()
    }

    /// The pairs of members that are different people. Trusted records are paired as if the unconfirmed ones did not
    /// exist.
    pub(crate) fn different(&self, is_unconfirmed: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        if self.facts.decisions.iter().all(|decision| decision.same) {
            return pairs;
        }
        let by_class = self.members_by_class();
        for decision in self.facts.decisions.iter().filter(|decision| !decision.same) {
            for with_unconfirmed in [false, true] {
                let may_be = |n: usize| with_unconfirmed || !is_unconfirmed(n);
                let left = self.meant(&decision.left, &by_class, may_be);
                let right = self.meant(&decision.right, &by_class, may_be);
                let all = left.iter().flat_map(|one| right.iter().map(move |other| (*one, *other)));
                pairs.extend(all.filter(|(one, other)| {
                    one != other
                        && with_unconfirmed == (is_unconfirmed(*one) || is_unconfirmed(*other))
                }));
            }
        }
        pairs
    }

    /// The members that a decision means by a key, among those that it may mean.
    fn meant(
        &self,
        key: &'a RecordKey,
        by_class: &BTreeMap<&'a RecordKey, Vec<usize>>,
        may_be: impl Fn(usize) -> bool,
    ) -> Vec<usize> {
        let is_member = self.positions.get(key).is_some_and(|n| may_be(*n));
        let key = if is_member { key } else { self.facts.aliases.canonical(key) };
        let of_class = || {
            let class = self.same_record(key).unwrap_or(key);
            by_class.get(class).cloned().unwrap_or_default()
        };
        let mut members = self.positions.get(key).map_or_else(of_class, |n| vec![*n]);
        members.retain(|n| may_be(*n));
        members
    }

    /// The members that decisions say are the same person. A member without such a decision is alone.
    fn members_by_class(&self) -> BTreeMap<&'a RecordKey, Vec<usize>> {
        let mut by_class: BTreeMap<&RecordKey, Vec<usize>> = BTreeMap::new();
        for (n, member) in self.facts.members.iter().enumerate() {
            let class = self.same_record(&member.key).unwrap_or(&member.key);
            by_class.entry(class).or_default().push(n);
        }
        by_class
    }
}

/// Maps equal keys to the least of them.
struct Classes<'a>(BTreeMap<&'a RecordKey, &'a RecordKey>);

impl<'a> Classes<'a> {
    fn new(pairs: impl Iterator<Item = (&'a RecordKey, &'a RecordKey)>) -> Self {
        let pairs: Vec<_> = pairs.collect();
        let mut least: BTreeMap<&RecordKey, &RecordKey> =
            pairs.iter().flat_map(|(left, right)| [(*left, *left), (*right, *right)]).collect();
        let mut changed = true;
        while changed {
            changed = false;
            for (left, right) in &pairs {
                let Some(smaller) = least.get(left).min(least.get(right)).copied() else {
                    continue;
                };
                for key in [left, right] {
                    changed |= least.insert(key, smaller) != Some(smaller);
                }
            }
        }
        Self(least)
    }

    fn least(&self, key: &RecordKey) -> Option<&'a RecordKey> {
        self.0.get(key).copied()
    }
}

/// Whether a decision says that two clusters are different people. Each side stores the decision.
pub(crate) fn are_different(a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
    a.apart_from.iter().any(|n| b.members.binary_search(n).is_ok())
}

/// Whether a decision says that any two of the clusters are different people.
pub(crate) fn some_are_different(clusters: &[&Cluster<'_>]) -> bool {
    different_pairs(&with_decisions(clusters)).next().is_some()
}

/// The number of pairs of clusters without a decision that they are different people.
pub(crate) fn count_undecided_pairs(clusters: &[&Cluster<'_>]) -> usize {
    let pairs = clusters
        .len()
        .saturating_mul(clusters.len().saturating_sub(1))
        .checked_div(2)
        .unwrap_or_default();
    pairs.saturating_sub(different_pairs(&with_decisions(clusters)).count())
}

fn with_decisions<'c, 'a>(clusters: &[&'c Cluster<'a>]) -> Vec<&'c Cluster<'a>> {
    clusters.iter().copied().filter(|cluster| !cluster.apart_from.is_empty()).collect()
}

fn different_pairs<'c, 'a>(
    clusters: &[&'c Cluster<'a>],
) -> impl Iterator<Item = (&'c Cluster<'a>, &'c Cluster<'a>)> {
    clusters.iter().enumerate().flat_map(|(n, one)| {
        let others = clusters.iter().skip(n.saturating_add(1));
        others.filter(|other| are_different(one, other)).map(|other| (*one, *other))
    })
}
