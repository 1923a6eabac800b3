//! Whom a webhook names, also one that cannot be applied.

use std::collections::BTreeSet;

use super::extract::Fields;
use crate::customer::model::event::EventKey;
use crate::customer::model::event::field::RECORD;
use crate::customer::model::record::{Change, RecordKey};

/// The records, the events and the person that a webhook names. It only helps people to find the customer: nothing of it
/// is ever applied. It is personal data, so it does not implement `Debug`.
#[derive(Default)]
pub struct Mentions {
    /// Records of persons.
    pub records: BTreeSet<RecordKey>,
    /// Events. If they are stored, they name a record.
    pub events: BTreeSet<EventKey>,
    /// What the webhook says about the person: addresses and references among it.
    pub fields: Fields,
}

impl Mentions {
    /// With the changes of a webhook that could be parsed.
    #[must_use]
    pub fn and_changes(mut self, changes: &[Change]) -> Self {
        for change in changes {
            match change {
                Change::Record { key, update } => {
                    self.records.insert(key.clone());
                    self.fields.extend(update.fields.clone());
                }
                Change::Event { key, update } => {
                    self.events.insert(key.clone());
                    let owner = update.fields.get(RECORD).and_then(Option::as_ref);
                    self.records.extend(owner.and_then(|owner| owner.as_str()?.parse().ok()));
                }
                Change::Merge(merge) => {
                    self.records.extend([merge.loser.clone(), merge.winner.clone()]);
                }
            }
        }
        self
    }
}
