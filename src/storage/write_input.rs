//! The input of `write_changes.sql`: a list for each table. The fields have the names of the columns.

use std::fmt::Display;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::changed_rows::{AddressRow, CustomerRow, Derived, IdentifierRow, IdentityChanges};
use super::component_rows::ReviewRow;
use super::invalidation::{CHANNEL, Invalidation};
use crate::customer::model::event::{Event, EventKey};
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Record, RecordKey, SourceMerge};

/// Everything that the statement writes.
#[derive(Serialize)]
pub(super) struct WriteInput<'a> {
    records: Vec<RecordInput<'a>>,
    identifiers_gone: Vec<IdentifierKey<'a>>,
    identifiers: Vec<IdentifierInput<'a>>,
    shared_values_gone: Vec<Value<'a>>,
    shared_values: Vec<Value<'a>>,
    source_merges: Vec<MergeInput<'a>>,
    events: Vec<EventInput<'a>>,
    event_references: Vec<ReferenceInput<'a>>,
    customers_gone: &'a [String],
    customers: Vec<CustomerInput<'a>>,
    answers: Vec<AnswerInput<'a>>,
    settings_hash: String,
    customer_records_gone: Vec<String>,
    customer_records: Vec<CustomerRecordInput<'a>>,
    customer_addresses_gone: Vec<AddressInput<'a>>,
    customer_addresses: Vec<AddressInput<'a>>,
    reviews_gone: Vec<ReviewInput<'a>>,
    reviews: Vec<ReviewInput<'a>>,
    channel: &'static str,
    notices: Vec<String>,
}

#[derive(Serialize)]
struct RecordInput<'a> {
    #[serde(serialize_with = "as_text")]
    record_key: &'a RecordKey,
    #[serde(serialize_with = "as_json_text")]
    state: &'a FieldVersions,
    live: bool,
}

#[derive(Serialize)]
struct IdentifierKey<'a> {
    #[serde(serialize_with = "as_text")]
    record_key: &'a RecordKey,
    kind: &'static str,
    value: &'a str,
}

#[derive(Serialize)]
struct IdentifierInput<'a> {
    #[serde(serialize_with = "as_text")]
    record_key: &'a RecordKey,
    kind: &'static str,
    value: &'a str,
    links: bool,
    source_kind: &'static str,
    name_key: &'a str,
}

#[derive(Serialize)]
struct Value<'a> {
    kind: &'static str,
    value: &'a str,
}

#[derive(Serialize)]
struct MergeInput<'a> {
    #[serde(serialize_with = "as_text")]
    loser_key: &'a RecordKey,
    #[serde(serialize_with = "as_text")]
    winner_key: &'a RecordKey,
    #[serde(serialize_with = "as_stored_time")]
    merged_at: Timestamp,
}

#[derive(Serialize)]
struct EventInput<'a> {
    #[serde(serialize_with = "as_text")]
    event_key: &'a EventKey,
    #[serde(serialize_with = "as_json_text")]
    state: &'a FieldVersions,
    live: bool,
    record_key: Option<String>,
    #[serde(serialize_with = "as_stored_time")]
    occurred_at: Timestamp,
    source: &'static str,
    event_type: String,
    external_id: &'a str,
}

#[derive(Serialize)]
struct ReferenceInput<'a> {
    value: String,
    namespace: String,
    #[serde(serialize_with = "as_text")]
    event_key: &'a EventKey,
}

#[derive(Serialize)]
struct CustomerInput<'a> {
    customer_key: &'a str,
    customer_id: &'a str,
}

#[derive(Serialize)]
struct AnswerInput<'a> {
    customer_key: &'a str,
    body: &'a str,
}

#[derive(Serialize)]
struct CustomerRecordInput<'a> {
    #[serde(serialize_with = "as_text")]
    record_key: &'a RecordKey,
    customer_key: &'a str,
}

#[derive(Serialize)]
struct AddressInput<'a> {
    kind: &'static str,
    address: &'a str,
    customer_key: &'a str,
    self_asserted: bool,
}

#[derive(Serialize)]
struct ReviewInput<'a> {
    level: &'a str,
    kind: &'a str,
    value: &'a str,
    grounds: &'a str,
    customer_keys: &'a [String],
}

fn as_text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// As a text, because the column keeps the JSON exactly as it is: `jsonb` would sort the members.
fn as_json_text<S: Serializer>(state: &FieldVersions, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&serde_json::to_string(state).unwrap_or_default())
}

/// With the precision of Postgres: microseconds.
fn as_stored_time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.6}"))
}

