//! Loads everything that is connected with some records and values, in one round trip: everything that a change
//! can affect. Types with names and addresses in plain text have no Debug here.

use std::collections::{BTreeMap, BTreeSet};

use super::pool::Connection;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::StorageError;
use super::suppressions::SuppressionHash;
use crate::customer::identity::resolution::Decision;
use crate::customer::identity::shared_values::Holders;
use crate::customer::model::event::{Event, EventKey};
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::{Record, RecordKey, SourceMerge};
use crate::customer::model::source::SourceKind;

/// Where to start.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ComponentQuery {
    /// Records, stored or not.
    pub records: BTreeSet<RecordKey>,
    /// Values. `true`: also follow it to its holders if the value is shared.
    pub values: BTreeMap<Identifier, bool>,
    /// Records whose identifiers may change. They do not count among the holders of a value.
    pub changing: BTreeSet<RecordKey>,
    /// Records of merges that may be new. All records in the same chain of merges may change as well.
    pub merge_ends: BTreeSet<RecordKey>,
    /// Events that may change, with their records.
    pub events: BTreeSet<EventKey>,
    /// The hashes of all these that the suppression list may contain.
    pub suppression_hashes: BTreeSet<SuppressionHash>,
    /// Records that may change as well, but are loaded by another query.
    pub changing_elsewhere: BTreeSet<RecordKey>,
    /// Events that may change as well, but are loaded by another query.
    pub events_elsewhere: BTreeSet<EventKey>,
}

impl ComponentQuery {
    /// Splits the query in two that have the same result together, for two connections. `None` if the query is
    /// too small.
    #[must_use]
    pub fn halves(&self) -> Option<[Self; 2]> {
        const WORTH_IT: usize = 64;
        if self.records.len().saturating_add(self.changing.len()).saturating_add(self.events.len())
            < WORTH_IT
        {
            return None;
        }
        // Neighbours in the order are mostly of one kind, so taking every other one makes equal halves.
        fn every_other<T: Clone>(
            all: impl IntoIterator<Item = T>,
            half: usize,
        ) -> impl Iterator<Item = T> {
            all.into_iter().skip(half).step_by(2)
        }
        Some([0, 1].map(|half| {
            Self {
                records: every_other(&self.records, half).cloned().collect(),
                values: every_other(&self.values, half)
                    .map(|(value, forced)| (value.clone(), *forced))
                    .collect(),
                changing: every_other(&self.changing, half).cloned().collect(),
                // Both halves need all merges: each may change any record in the chain.
                merge_ends: self.merge_ends.clone(),
                events: every_other(&self.events, half).cloned().collect(),
                suppression_hashes: every_other(&self.suppression_hashes, half).copied().collect(),
                changing_elsewhere: &self.changing_elsewhere | &self.changing,
                events_elsewhere: &self.events_elsewhere | &self.events,
            }
        }))
    }

    /// Whether the query is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How much is loaded, and by which rules.
#[derive(Debug, Clone)]
pub struct LoadLimits<'a> {
    /// Kinds of record whose source has one record for each person.
    pub one_record_per_person: &'a BTreeSet<SourceKind>,
    /// Kinds of self-asserted records: they do not count among the holders of a value.
    pub self_asserted: &'a BTreeSet<SourceKind>,
    /// A value with more holders is shared.
    pub shared_value_threshold: usize,
    /// Loading stops at so many names of a value.
    pub most_names: usize,
    /// How many of the newest events are loaded for each record.
    pub timeline: usize,
    /// Event types that answers do not show.
    pub hidden: &'a [String],
    /// The most connected records to follow; `None` loads only the named ones.
    pub follow: Option<usize>,
}

/// The holders of a value, without the records that may change: just enough to decide whether it is shared.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ValueHolder {
    /// A person decided that the value is shared.
    pub decided: bool,
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
    /// All its record keys.
    pub records: BTreeSet<RecordKey>,
    /// Its identifiers, and whether only self-asserted records have them.
    pub addresses: BTreeMap<Identifier, bool>,
    /// SHA-256 of the answer, in hexadecimal digits.
    pub answer: String,
    /// Hash of the settings that rendered it, in hexadecimal digits.
    pub settings_hash: String,
}

