//! One row of the answer of `load_component.sql`, as JSON. Its columns come in the order of the fields here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

use super::StorageError;
use super::component_rows::{ComponentRows, Found, ReviewRow, StoredCustomer, ValueHolder};
use super::given_ids::GivenId;
use super::suppressions::SuppressionHash;
use crate::customer::identity::shared_values::Holders;
use crate::customer::model::event::{Event, EventKey};
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Record, RecordKey};

/// A row, by the kind that the statement gives it.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ComponentRow {
    /// More records are connected than the limit allows.
    Truncated,
    /// A table has grown since the last ANALYZE.
    StatsStale,
    /// A hash of the suppression list, in hexadecimal digits.
    Erased(String),
    Key(String),
    Changing(String),
    Record(RecordColumns),
    Identifier(IdentifierColumns),
    Merge(MergeColumns),
    Decision(DecisionColumns),
    /// An id that an answer gave out.
    Given(GivenColumns),
    /// An id that was given out for an erased person.
    ErasedId(String),
    /// An address that a person confirmed.
    Confirmed(ConfirmedColumns),
    Shared(ValueColumns),
    /// A person decided that the value is shared.
    Decided(ValueColumns),
    Holder(HolderColumns),
    Event(EventColumns),
    Timeline(TimelineColumns),
    Customer(CustomerColumns),
    Review(ReviewRow),
    Namesake(RecordColumns),
}

#[derive(Deserialize)]
pub(super) struct RecordColumns {
    record_key: String,
    state: FieldVersions,
}

#[derive(Deserialize)]
pub(super) struct IdentifierColumns {
    record_key: String,
    kind: String,
    value: String,
    links: bool,
    name_key: String,
}

#[derive(Deserialize)]
pub(super) struct MergeColumns {
    loser_key: String,
    winner_key: String,
    merged_at: Timestamp,
}

#[derive(Deserialize)]
pub(super) struct DecisionColumns {
    left_key: String,
    right_key: String,
    same_person: bool,
}

#[derive(Deserialize)]
pub(super) struct GivenColumns {
    record_key: String,
    customer_id: String,
    given_at: Timestamp,
}

#[derive(Deserialize)]
pub(super) struct ConfirmedColumns {
    record_key: String,
    kind: String,
    value: String,
}

#[derive(Deserialize)]
pub(super) struct ValueColumns {
    kind: String,
    value: String,
}

#[derive(Deserialize)]
pub(super) struct HolderColumns {
    kind: String,
    value: String,
    held: bool,
    /// The number of records, by kind.
    records: Option<BTreeMap<String, usize>>,
    names: Option<BTreeSet<String>>,
}

#[derive(Deserialize)]
pub(super) struct EventColumns {
    event_key: String,
    state: FieldVersions,
}

#[derive(Deserialize)]
pub(super) struct TimelineColumns {
    record_key: String,
    event_key: String,
    state: FieldVersions,
}

#[derive(Deserialize)]
pub(super) struct CustomerColumns {
    customer_key: String,
    customer_id: String,
    matched_by: String,
    records: Vec<String>,
    /// Kind, value, and whether only self-asserted records have it.
    addresses: Vec<(String, String, bool)>,
    answer: String,
    settings_hash: String,
}

impl ComponentRow {
    pub(super) fn parse(json: &str) -> Result<Self, StorageError> {
        serde_json::from_str(json).map_err(|_| StorageError::Corrupt("load_component.sql"))
    }
}