impl<'a> WriteInput<'a> {
    pub(super) fn new(facts: &'a IdentityChanges, derived: &'a Derived) -> Self {
        let references = facts.events.iter().filter(|event| event.versions.is_live());
        Self {
            records: facts.records.iter().map(RecordInput::from).collect(),
            identifiers_gone: facts.identifiers_gone.iter().map(IdentifierKey::from).collect(),
            identifiers: facts.identifiers.iter().map(IdentifierInput::from).collect(),
            shared_values_gone: facts.shared_gone.iter().map(Value::from).collect(),
            shared_values: facts.shared.iter().map(Value::from).collect(),
            source_merges: facts.merges.iter().map(MergeInput::from).collect(),
            events: facts.events.iter().map(EventInput::from).collect(),
            event_references: references.flat_map(ReferenceInput::of).collect(),
            customers_gone: &derived.customers_gone,
            customers: derived.customers.iter().map(CustomerInput::from).collect(),
            answers: derived.customers.iter().map(AnswerInput::from).collect(),
            settings_hash: derived.settings_hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            customer_records_gone: derived.records_gone.iter().map(ToString::to_string).collect(),
            customer_records: derived.records.iter().map(CustomerRecordInput::from).collect(),
            customer_addresses_gone: derived
                .addresses_gone
                .iter()
                .map(AddressInput::from)
                .collect(),
            customer_addresses: derived.addresses.iter().map(AddressInput::from).collect(),
            reviews_gone: derived.reviews_gone.iter().map(ReviewInput::from).collect(),
            reviews: derived.reviews.iter().map(ReviewInput::from).collect(),
            channel: CHANNEL,
            notices: derived.notice.as_ref().map(Invalidation::payloads).unwrap_or_default(),
        }
    }
}

impl<'a> From<&'a Record> for RecordInput<'a> {
    fn from(record: &'a Record) -> Self {
        Self { record_key: &record.key, state: &record.versions, live: record.versions.is_live() }
    }
}

impl<'a> From<&'a (RecordKey, Identifier)> for IdentifierKey<'a> {
    fn from((record_key, identifier): &'a (RecordKey, Identifier)) -> Self {
        Self { record_key, kind: identifier.kind.as_str(), value: &identifier.value }
    }
}

impl<'a> From<&'a IdentifierRow> for IdentifierInput<'a> {
    fn from(row: &'a IdentifierRow) -> Self {
        Self {
            record_key: &row.record,
            kind: row.identifier.kind.as_str(),
            value: &row.identifier.value,
            links: row.found.links,
            source_kind: row.record.kind.as_str(),
            name_key: &row.found.name_key,
        }
    }
}

impl<'a> From<&'a Identifier> for Value<'a> {
    fn from(identifier: &'a Identifier) -> Self {
        Self { kind: identifier.kind.as_str(), value: &identifier.value }
    }
}

impl<'a> From<&'a SourceMerge> for MergeInput<'a> {
    fn from(merge: &'a SourceMerge) -> Self {
        Self { loser_key: &merge.loser, winner_key: &merge.winner, merged_at: merge.at }
    }
}

impl<'a> From<&'a Event> for EventInput<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            event_key: &event.key,
            state: &event.versions,
            live: event.versions.is_live(),
            record_key: event.record().map(|key| key.to_string()),
            occurred_at: event.occurred_at(),
            source: event.key.source.as_str(),
            event_type: event.key.event_type(),
            external_id: &event.key.id,
        }
    }
}

impl<'a> ReferenceInput<'a> {
    fn of(event: &'a Event) -> impl Iterator<Item = Self> {
        event.references().map(|(namespace, value)| Self {
            value,
            namespace,
            event_key: &event.key,
        })
    }
}

impl<'a> From<&'a CustomerRow> for CustomerInput<'a> {
    fn from(row: &'a CustomerRow) -> Self {
        Self { customer_key: &row.key, customer_id: &row.customer_id }
    }
}

impl<'a> From<&'a CustomerRow> for AnswerInput<'a> {
    fn from(row: &'a CustomerRow) -> Self {
        Self { customer_key: &row.key, body: &row.answer }
    }
}

impl<'a> From<&'a (RecordKey, String)> for CustomerRecordInput<'a> {
    fn from((record_key, customer_key): &'a (RecordKey, String)) -> Self {
        Self { record_key, customer_key }
    }
}

impl<'a> From<&'a AddressRow> for AddressInput<'a> {
    fn from(row: &'a AddressRow) -> Self {
        Self {
            kind: row.address.kind.as_str(),
            address: &row.address.value,
            customer_key: &row.customer_key,
            self_asserted: row.self_asserted,
        }
    }
}

impl<'a> From<&'a ReviewRow> for ReviewInput<'a> {
    fn from(row: &'a ReviewRow) -> Self {
        Self {
            level: &row.level,
            kind: &row.kind,
            value: &row.value,
            grounds: &row.grounds,
            customer_keys: &row.customers,
        }
    }
}
