//! Records that are already joined, with their combined facts.

use std::collections::{BTreeMap, BTreeSet};

use crate::customer::model::folded_name::FoldedName;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::SourceKind;

/// The names in some records.
pub(crate) type Names<'a> = BTreeSet<&'a FoldedName>;

/// The ids of unique kinds that some records represent.
pub(crate) type Ids<'a> = BTreeMap<SourceKind, BTreeSet<&'a RecordKey>>;

/// Records that are joined so far.
#[derive(Debug, Default)]
pub(crate) struct Cluster<'a> {
    /// Their indices, in ascending order.
    pub members: Vec<usize>,
    /// Members that a decision says are somebody else.
    pub apart_from: BTreeSet<usize>,
    /// The ids of unique kinds that they represent.
    pub ids: Ids<'a>,
    /// Their names.
    pub names: Names<'a>,
    /// Their personal e-mail addresses: neither of a role nor shared.
    pub emails: BTreeSet<&'a Identifier>,
    /// Their personal phone numbers.
    pub phones: BTreeSet<&'a Identifier>,
}

impl Cluster<'_> {
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
}

/// For each member, the position of its cluster.
pub(crate) fn positions_by_member<'c, 'a: 'c>(
    clusters: impl Iterator<Item = &'c Cluster<'a>>,
) -> BTreeMap<usize, usize> {
    clusters
        .zip(0..)
        .flat_map(|(cluster, n)| cluster.members.iter().map(move |member| (*member, n)))
        .collect()
}

/// Whether both sides have addresses, and none in common.
pub(crate) fn have_none_in_common(
    ours: &BTreeSet<&Identifier>,
    theirs: &BTreeSet<&Identifier>,
) -> bool {
    !ours.is_empty() && !theirs.is_empty() && ours.is_disjoint(theirs)
}
