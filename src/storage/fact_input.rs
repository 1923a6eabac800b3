//! Rows of facts as input of `write_changes.sql`. The fields have the names of the columns.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::changed_rows::{IdentifierRow, stored_time};
use crate::customer::model::event::{Event, EventKey};
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Record, RecordKey, SourceMerge};

#[derive(Serialize)]
pub(super) struct RecordInput<'a> {
    #[serde(serialize_with = "as_text")]
    record_key: &'a RecordKey,
    #[serde(serialize_with = "as_json_text")]
    state: &'a FieldVersions,
    live: bool,
}

impl<'a> From<&'a Record> for RecordInput<'a> {
    fn from(record: &'a Record) -> Self {
        Self { record_key: &record.key, state: &record.versions, live: record.versions.is_live() }
    }
}

#[derive(Serialize)]
pub(super) struct IdentifierKey<'a> {
    #[serde(serialize_with = "as_text")]
    record_key: &'a RecordKey,
    kind: &'static str,
    value: &'a str,
}

impl<'a> From<&'a (RecordKey, Identifier)> for IdentifierKey<'a> {
    fn from((record_key, identifier): &'a (RecordKey, Identifier)) -> Self {
        Self { record_key, kind: identifier.kind.as_str(), value: &identifier.value }
    }
}

#[derive(Serialize)]
pub(super) struct IdentifierInput<'a> {
    #[serde(serialize_with = "as_text")]
    record_key: &'a RecordKey,
    kind: &'static str,
    value: &'a str,
    links: bool,
    source_kind: &'static str,
    name_key: &'a str,
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

#[derive(Serialize)]
pub(super) struct Value<'a> {
    kind: &'static str,
    value: &'a str,
}

impl<'a> From<&'a Identifier> for Value<'a> {
    fn from(identifier: &'a Identifier) -> Self {
        Self { kind: identifier.kind.as_str(), value: &identifier.value }
    }
}

#[derive(Serialize)]
pub(super) struct MergeInput<'a> {
    #[serde(serialize_with = "as_text")]
    loser_key: &'a RecordKey,
    #[serde(serialize_with = "as_text")]
    winner_key: &'a RecordKey,
    #[serde(serialize_with = "as_stored_time")]
    merged_at: Timestamp,
}

impl<'a> From<&'a SourceMerge> for MergeInput<'a> {
    fn from(merge: &'a SourceMerge) -> Self {
        Self { loser_key: &merge.loser, winner_key: &merge.winner, merged_at: merge.at }
    }
}

#[derive(Serialize)]
pub(super) struct EventInput<'a> {
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

#[derive(Serialize)]
pub(super) struct ReferenceInput<'a> {
    value: String,
    namespace: String,
    #[serde(serialize_with = "as_text")]
    event_key: &'a EventKey,
}

impl<'a> ReferenceInput<'a> {
    pub(super) fn of(event: &'a Event) -> impl Iterator<Item = Self> {
        event.references().map(|(namespace, value)| Self {
            value,
            namespace,
            event_key: &event.key,
        })
    }
}

pub(super) fn as_text<S: Serializer>(
    value: &impl std::fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// As a text, because the column keeps the JSON exactly as it is: `jsonb` would sort the members.
fn as_json_text<S: Serializer>(state: &FieldVersions, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&serde_json::to_string(state).unwrap_or_default())
}

fn as_stored_time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&stored_time(*at))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::customer::model::field_versions::{Scope, Update};
    use crate::customer::model::source::SourceKind;

    #[test]
    fn a_state_is_a_text_whatever_it_contains() {
        let at: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let value = Some(serde_json::json!({"z": 1.0, "a": "\u{0}"}));
        let record = Record {
            key: RecordKey::new(SourceKind::ALL[0], "1").unwrap(),
            versions: FieldVersions::from(Update {
                at,
                received_at: at,
                scope: Scope::Partial,
                fields: BTreeMap::from([("note".to_owned(), value)]),
            }),
        };
        let row = serde_json::to_value(RecordInput::from(&record)).unwrap();
        let state = row["state"].as_str().unwrap();
        assert_eq!(state, serde_json::to_string(&record.versions).unwrap());
        // Postgres refuses this character in a text, but not its escape in the text of a JSON.
        assert!(!state.contains('\0') && state.contains("\\u0000"));
        assert_eq!(row["record_key"], record.key.to_string());
    }

    #[test]
    fn a_time_has_the_precision_of_postgres() {
        let merge = SourceMerge {
            loser: RecordKey::new(SourceKind::ALL[0], "1").unwrap(),
            winner: RecordKey::new(SourceKind::ALL[0], "2").unwrap(),
            at: "2026-11-28T12:00:00.123456789Z".parse().unwrap(),
        };
        let row = serde_json::to_value(MergeInput::from(&merge)).unwrap();
        assert_eq!(row["merged_at"], "2026-11-28T12:00:00.123456Z");
    }
}
