//! The rows that a component has in the tables, as domain values. Types with names and addresses in plain text
//! have no Debug here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

use super::given_ids::GivenId;
use super::suppressions::SuppressionHash;
use crate::customer::identity::resolution::Decision;
use crate::customer::identity::rules::IdentityRules;
use crate::customer::identity::shared_values::Holders;
use crate::customer::model::event::{Event, EventKey};
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::{Record, RecordKey, SourceMerge};

/// The holders of a value, without the records that may change: just enough to decide whether it is shared.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ValueHolder {
    /// At least one record has the value.
    pub held: bool,
    /// Who they are, as far as the rule for shared values needs it.
    pub holders: Holders,
}

/// How a value identifies a record.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// Whether the value may link.
    pub links: bool,
    /// The record's folded name; empty if unknown.
    pub name_key: String,
}

/// A stored customer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StoredCustomer {
    /// Its id in answers.
    pub customer_id: String,
    /// The evidence that joins its records, as [`Profile`](crate::customer::answer::profile::Profile) has it.
    pub matched_by: String,
    /// All its record keys.
    pub records: BTreeSet<RecordKey>,
    /// Its identifiers, and whether only self-asserted records have them.
    pub addresses: BTreeMap<Identifier, bool>,
    /// SHA-256 of the answer, in hexadecimal digits.
    pub answer: String,
    /// Hash of the settings that rendered it, in hexadecimal digits.
    pub settings_hash: String,
}

/// A question for a person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct ReviewRow {
    /// The level of the evidence.
    pub level: String,
    /// The kind of the value.
    pub kind: String,
    /// The value.
    pub value: String,
    /// Why the customers are kept apart.
    pub conflict: String,
    /// The customers in question, in order: at most one more than [`Self::MOST_CUSTOMERS`].
    pub customers: Vec<String>,
}

impl ReviewRow {
    /// The most customers of a question that a person can answer with *same* or *different*.
    pub const MOST_CUSTOMERS: usize = 200;

    /// The most customers that are stored of a question. The last one only says that there are more.
    pub const MOST_STORED: usize = Self::MOST_CUSTOMERS + 1;
}

/// The loaded rows.
#[derive(Default)]
pub struct ComponentRows {
    /// All record keys, with or without a stored record.
    pub keys: BTreeSet<RecordKey>,
    /// The keys whose identifiers may change.
    pub changing: BTreeSet<RecordKey>,
    /// Stored records, also deleted ones.
    pub records: BTreeMap<RecordKey, Record>,
    /// Their identifiers.
    pub identifiers: BTreeMap<(RecordKey, Identifier), Found>,
    /// Merges at the sources.
    pub merges: BTreeMap<(RecordKey, RecordKey), Timestamp>,
    /// Decisions of people.
    pub decisions: BTreeMap<(RecordKey, RecordKey), bool>,
    /// Addresses in self-asserted records that a person confirmed.
    pub confirmed: BTreeSet<(RecordKey, Identifier)>,
    /// Ids that answers gave out: for the keys, and those of other records that look like the id of a key.
    pub given: BTreeMap<RecordKey, GivenId>,
    /// Ids that the keys could show, but that were given out for erased persons.
    pub erased_ids: BTreeSet<String>,
    /// Which of their values are shared.
    pub shared: BTreeSet<Identifier>,
    /// Values that a person decided are shared, of those in `holdings`.
    pub decided: BTreeSet<Identifier>,
    /// The other holders of the queried values, and of the values of the changing records.
    pub holdings: BTreeMap<Identifier, ValueHolder>,
    /// The queried events, also deleted ones.
    pub events: BTreeMap<EventKey, Event>,
    /// The newest events of each record, without the queried ones.
    pub timelines: BTreeMap<RecordKey, BTreeMap<EventKey, Event>>,
    /// The stored customers.
    pub customers: BTreeMap<String, StoredCustomer>,
    /// The stored questions about them.
    pub reviews: BTreeSet<ReviewRow>,
    /// Live records of other kinds that have the id of one of the keys.
    pub namesakes: BTreeSet<RecordKey>,
    /// Those of the queried hashes that the suppression list contains.
    pub erased: BTreeSet<SuppressionHash>,
    /// More records are connected than the limit allows: the result is incomplete and must not be used.
    pub is_truncated: bool,
    /// A table has grown fourfold since the last ANALYZE.
    pub stats_stale: bool,
}

impl ComponentRows {
    /// Adds rows that were loaded later.
    pub fn extend(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.changing.extend(other.changing);
        self.records.extend(other.records);
        self.identifiers.extend(other.identifiers);
        self.merges.extend(other.merges);
        self.decisions.extend(other.decisions);
        self.confirmed.extend(other.confirmed);
        self.given.extend(other.given);
        self.erased_ids.extend(other.erased_ids);
        self.shared.extend(other.shared);
        self.decided.extend(other.decided);
        self.holdings.extend(other.holdings);
        self.events.extend(other.events);
        self.timelines.extend(other.timelines);
        self.customers.extend(other.customers);
        self.reviews.extend(other.reviews);
        self.namesakes.extend(other.namesakes);
        self.erased.extend(other.erased);
        self.is_truncated |= other.is_truncated;
        self.stats_stale |= other.stats_stale;
    }

    /// Counts the other holders of the values without a row in `holdings`: those that Postgres did not count, because
    /// the records that they link are loaded. All other rows must be here already.
    pub(super) fn count_holders<'a>(
        &'a mut self,
        asked: impl Iterator<Item = &'a Identifier>,
        changing_elsewhere: &BTreeSet<RecordKey>,
        rules: &IdentityRules,
    ) {
        let own = self.identifiers.keys().filter(|(record, _)| self.changing.contains(record));
        let values = asked.chain(own.map(|(_, value)| value));
        let values = values.filter(|value| {
            value.kind != IdentifierKind::Reference && !self.holdings.contains_key(*value)
        });
        let mut holders: BTreeMap<&Identifier, ValueHolder> =
            values.map(|value| (value, ValueHolder::default())).collect();
        for ((record, value), found) in &self.identifiers {
            let is_other = !self.changing.contains(record) && !changing_elsewhere.contains(record);
            if found.links
                && is_other
                && let Some(holder) = holders.get_mut(value)
            {
                holder.held = true;
                holder.holders.add(record.kind, &found.name_key, rules);
            }
        }
        let holders: Vec<(Identifier, ValueHolder)> =
            holders.into_iter().map(|(value, holder)| (value.clone(), holder)).collect();
        self.holdings.extend(holders);
    }

    /// The merges, as domain values.
    #[must_use]
    pub fn source_merges(&self) -> Vec<SourceMerge> {
        self.merges
            .iter()
            .map(|((loser, winner), at)| SourceMerge {
                loser: loser.clone(),
                winner: winner.clone(),
                at: *at,
            })
            .collect()
    }

    /// The decisions, as domain values.
    #[must_use]
    pub fn all_decisions(&self) -> Vec<Decision> {
        self.decisions
            .iter()
            .map(|((left, right), same)| Decision {
                left: left.clone(),
                right: right.clone(),
                same: *same,
            })
            .collect()
    }
}
