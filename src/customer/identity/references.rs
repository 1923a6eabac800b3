//! References from one record to another by id.
//!
//! A reference to an unknown record is not an id, so it keeps nobody apart.

use std::collections::{BTreeMap, BTreeSet};

use super::decisions::{Decisions, Positions};
use super::record_facts::{Member, RecordFacts};
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;

/// The records that a reference can mean: existing records, and all that a source named in a merge.
pub(crate) struct KnownRecords<'f, 'a> {
    positions: &'f Positions<'a>,
    decisions: &'f Decisions<'f, 'a>,
    merged: BTreeSet<&'a RecordKey>,
}

impl<'f, 'a> KnownRecords<'f, 'a> {
    pub(crate) fn new(
        facts: &RecordFacts<'a>,
        positions: &'f Positions<'a>,
        decisions: &'f Decisions<'f, 'a>,
    ) -> Self {
        let merged = facts.aliases.iter().flat_map(|(key, end)| [key, end]).collect();
        Self { positions, decisions, merged }
    }

    /// The known record with this key. A self-asserted record cannot turn a reference of a trusted record into an id.
    pub(crate) fn get(&self, key: &RecordKey, is_asked_by_trusted: bool) -> Option<&'a RecordKey> {
        let member = || self.positions.get_key_value(key).map(|(key, _)| *key);
        let is_visible =
            |key: &&RecordKey| !is_asked_by_trusted || !self.decisions.leave_unconfirmed(key);
        self.merged.get(key).copied().or_else(|| member().filter(is_visible))
    }
}

/// The records that a member refers to. If a reference names an id for several kinds, the kind that has such a record
/// counts. If several kinds have one, the reference is ambiguous and does not count.
pub(crate) fn referred_by(
    member: &Member,
    is_known: impl Fn(&RecordKey) -> bool,
) -> Vec<RecordKey> {
    let mut by_id: BTreeMap<String, Vec<RecordKey>> = BTreeMap::new();
    for key in member.linking.iter().filter_map(Identifier::referred_record) {
        by_id.entry(key.id.clone()).or_default().push(key);
    }
    let meant = |keys: Vec<RecordKey>| {
        let known: Vec<RecordKey> = keys.iter().filter(|key| is_known(key)).cloned().collect();
        match known.len() {
            0 => keys,
            1 => known,
            _ => Vec::new(),
        }
    };
    by_id.into_values().flat_map(meant).collect()
}
