//! The records of the four systems, and the changes that report them.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;

use super::dates::{DAYS, FIRST_DAY};
use super::generated_record::GeneratedRecord;
use super::seeded_rng::SeededRng;
use super::situation::Situation;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::{Change, RecordKey, SourceMerge};

/// All records, and the changes that report them.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub records: Vec<GeneratedRecord>,
    pub changes: Vec<Change>,
    /// Forged forms, with the person whose mailbox they contain.
    pub forged: BTreeMap<RecordKey, usize>,
    /// The addresses that a record of a unique kind already has.
    pub(super) profiles_have: HashSet<String>,
}

impl Records {
    pub(super) fn add_change(
        &mut self,
        key: &RecordKey,
        at: Timestamp,
        fields: BTreeMap<String, Option<Value>>,
    ) {
        self.changes.push(Change::Record {
            key: key.clone(),
            update: Update { at, received_at: at, scope: Scope::Partial, fields },
        });
    }

    pub(super) fn tag_last_two(&mut self, situation: Situation) {
        for record in self.records.iter_mut().rev().take(2) {
            record.situations.add(situation);
        }
    }

    /// Merges the last two records, as their source does when it finds that they are one person.
    pub(super) fn merge_last_two(&mut self, rng: &mut SeededRng) {
        self.tag_last_two(Situation::MergedProfile);
        let Some([winner, loser]) = self.records.last_chunk_mut() else { return };
        let at = FIRST_DAY + i64::try_from((DAYS + rng.below(100)) * 86_400).unwrap_or_default();
        loser.ids.clone_from(&winner.ids);
        self.changes.push(Change::Merge(SourceMerge {
            loser: loser.key.clone(),
            winner: winner.key.clone(),
            at: Timestamp::from_second(at).unwrap_or_default(),
        }));
    }

    /// Changes arrive in any order.
    pub(super) fn shuffle(&mut self, rng: &mut SeededRng) {
        for n in (1..self.changes.len()).rev() {
            self.changes.swap(n, rng.below(n + 1));
        }
    }
}
