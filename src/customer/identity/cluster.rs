//! What is known of the records that already belong together.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Member, PersonFacts};
use crate::customer::model::folded_name::FoldedName;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::SourceKind;

/// The names that some records give.
pub(crate) type Names<'a> = BTreeSet<&'a FoldedName>;

/// Records that belong together so far.
#[derive(Debug, Default)]
pub(crate) struct Cluster<'a> {
    /// Their numbers, in ascending order.
    pub members: Vec<usize>,
    /// Members that people decided to be somebody else.
    pub apart_from: BTreeSet<usize>,
    /// The ids of unique kinds that they stand for.
    pub ids: BTreeMap<SourceKind, BTreeSet<&'a RecordKey>>,
    /// What they are called.
    pub names: Names<'a>,
    /// Their own e-mail addresses: neither a role's nor shared.
    pub emails: BTreeSet<&'a Identifier>,
    /// Their own phone numbers.
    pub phones: BTreeSet<&'a Identifier>,
}

impl<'a> Cluster<'a> {
    pub(crate) fn new(number: usize, member: &'a Member, person: &PersonFacts<'a>) -> Self {
        let mut cluster = Self { members: vec![number], apart_from: person.apart_from.clone(), ids: person.ids.clone(), ..Self::default() };
        if !person.is_loser {
            let of_kind = |kind| member.linking.iter().filter(move |identifier| identifier.kind == kind).collect();
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

    /// Decisions are known to both sides.
    pub(crate) fn is_decided_different_from(&self, other: &Self) -> bool {
        self.apart_from.iter().any(|n| other.members.binary_search(n).is_ok())
    }

    /// Whether both are known to a unique kind, and not as one and the same.
    pub(crate) fn has_other_ids_than(&self, other: &Self) -> bool {
        self.ids.iter().any(|(kind, ids)| other.ids.get(kind).is_some_and(|others| ids.union(others).nth(1).is_some()))
    }
}

/// How many pairs of some clusters nobody decided to be different people.
pub(crate) fn undecided_pairs(among: &[&Cluster<'_>]) -> usize {
    let pairs = among.len().saturating_mul(among.len().saturating_sub(1)).checked_div(2).unwrap_or_default();
    let deciding: Vec<&&Cluster<'_>> = among.iter().filter(|cluster| !cluster.apart_from.is_empty()).collect();
    let decided = deciding.iter().enumerate().map(|(n, cluster)| {
        let others = deciding.iter().skip(n.saturating_add(1));
        others.filter(|other| cluster.is_decided_different_from(other)).count()
    });
    pairs.saturating_sub(decided.sum())
}
