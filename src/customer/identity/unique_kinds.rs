//! Unique kinds: two records of a kind whose source keeps people unique are two people, unless their source merged them
//! or a person decided so.
//!
//! A record represents its own id, and those of known records that it refers to. Merges are followed. Ids that a
//! decision joined count as one.

use std::collections::BTreeSet;

use super::cluster::{Cluster, Ids};
use super::decisions::Decisions;
use super::record_facts::RecordFacts;
use crate::customer::model::record::RecordKey;

/// The ids of unique kinds among the records that a member is or refers to.
pub(crate) fn ids_among<'a>(
    keys: impl Iterator<Item = &'a RecordKey>,
    facts: &RecordFacts<'a>,
    decisions: &Decisions<'_, 'a>,
) -> Ids<'a> {
    let mut ids = Ids::new();
    for key in keys.filter(|key| facts.rules.one_record_per_person.contains(&key.kind)) {
        let id = decisions.id(facts.aliases.canonical(key));
        ids.entry(key.kind).or_default().insert(id);
    }
    ids
}

/// Whether both have ids of the same unique kind, and the ids differ.
pub(crate) fn have_different_ids(a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
    a.ids
        .iter()
        .any(|(kind, ids)| b.ids.get(kind).is_some_and(|others| ids.union(others).nth(1).is_some()))
}

/// Whether any two of the clusters have different ids of one kind.
pub(crate) fn some_have_different_ids(clusters: &[&Cluster<'_>]) -> bool {
    let kinds: BTreeSet<_> =
        clusters.iter().flat_map(|cluster| cluster.ids.keys().copied()).collect();
    kinds.into_iter().any(|kind| {
        let mut known = clusters.iter().filter_map(|cluster| cluster.ids.get(&kind));
        let first = known.next();
        known.any(|ids| first.is_some_and(|first| first.union(ids).nth(1).is_some()))
    })
}