impl ComponentRows {
    /// Adds a row of the statement.
    pub(super) fn add(&mut self, row: ComponentRow) -> Result<(), StorageError> {
        match row {
            ComponentRow::Truncated => self.is_truncated = true,
            ComponentRow::StatsStale => self.stats_stale = true,
            ComponentRow::Erased(hex) => self.erased.extend([hash(&hex)?]),
            ComponentRow::Key(text) => self.keys.extend([key(&text)?]),
            ComponentRow::Changing(text) => self.changing.extend([key(&text)?]),
            ComponentRow::Record(row) => self.records.extend([row.record()?]),
            ComponentRow::Identifier(row) => self.identifiers.extend([row.identifier()?]),
            ComponentRow::Merge(row) => self.merges.extend([row.merge()?]),
            ComponentRow::Decision(row) => self.decisions.extend([row.decision()?]),
            ComponentRow::Given(row) => {
                let given = GivenId { customer_id: row.customer_id, given_at: row.given_at };
                self.given.insert(key(&row.record_key)?, given);
            }
            ComponentRow::ErasedId(id) => self.erased_ids.extend([id]),
            ComponentRow::Confirmed(row) => {
                self.confirmed.extend([(key(&row.record_key)?, identifier(&row.kind, row.value)?)]);
            }
            ComponentRow::Shared(row) => self.shared.extend([identifier(&row.kind, row.value)?]),
            ComponentRow::Decided(row) => self.decided.extend([identifier(&row.kind, row.value)?]),
            ComponentRow::Holder(row) => self.holdings.extend([row.holder()?]),
            ComponentRow::Event(row) => self.events.extend([row.event()?]),
            ComponentRow::Timeline(row) => {
                let of_record = self.timelines.entry(key(&row.record_key)?).or_default();
                let event = EventColumns { event_key: row.event_key, state: row.state };
                of_record.extend([event.event()?]);
            }
            ComponentRow::Customer(row) => self.customers.extend([row.customer()?]),
            ComponentRow::Review(row) => self.reviews.extend([row]),
            ComponentRow::Namesake(row) if row.state.is_live() => {
                self.namesakes.extend([key(&row.record_key)?]);
            }
            ComponentRow::Namesake(_) => {}
        }
        Ok(())
    }
}

impl RecordColumns {
    fn record(self) -> Result<(RecordKey, Record), StorageError> {
        let key = key(&self.record_key)?;
        Ok((key.clone(), Record { key, versions: self.state }))
    }
}

impl IdentifierColumns {
    fn identifier(self) -> Result<((RecordKey, Identifier), Found), StorageError> {
        let identifier = identifier(&self.kind, self.value)?;
        let found = Found { links: self.links, name_key: self.name_key };
        Ok(((key(&self.record_key)?, identifier), found))
    }
}

impl MergeColumns {
    fn merge(self) -> Result<((RecordKey, RecordKey), Timestamp), StorageError> {
        Ok(((key(&self.loser_key)?, key(&self.winner_key)?), self.merged_at))
    }
}

impl DecisionColumns {
    fn decision(self) -> Result<((RecordKey, RecordKey), bool), StorageError> {
        Ok(((key(&self.left_key)?, key(&self.right_key)?), self.same_person))
    }
}

impl HolderColumns {
    fn holder(self) -> Result<(Identifier, ValueHolder), StorageError> {
        let kind = |(kind, held): (String, usize)| {
            Ok((kind.parse().map_err(StorageError::corrupt("identifiers"))?, held))
        };
        let records = self.records.unwrap_or_default().into_iter().map(kind);
        let holders = Holders {
            records: records.collect::<Result<_, StorageError>>()?,
            names: self.names.unwrap_or_default(),
        };
        let holder = ValueHolder { held: self.held, holders };
        Ok((identifier(&self.kind, self.value)?, holder))
    }
}

impl EventColumns {
    fn event(self) -> Result<(EventKey, Event), StorageError> {
        let key: EventKey = self.event_key.parse().map_err(StorageError::corrupt("events"))?;
        Ok((key.clone(), Event { key, versions: self.state }))
    }
}

impl CustomerColumns {
    fn customer(self) -> Result<(String, StoredCustomer), StorageError> {
        let address = |(kind, value, self_asserted): (String, String, bool)| {
            Ok((identifier(&kind, value)?, self_asserted))
        };
        let customer = StoredCustomer {
            customer_id: self.customer_id,
            matched_by: self.matched_by,
            records: self.records.iter().map(|record| key(record)).collect::<Result<_, _>>()?,
            addresses: self
                .addresses
                .into_iter()
                .map(address)
                .collect::<Result<_, StorageError>>()?,
            answer: self.answer,
            settings_hash: self.settings_hash,
        };
        Ok((self.customer_key, customer))
    }
}

fn key(text: &str) -> Result<RecordKey, StorageError> {
    text.parse().map_err(StorageError::corrupt("records"))
}

fn hash(hex: &str) -> Result<SuppressionHash, StorageError> {
    let digit =
        |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, _) = hex.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    SuppressionHash::try_from(bytes.unwrap_or_default())
}

fn identifier(kind: &str, value: String) -> Result<Identifier, StorageError> {
    Ok(Identifier { kind: kind.parse().map_err(StorageError::corrupt("identifiers"))?, value })
}
