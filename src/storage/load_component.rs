//! Everything that hangs together with some records and values, in one round trip: what a change can touch. What holds
//! names and addresses as plain text here can't be printed for debugging.

use std::collections::{BTreeMap, BTreeSet};

use super::pool::Connection;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::StorageError;
use super::suppressions::SuppressionHash;
use crate::customer::identity::resolution::Decision;
use crate::customer::model::event::{Event, EventKey};
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::{Record, RecordKey, SourceMerge};
use crate::customer::model::source::SourceKind;

/// Where to begin.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ComponentQuery {
    /// Records, known or not.
    pub records: BTreeSet<RecordKey>,
    /// Values; `true` leads on to its holders even where the value is shared.
    pub values: BTreeMap<Identifier, bool>,
    /// Records whose identifiers may change: they don't count among the holders of a value.
    pub changing: BTreeSet<RecordKey>,
    /// Ends of merges that may be news: whoever is in a chain with them may change as well.
    pub merge_ends: BTreeSet<RecordKey>,
    /// Events that may change, with the records that they hang on.
    pub events: BTreeSet<EventKey>,
    /// What the ledger of erasures may name of all that.
    pub suppression_hashes: BTreeSet<SuppressionHash>,
    /// Records that may change as well, and are read by another question.
    pub changing_elsewhere: BTreeSet<RecordKey>,
    /// Events that may change as well, and are read by another question.
    pub events_elsewhere: BTreeSet<EventKey>,
}

impl ComponentQuery {
    /// Two questions that come to the same together, for two connections to answer at once. `None` where that isn't worth it.
    #[must_use]
    pub fn halves(&self) -> Option<[Self; 2]> {
        const WORTH_IT: usize = 64;
        if self.records.len().saturating_add(self.changing.len()).saturating_add(self.events.len()) < WORTH_IT {
            return None;
        }
        // Neighbours in order are mostly of one kind, so that every other one makes fair halves.
        fn every_other<T: Clone>(all: impl IntoIterator<Item = T>, half: usize) -> impl Iterator<Item = T> {
            all.into_iter().skip(half).step_by(2)
        }
        Some([0, 1].map(|half| Self {
            records: every_other(&self.records, half).cloned().collect(),
            values: every_other(&self.values, half).map(|(value, forced)| (value.clone(), *forced)).collect(),
            changing: every_other(&self.changing, half).cloned().collect(),
            // Whoever is in a chain with them changes for both.
            merge_ends: self.merge_ends.clone(),
            events: every_other(&self.events, half).cloned().collect(),
            suppression_hashes: every_other(&self.suppression_hashes, half).copied().collect(),
            changing_elsewhere: &self.changing_elsewhere | &self.changing,
            events_elsewhere: &self.events_elsewhere | &self.events,
        }))
    }

    /// Whether there is nothing to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How much is read, and by which rules.
#[derive(Debug, Clone)]
pub struct LoadLimits<'a> {
    /// Kinds whose source keeps people unique.
    pub one_record_per_person: &'a BTreeSet<SourceKind>,
    /// Kinds whose records anybody may write: they don't count among the holders of a value.
    pub self_asserted: &'a BTreeSet<SourceKind>,
    /// A value held by more is shared.
    pub shared_value_threshold: usize,
    /// So many names of a value are enough.
    pub most_names: usize,
    /// The newest events per record.
    pub timeline: usize,
    /// Event types that nobody sees.
    pub hidden: &'a [String],
    /// At most this many records are followed; `None` reads only those asked for.
    pub follow: Option<usize>,
}

/// Who holds a value, besides the records that may change: as much as decides whether it is shared.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ValueHolder {
    /// A person decided that it is shared.
    pub decided: bool,
    /// Anybody holds it.
    pub held: bool,
    /// Records per unique kind.
    pub records: BTreeMap<SourceKind, usize>,
    /// Different names over the other kinds.
    pub names: BTreeSet<String>,
}

/// How a record is found by a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// Whether the value may link.
    pub links: bool,
    /// The record's folded name; empty when unknown.
    pub name_key: String,
}

/// A customer as it is stored.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StoredCustomer {
    /// As answers show it.
    pub customer_id: String,
    /// Every record key that stands for it.
    pub records: BTreeSet<RecordKey>,
    /// What it is found by, and whether only self-asserted records say so.
    pub addresses: BTreeMap<Identifier, bool>,
    /// SHA-256 of the answer, in hexadecimal digits.
    pub answer: String,
    /// The settings that rendered it, in hexadecimal digits.
    pub settings_hash: String,
}

/// A question for a person, as it is stored.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReviewRow {
    /// How strong the evidence would be.
    pub level: String,
    /// Its sort.
    pub kind: String,
    /// Its text.
    pub value: String,
    /// What keeps the customers apart.
    pub grounds: String,
    /// Whom it is about, in order.
    pub customers: Vec<String>,
}

