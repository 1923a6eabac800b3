//! Records that are already joined, with their combined facts.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Member, PersonFacts};
use crate::customer::model::folded_name::FoldedName;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::SourceKind;

/// The names in some records.
pub(crate) type Names<'a> = BTreeSet<&'a FoldedName>;

/// Records that are joined so far.
#[derive(Debug, Default)]
pub(crate) struct Cluster<'a> {
    /// Their indices, in ascending order.
    pub members: Vec<usize>,
    /// Members that a decision says are somebody else.
    pub apart_from: BTreeSet<usize>,
    /// The ids of unique kinds that they represent.
    pub ids: BTreeMap<SourceKind, BTreeSet<&'a RecordKey>>,
    /// Their names.
    pub names: Names<'a>,
    /// Their personal e-mail addresses: neither of a role nor shared.
    pub emails: BTreeSet<&'a Identifier>,
    /// Their personal phone numbers.
    pub phones: BTreeSet<&'a Identifier>,
}

impl<'a> Cluster<'a> {
    pub(crate) fn new(number: usize, member: &'a Member, person: &PersonFacts<'a>) -> Self {
        let mut cluster = Self {
            members: vec![number],
            apart_from: person.apart_from.clone(),
            ids: person.ids.clone(),
            ..Self::default()
        };
        if !person.is_loser {
            let of_kind = |kind| {
                member.linking.iter().filter(move |identifier| identifier.kind == kind).collect()
            };
            cluster.names.extend(member.name.is_known().then_some(&member.name));
            cluster.emails = of_kind(IdentifierKind::Email);
            cluster.phones = of_kind(IdentifierKind::Phone);
        }
        cluster
    }

    pub(crate) fn join(mut self, other: Self) -> Self {
        self.members.extend(other.members);
        self.members.sort_unstable();
        self.apart_from.extend(other.apart_from);
        for (kind, ids) in other.ids {
            self.ids.entry(kind).or_default().extend(ids);
        }
        self.names.extend(other.names);
        self.emails.extend(other.emails);
        self.phones.extend(other.phones);
        self
    }

    /// Whether a decision says that the two clusters are different people. Each side stores the decision.
    pub(crate) fn is_decided_different_from(&self, other: &Self) -> bool {
        self.apart_from.iter().any(|n| other.members.binary_search(n).is_ok())
    }

    /// Whether both have ids of the same unique kind, and the ids differ.
    pub(crate) fn has_other_ids_than(&self, other: &Self) -> bool {
        self.ids.iter().any(|(kind, ids)| {
            other.ids.get(kind).is_some_and(|others| ids.union(others).nth(1).is_some())
        })
    }
}

/// The number of pairs of clusters without a decision that they are different people.
pub(crate) fn undecided_pairs(among: &[&Cluster<'_>]) -> usize {
    let pairs = among
        .len()
        .saturating_mul(among.len().saturating_sub(1))
        .checked_div(2)
        .unwrap_or_default();
    let deciding: Vec<&&Cluster<'_>> =
        among.iter().filter(|cluster| !cluster.apart_from.is_empty()).collect();
    let decided = deciding.iter().enumerate().map(|(n, cluster)| {
        let others = deciding.iter().skip(n.saturating_add(1));
        others.filter(|other| cluster.is_decided_different_from(other)).count()
    });
    pairs.saturating_sub(decided.sum())
}
