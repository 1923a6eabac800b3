//! What a resolution found: customers, the evidence that joined them, and what goes to review.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::{Cluster, positions_by_member};
use super::conflict::Conflict;
use super::decisions::count_undecided_pairs;
use super::evidence::{Evidence, Level};
use super::moved_numbers::Moved;

/// Evidence that joined records to one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The strength of the evidence.
    pub level: Level,
    /// What the records have in common.
    pub evidence: Evidence,
    /// The records that have it, as indices of the members.
    pub members: Vec<usize>,
}

/// Unused evidence with the reason: a question that only a person can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewCandidate {
    /// The strength of the evidence.
    pub level: Level,
    /// What the records have in common. For a group that was not formed: the first of several.
    pub evidence: Evidence,
    /// The conflict that keeps them apart.
    pub conflict: Conflict,
    /// The customers concerned, as positions in [`Resolution::clusters`]; two or more.
    pub clusters: Vec<usize>,
}

/// The resolved customers, with the reasons.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// The customers: indices of the members, each in ascending order.
    pub clusters: Vec<Vec<usize>>,
    /// Self-asserted records that nobody confirmed, as indices of the members.
    pub unconfirmed: BTreeSet<usize>,
    /// The evidence that joined them.
    pub links: Vec<Link>,
    /// The open questions, without those that a decision or other evidence answered.
    pub review_candidates: Vec<ReviewCandidate>,
    /// Evidence that joins nobody, because decisions say that all customers with it differ.
    pub decided: Vec<ReviewCandidate>,
    /// Phone numbers that have a new owner.
    pub moved: Vec<Moved>,
    /// The number of components above the cap, in which some evidence could not link.
    pub oversized: usize,
}

impl Resolution {
    /// The kinds of evidence that joined each customer, the strongest first.
    #[must_use]
    pub fn joined_by(&self) -> Vec<BTreeSet<(Level, &'static str)>> {
        let mut joined = vec![BTreeSet::new(); self.clusters.len()];
        let positions: BTreeMap<usize, usize> = (0_usize..)
            .zip(&self.clusters)
            .flat_map(|(n, members)| members.iter().map(move |member| (*member, n)))
            .collect();
        for Link { level, evidence, members } in &self.links {
            // A link joins records of one customer.
            let cluster = members.first().and_then(|member| positions.get(member));
            if let Some(kinds) = cluster.and_then(|n| joined.get_mut(*n)) {
                kinds.insert((*level, evidence.in_words().0));
            }
        }
        joined
    }
}

/// A cluster, with the weakest level that its component may use.
#[derive(Debug)]
pub(crate) struct ResolvedCluster<'a> {
    pub cluster: Cluster<'a>,
    pub last: Level,
}

/// Unused evidence, while the customers are not final: it names each cluster by one of its members.
#[derive(Debug)]
pub(crate) struct OpenQuestion {
    pub level: Level,
    pub evidence: Evidence,
    pub conflict: Conflict,
    pub members: Vec<usize>,
}

/// The result so far.
#[derive(Debug, Default)]
pub(crate) struct Findings<'a> {
    pub clusters: Vec<ResolvedCluster<'a>>,
    pub links: Vec<Link>,
    pub questions: Vec<OpenQuestion>,
    pub moved: Vec<Moved>,
    pub unconfirmed: BTreeSet<usize>,
    pub oversized: usize,
}

impl Findings<'_> {
    /// Drops questions that other evidence answered: it joined the customers. Those that decisions answered are no longer open.
    pub(crate) fn into_resolution(self) -> Resolution {
        let mut all: Vec<Cluster<'_>> =
            self.clusters.into_iter().map(|resolved| resolved.cluster).collect();
        all.sort_by(|a, b| a.members.cmp(&b.members));
        let positions = positions_by_member(all.iter());
        let (mut review_candidates, mut decided) = (Vec::new(), Vec::new());
        for OpenQuestion { level, evidence, conflict, members } in self.questions {
            let concerned: BTreeSet<usize> =
                members.iter().filter_map(|member| positions.get(member).copied()).collect();
            let clusters: Vec<&Cluster<'_>> =
                concerned.iter().filter_map(|n| all.get(*n)).collect();
            let is_open = count_undecided_pairs(&clusters) > 0;
            let clusters: Vec<usize> = concerned.into_iter().collect();
            if is_open {
                review_candidates.push(ReviewCandidate { level, evidence, conflict, clusters });
            } else if clusters.len() > 1 {
                let conflict = Conflict::DecidedDifferent;
                decided.push(ReviewCandidate { level, evidence, conflict, clusters });
            }
        }
        Resolution {
            clusters: all.into_iter().map(|cluster| cluster.members).collect(),
            unconfirmed: self.unconfirmed,
            links: self.links,
            review_candidates,
            decided,
            moved: self.moved,
            oversized: self.oversized,
        }
    }
}