/// What was found.
#[derive(Default)]
pub struct ComponentRows {
    /// Every record key, known or not.
    pub keys: BTreeSet<RecordKey>,
    /// The keys whose identifiers may change.
    pub changing: BTreeSet<RecordKey>,
    /// Known records, deleted ones included.
    pub records: BTreeMap<RecordKey, Record>,
    /// What they are found by.
    pub identifiers: BTreeMap<(RecordKey, Identifier), Found>,
    /// Merges of their sources.
    pub merges: BTreeMap<(RecordKey, RecordKey), Timestamp>,
    /// People's decisions.
    pub decisions: BTreeMap<(RecordKey, RecordKey), bool>,
    /// Which of their values are shared.
    pub shared: BTreeSet<Identifier>,
    /// Who else holds the values asked for and those of the changing records.
    pub holdings: BTreeMap<Identifier, ValueHolder>,
    /// The events asked for, deleted ones included.
    pub events: BTreeMap<EventKey, Event>,
    /// The newest events of each record, without those asked for.
    pub timelines: BTreeMap<RecordKey, BTreeMap<EventKey, Event>>,
    /// The customers that stand there.
    pub customers: BTreeMap<String, StoredCustomer>,
    /// The reviews about them.
    pub reviews: BTreeSet<ReviewRow>,
    /// Records of other kinds that bear the id of one of the keys and are live.
    pub namesakes: BTreeSet<RecordKey>,
    /// What the ledger of erasures names of what was asked for.
    pub erased: BTreeSet<SuppressionHash>,
    /// There is more than the scope follows: nothing here can be relied on.
    pub is_cut_off: bool,
    /// Tables have grown fourfold since Postgres last looked at what is in them.
    pub is_outgrown: bool,
}

impl ComponentRows {
    /// Adds what was read later.
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
        self.is_cut_off |= other.is_cut_off;
        self.is_outgrown |= other.is_outgrown;
    }

    /// The merges, as facts.
    #[must_use]
    pub fn source_merges(&self) -> Vec<SourceMerge> {
        self.merges.iter().map(|((loser, winner), at)| SourceMerge { loser: loser.clone(), winner: winner.clone(), at: *at }).collect()
    }

    /// The decisions, as facts.
    #[must_use]
    pub fn all_decisions(&self) -> Vec<Decision> {
        self.decisions.iter().map(|((left, right), same)| Decision { left: left.clone(), right: right.clone(), same: *same }).collect()
    }

    fn add(&mut self, what: &str, row: &str) -> Result<(), StorageError> {
        match what {
            "cut off" => self.is_cut_off = true,
            "outgrown" => self.is_outgrown = true,
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
                let (record, kind, value, links, name_key): (String, String, String, bool, String) = parse(row)?;
                self.identifiers.insert((key(&record)?, identifier(&kind, value)?), Found { links, name_key });
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
                let records = row.records.unwrap_or_default().into_iter().map(|(name, held)| Ok((kind(&name)?, held)));
                let records = records.collect::<Result<_, StorageError>>()?;
                let names = row.names.unwrap_or_default().into_iter().collect();
                self.holdings.insert(identifier(&row.kind, row.value)?, ValueHolder { decided: row.decided, held: row.held, records, names });
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
                let records = row.records.iter().map(|record| key(record)).collect::<Result<_, _>>()?;
                let address = |(kind, value, self_asserted): (String, String, bool)| Ok((identifier(&kind, value)?, self_asserted));
                let addresses = row.addresses.into_iter().map(address).collect::<Result<_, StorageError>>()?;
                let customer =
                    StoredCustomer { customer_id: row.customer_id, records, addresses, answer: row.answer, settings_hash: row.settings_hash };
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
            _ => return Err(StorageError::Corrupt("neighbourhood")),
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
    serde_json::from_str(row).map_err(|_| StorageError::Corrupt("neighbourhood"))
}

fn key(text: &str) -> Result<RecordKey, StorageError> {
    text.parse().map_err(StorageError::corrupt("records"))
}

fn hash(hex: &str) -> Result<SuppressionHash, StorageError> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, _) = hex.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
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

/// Reads what hangs together with what is asked.
///
/// # Errors
/// When Postgres fails.
pub async fn load_component(db: &mut Connection, brand_id: i32, ask: &ComponentQuery, scope: &LoadLimits<'_>) -> Result<ComponentRows, StorageError> {
    let texts = |keys: &BTreeSet<RecordKey>| keys.iter().map(ToString::to_string).collect::<Vec<String>>();
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let limit = scope.follow.unwrap_or(usize::MAX);
    let trusted = |one_record_per_person: bool| {
        let kinds = SourceKind::ALL
            .iter()
            .filter(|kind| scope.one_record_per_person.contains(kind) == one_record_per_person && !scope.self_asserted.contains(kind));
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
    // A value that nobody holds is held by nobody.
    asked.for_each(|value| {
        found.holdings.entry(value.clone()).or_default();
    });
    Ok(found)
}