/// A stored question for a person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReviewRow {
    /// The level of the evidence.
    pub level: String,
    /// The kind of the value.
    pub kind: String,
    /// The value.
    pub value: String,
    /// Why the customers are kept apart.
    pub grounds: String,
    /// The customers in question, in order.
    pub customers: Vec<String>,
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
    /// Which of their values are shared.
    pub shared: BTreeSet<Identifier>,
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
        self.shared.extend(other.shared);
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

    fn add(&mut self, what: &str, row: &str) -> Result<(), StorageError> {
        match what {
            "cut off" => self.is_truncated = true,
            "outgrown" => self.stats_stale = true,
            "erased" => {
                self.erased.insert(hash(&parse::<String>(row)?)?);
            }
            "key" => {
                self.keys.insert(key(&parse::<String>(row)?)?);
            }
            "changing" => {
                self.changing.insert(key(&parse::<String>(row)?)?);
            }
            "record" => {
                let (text, versions): (String, FieldVersions) = parse(row)?;
                self.records.insert(key(&text)?, Record { key: key(&text)?, versions });
            }
            "identifier" => {
                let (record, kind, value, links, name_key): (String, String, String, bool, String) =
                    parse(row)?;
                self.identifiers
                    .insert((key(&record)?, identifier(&kind, value)?), Found { links, name_key });
            }
            "merge" => {
                let (loser, winner, at): (String, String, Timestamp) = parse(row)?;
                self.merges.insert((key(&loser)?, key(&winner)?), at);
            }
            "decision" => {
                let (left, right, same): (String, String, bool) = parse(row)?;
                self.decisions.insert((key(&left)?, key(&right)?), same);
            }
            "shared" => {
                let (kind, value): (String, String) = parse(row)?;
                self.shared.insert(identifier(&kind, value)?);
            }
            "holding" => {
                let row: ValueHolderRow = parse(row)?;
                let records = row
                    .records
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(name, held)| Ok((kind(&name)?, held)));
                let records = records.collect::<Result<_, StorageError>>()?;
                let names = row.names.unwrap_or_default().into_iter().collect();
                self.holdings.insert(
                    identifier(&row.kind, row.value)?,
                    ValueHolder {
                        decided: row.decided,
                        held: row.held,
                        holders: Holders { records, names },
                    },
                );
            }
            "event" => {
                let event = event(parse(row)?)?;
                self.events.insert(event.key.clone(), event);
            }
            "timeline" => {
                let (record, event_key, versions): (String, String, FieldVersions) = parse(row)?;
                let event = event((event_key, versions))?;
                self.timelines.entry(key(&record)?).or_default().insert(event.key.clone(), event);
            }
            "customer" => {
                let row: CustomerRow = parse(row)?;
                let records =
                    row.records.iter().map(|record| key(record)).collect::<Result<_, _>>()?;
                let address = |(kind, value, self_asserted): (String, String, bool)| {
                    Ok((identifier(&kind, value)?, self_asserted))
                };
                let addresses =
                    row.addresses.into_iter().map(address).collect::<Result<_, StorageError>>()?;
                let customer = StoredCustomer {
                    customer_id: row.customer_id,
                    records,
                    addresses,
                    answer: row.answer,
                    settings_hash: row.settings_hash,
                };
                self.customers.insert(row.customer_key, customer);
            }
            "review" => {
                let (level, kind, value, grounds, customers) = parse(row)?;
                self.reviews.insert(ReviewRow { level, kind, value, grounds, customers });
            }
            "namesake" => {
                let (text, versions): (String, FieldVersions) = parse(row)?;
                if versions.is_live() {
                    self.namesakes.insert(key(&text)?);
                }
            }
            _ => return Err(StorageError::Corrupt("load_component.sql")),
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct ValueHolderRow {
    kind: String,
    value: String,
    decided: bool,
    held: bool,
    records: Option<BTreeMap<String, usize>>,
    names: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct CustomerRow {
    customer_key: String,
    customer_id: String,
    records: Vec<String>,
    addresses: Vec<(String, String, bool)>,
    answer: String,
    settings_hash: String,
}

fn parse<T: DeserializeOwned>(row: &str) -> Result<T, StorageError> {
    serde_json::from_str(row).map_err(|_| StorageError::Corrupt("load_component.sql"))
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

fn kind(name: &str) -> Result<SourceKind, StorageError> {
    name.parse().map_err(StorageError::corrupt("identifiers"))
}

fn identifier(kind: &str, value: String) -> Result<Identifier, StorageError> {
    Ok(Identifier { kind: kind.parse().map_err(StorageError::corrupt("identifiers"))?, value })
}

fn event((key, versions): (String, FieldVersions)) -> Result<Event, StorageError> {
    Ok(Event { key: key.parse().map_err(StorageError::corrupt("events"))?, versions })
}

const READ: &str = include_str!("load_component.sql");

/// Loads everything that is connected with the query.
///
/// # Errors
/// When Postgres fails.
pub async fn load_component(
    db: &mut Connection,
    brand_id: i32,
    ask: &ComponentQuery,
    scope: &LoadLimits<'_>,
) -> Result<ComponentRows, StorageError> {
    let texts =
        |keys: &BTreeSet<RecordKey>| keys.iter().map(ToString::to_string).collect::<Vec<String>>();
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let limit = scope.follow.unwrap_or(usize::MAX);
    let trusted = |one_record_per_person: bool| {
        let kinds = SourceKind::ALL.iter().filter(|kind| {
            scope.one_record_per_person.contains(kind) == one_record_per_person
                && !scope.self_asserted.contains(kind)
        });
        kinds.map(|kind| kind.as_str()).collect::<Vec<_>>()
    };
    let rows: Vec<(String, String)> = sqlx::query_as(READ)
        .bind(brand_id)
        .bind(texts(&ask.records))
        .bind(ask.values.keys().map(|value| value.kind.as_str()).collect::<Vec<_>>())
        .bind(ask.values.keys().map(|value| value.value.as_str()).collect::<Vec<_>>())
        .bind(ask.values.values().copied().collect::<Vec<bool>>())
        .bind(texts(&ask.changing))
        .bind(texts(&ask.merge_ends))
        .bind(ask.events.iter().map(ToString::to_string).collect::<Vec<String>>())
        .bind(scope.follow.is_some())
        .bind(number(limit))
        .bind(trusted(true))
        .bind(trusted(false))
        .bind(number(scope.shared_value_threshold.saturating_add(1)))
        .bind(number(scope.timeline))
        .bind(scope.hidden)
        .bind(SourceKind::ALL.map(SourceKind::as_str).as_slice())
        .bind(ask.suppression_hashes.iter().map(|hash| hash.0.as_slice()).collect::<Vec<_>>())
        .bind(texts(&ask.changing_elsewhere))
        .bind(ask.events_elsewhere.iter().map(ToString::to_string).collect::<Vec<String>>())
        .bind(number(scope.most_names))
        .fetch_all(db)
        .await?;
    let mut found = ComponentRows::default();
    for (what, row) in rows {
        found.add(&what, &row)?;
    }
    let asked = ask.values.keys().filter(|value| value.kind != IdentifierKind::Reference);
    // A value without a row has no holders.
    asked.for_each(|value| {
        found.holdings.entry(value.clone()).or_default();
    });
    Ok(found)
}
