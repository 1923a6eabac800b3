//! Forbidden pairs: clusters that are two people, whatever they have in common. The clusters are those that a level
//! starts with.
//!
//! - A decision says that they are different people (`decisions.rs`).
//! - They have different ids of one unique kind (`unique_kinds.rs`). Not on the level of source merges: a merge is a
//!   fact, and makes ids equal.
//! - On the e-mail level: see `email_level.rs`. On the phone level: see `phone_level.rs`.

use std::collections::BTreeMap;

use super::cluster::{Cluster, Names};
use super::conflict::Conflict;
use super::email_level::{self, MailboxNames};
use super::evidence::{Held, Level};
use super::name_verdict::NameVerdict;
use super::rules::IdentityRules;
use super::{decisions, phone_level, unique_kinds};

/// The evidence that could join clusters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct On<'a> {
    pub level: Level,
    /// The one value that they have in common. `None` if several values connect them.
    pub value: Option<Held<'a>>,
}

/// The forbidden pairs among clusters that evidence could join. Clusters with the same names are compared once, because
/// many clusters have few different names.
pub(crate) struct ForbiddenPairs<'c, 'a> {
    clusters: &'c [&'c Cluster<'a>],
    level: Level,
    /// For each cluster, the number of its set of names.
    names_of: Vec<usize>,
    /// For each set of names, its comparison with the sets up to itself. Empty on the levels without names.
    verdicts: Vec<Vec<NameVerdict>>,
}

impl<'c, 'a> ForbiddenPairs<'c, 'a> {
    pub(crate) fn among(
        clusters: &'c [&'c Cluster<'a>],
        on: On<'_>,
        rules: &IdentityRules,
    ) -> Self {
        let level = on.level;
        if !names_count(level, rules) {
            return Self {
                clusters,
                level,
                names_of: vec![0; clusters.len()],
                verdicts: Vec::new(),
            };
        }
        let mut numbers: BTreeMap<&Names<'_>, usize> = BTreeMap::new();
        let mut different: Vec<&Names<'a>> = Vec::new();
        let mut names_of = Vec::with_capacity(clusters.len());
        for cluster in clusters {
            names_of.push(*numbers.entry(&cluster.names).or_insert_with(|| {
                different.push(&cluster.names);
                different.len().saturating_sub(1)
            }));
        }
        Self { clusters, level, names_of, verdicts: verdicts(&different, on, rules) }
    }

    /// The clusters, in their order.
    pub(crate) const fn clusters(&self) -> &'c [&'c Cluster<'a>] {
        self.clusters
    }

    /// Why the clusters must not all be joined, if there is a reason. Decisions are checked last, because they need no
    /// review.
    pub(crate) fn conflict(&self) -> Option<Conflict> {
        if self.ids_count() && unique_kinds::some_have_different_ids(self.clusters) {
            return Some(Conflict::DifferentIds);
        }
        self.conflict_of_names().or_else(|| {
            decisions::some_are_different(self.clusters).then_some(Conflict::DecidedDifferent)
        })
    }

    /// Whether two clusters, by their positions, must not be joined.
    pub(crate) fn contains(&self, one: usize, other: usize) -> bool {
        let Some((a, b)) = self.clusters.get(one).zip(self.clusters.get(other)) else {
            return false;
        };
        self.verdict(one, other).is_some_and(|verdict| verdict.forbids(a, b))
            || (self.ids_count() && unique_kinds::have_different_ids(a, b))
            || decisions::are_different(a, b)
    }

    /// Whether the names of two clusters, by their positions, agree in full.
    pub(crate) fn agree_in_full(&self, one: usize, other: usize) -> bool {
        matches!(self.verdict(one, other), Some(NameVerdict::Agree { in_full: true }))
    }

    /// The number of a cluster's set of names, by its position.
    pub(crate) fn names_of(&self, cluster: usize) -> Option<usize> {
        self.names_of.get(cluster).copied()
    }

    fn ids_count(&self) -> bool {
        self.level > Level::SourceMerge
    }

    fn verdict(&self, one: usize, other: usize) -> Option<NameVerdict> {
        let (n, m) = (self.names_of(one)?, self.names_of(other)?);
        self.verdicts.get(n.max(m))?.get(n.min(m)).copied()
    }

    /// The least conflict of names. A conflict without an exception comes first.
    fn conflict_of_names(&self) -> Option<Conflict> {
        let disagree = |verdict: &NameVerdict| matches!(verdict, NameVerdict::Disagree { .. });
        if !self.verdicts.iter().flatten().any(disagree) {
            return None;
        }
        let by_names = self.by_names();
        let conflicts = |is_certain: bool| {
            let by_names = &by_names;
            let pairs =
                self.verdicts.iter().zip(0..).flat_map(|(row, n)| {
                    row.iter().zip(0..).map(move |(verdict, m)| (n, m, *verdict))
                });
            pairs.filter_map(move |(n, m, verdict)| match verdict {
                NameVerdict::Disagree { conflict, unless } if unless.is_none() == is_certain => {
                    forbids_some(verdict, by_names, n, m).then_some(conflict)
                }
                NameVerdict::Agree { .. } | NameVerdict::Disagree { .. } => None,
            })
        };
        conflicts(true).min().or_else(|| conflicts(false).min())
    }

    /// The clusters with each set of names.
    fn by_names(&self) -> Vec<Vec<&'c Cluster<'a>>> {
        let mut by_names = vec![Vec::new(); self.verdicts.len()];
        for (cluster, names) in self.clusters.iter().zip(&self.names_of) {
            by_names.get_mut(*names).into_iter().for_each(|clusters| clusters.push(*cluster));
        }
        by_names
    }
}

/// Whether names can contradict evidence of a level.
const fn names_count(level: Level, rules: &IdentityRules) -> bool {
    match level {
        Level::Email => rules.email_link_requires_compatible_names,
        Level::Phone => true,
        Level::Decision | Level::SourceMerge | Level::Reference => false,
    }
}

/// Compares each set of names with the sets up to itself.
fn verdicts(sets: &[&Names<'_>], on: On<'_>, rules: &IdentityRules) -> Vec<Vec<NameVerdict>> {
    // If all have the same names, the mailbox decides nothing.
    let mailbox = if sets.len() > 1 { MailboxNames::new(on.value, sets) } else { None };
    let compare = |ours: &Names<'_>, theirs: &Names<'_>| match on.level {
        Level::Phone => phone_level::compare(ours, theirs, on.value),
        _ => email_level::compare(ours, theirs, mailbox.as_ref(), rules),
    };
    sets.iter()
        .enumerate()
        .map(|(n, ours)| {
            sets.iter().take(n.saturating_add(1)).map(|theirs| compare(ours, theirs)).collect()
        })
        .collect()
}

/// Whether a verdict on two sets of names forbids joining two of the clusters with these names.
fn forbids_some(
    verdict: NameVerdict,
    by_names: &[Vec<&Cluster<'_>>],
    one: usize,
    other: usize,
) -> bool {
    let [ours, theirs] =
        [one, other].map(|names| by_names.get(names).map_or(&[][..], Vec::as_slice));
    ours.iter().enumerate().any(|(n, a)| {
        let first = if one == other { n.saturating_add(1) } else { 0 };
        theirs.iter().skip(first).any(|b| verdict.forbids(a, b))
    })
}
