//! One customer's merged profile. Each field has the value of the preferred source, then the newest, then the greater
//! value. The record and time of each value are kept.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::customer::identity::rules::IdentityRules;
use crate::customer::identity::source_merges::Aliases;
use crate::customer::model::identifier::{Identifier, identifiers_of};
use crate::customer::model::name::PersonName;
use crate::customer::model::record::{Record, RecordKey, field};
use crate::customer::model::source::{Source, SourceKind};

/// A value with its record and time.
#[derive(Clone, PartialEq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// The record that has the value.
    pub record: RecordKey,
    /// Time of the value.
    pub at: Timestamp,
}

/// A customer, merged from its records.
#[derive(Clone)]
pub struct Profile {
    /// The first record. Its key is the customer's key in this service.
    pub key: RecordKey,
    /// The first record's id, as shown in answers.
    pub customer_id: String,
    /// The keys of all records of this customer, including aliases.
    pub record_keys: Vec<RecordKey>,
    /// Given name.
    pub first_name: Option<Sourced<String>>,
    /// Family name.
    pub last_name: Option<Sourced<String>>,
    /// The customer's addresses, in the order of an answer.
    pub addresses: Vec<Identifier>,
    /// Addresses that only self-asserted records have and nobody confirmed, although the customer also has trusted records.
    pub asserted: Vec<Identifier>,
    /// Whether the customer has no trusted record.
    pub is_self_asserted: bool,
    /// The kinds of evidence that join the records, the strongest first, with a space between. They come from the
    /// resolution.
    pub matched_by: String,
    /// When a source last reported something about a record.
    pub reported_at: Timestamp,
    /// Attributes of all sources together.
    pub attributes: BTreeMap<String, Sourced<Value>>,
    /// Attributes by source.
    pub by_source: BTreeMap<Source, BTreeMap<String, Sourced<Value>>>,
}

/// The preferred kinds of record for a field, if they differ from the brand's order.
pub type Precedence = BTreeMap<String, Vec<SourceKind>>;

/// The rules for [`Profile::merge`].
#[derive(Debug, Clone, Copy)]
pub struct MergeRules<'a> {
    /// The brand's identity rules.
    pub identity: &'a IdentityRules,
    /// Preferred kinds by field.
    pub precedence: &'a Precedence,
    /// The merges by the sources.
    pub aliases: &'a Aliases,
    /// Self-asserted records that nobody confirmed.
    pub unconfirmed: &'a BTreeSet<RecordKey>,
    /// Phone numbers that have a new owner, with the records that still have them.
    pub moved: &'a BTreeSet<(RecordKey, Identifier)>,
    /// Addresses in self-asserted records that a person confirmed.
    pub confirmed: &'a BTreeSet<(RecordKey, Identifier)>,
}

impl Profile {
    /// Merges the existing records of one customer. `None` without records. `aliases` are further keys that represent
    /// it and have no existing record.
    ///
    /// A record that its source merged into another of these records is an alias: it still finds the customer, but adds
    /// no values.
    #[must_use]
    pub fn merge(
        records: &[&Record],
        aliases: Vec<RecordKey>,
        rules: MergeRules<'_>,
    ) -> Option<Self> {
        let ordered = rules.ordered(records);
        let first = ordered.first()?;
        // If the customer has trusted records, self-asserted records add no address and no name.
        let is_self_asserted = rules.unconfirmed.contains(&first.key);
        let counts = |record: &Record| is_self_asserted || !rules.unconfirmed.contains(&record.key);
        let speaking = rules.speaking(&ordered);
        let naming = naming(speaking.iter().copied().filter(|record| counts(record)).collect());
        let Addresses { own: addresses, asserted } = rules.addresses(&ordered, counts);
        let by_source = Source::ALL.into_iter().map(|source| {
            let is_own = |record: &&&Record| record.key.kind.source() == source;
            let records: Vec<&Record> = speaking.iter().filter(is_own).copied().collect();
            (source, rules.attributes(&records))
        });
        let mut record_keys: Vec<RecordKey> =
            records.iter().map(|record| record.key.clone()).chain(aliases).collect();
        record_keys.sort();
        record_keys.dedup();
        Some(Self {
            key: first.key.clone(),
            customer_id: first.key.id.clone(),
            record_keys,
            first_name: rules.part_of_name(&naming, NamePart::First),
            last_name: rules.part_of_name(&naming, NamePart::Last),
            addresses,
            asserted,
            is_self_asserted,
            matched_by: String::new(),
            reported_at: records
                .iter()
                .map(|record| record.versions.reported_at())
                .fold(first.versions.reported_at(), Timestamp::max),
            attributes: rules.attributes(&speaking),
            by_source: by_source.collect(),
        })
    }

    /// The identifiers that find the customer, and for each whether only self-asserted records have it. A lookup
    /// prefers customers that are found by trusted records.
    #[must_use]
    pub fn found_by(&self, rules: &IdentityRules) -> BTreeMap<Identifier, bool> {
        let asserted = self
            .asserted
            .iter()
            .filter(|_| rules.lookup_by_self_asserted)
            .map(|address| (address.clone(), true));
        asserted
            .chain(self.addresses.iter().map(|address| (address.clone(), self.is_self_asserted)))
            .collect()
    }
}

/// The time of a part of the name: of the part itself, or of the whole name.
pub(crate) fn name_said_at(record: &Record, part: &str) -> Timestamp {
    let versions = &record.versions;
    versions
        .said_at(part)
        .or_else(|| versions.said_at(field::FULL_NAME))
        .unwrap_or_else(|| versions.first_at())
}

/// A part of a name, in the profile.
#[derive(Clone, Copy)]
enum NamePart {
    First,
    Last,
}

/// The addresses of a customer.
#[derive(Default)]
struct Addresses {
    /// Those that show and find the customer.
    own: Vec<Identifier>,
    /// Those that only self-asserted records have, although the customer also has trusted records.
    asserted: Vec<Identifier>,
}

/// The records whose names count: a guessed part of a name does not count next to a certain one.
fn naming(records: Vec<&Record>) -> Vec<&Record> {
    let sure: Vec<&Record> =
        records.iter().copied().filter(|record| record.name().is_sure()).collect();
    if sure.is_empty() { records } else { sure }
}

impl MergeRules<'_> {
    /// The records in the order of preference.
    fn ordered<'r>(&self, records: &[&'r Record]) -> Vec<&'r Record> {
        let mut ordered: Vec<&Record> = records.to_vec();
        ordered.sort_by_cached_key(|record| {
            (
                self.unconfirmed.contains(&record.key),
                self.aliases.is_loser(&record.key),
                self.identity.rank(record.key.kind),
                record.created_at(),
                record.key.clone(),
            )
        });
        ordered
    }

    fn part_of_name(&self, records: &[&Record], part: NamePart) -> Option<Sourced<String>> {
        let (name, field) = match part {
            NamePart::First => ("first_name", field::FIRST_NAME),
            NamePart::Last => ("last_name", field::LAST_NAME),
        };
        let said = |record: &Record| {
            let PersonName { first, last, .. } = record.name();
            let text = match part {
                NamePart::First => first,
                NamePart::Last => last,
            };
            Some((Value::from(text?), name_said_at(record, field)))
        };
        let Sourced { value, record, at } = self.survivor(records, name, &said)?;
        Some(Sourced { value: value.as_str()?.to_owned(), record, at })
    }

    /// The addresses of all records. `counts` selects the records whose addresses are the customer's own.
    fn addresses(&self, records: &[&Record], counts: impl Fn(&Record) -> bool) -> Addresses {
        let mut addresses = Addresses::default();
        for record in records {
            for identifier in identifiers_of(record, self.identity.region).values {
                let held = (record.key.clone(), identifier);
                let is_own = held.1.kind.is_address() && !self.moved.contains(&held);
                let Addresses { own, asserted } = &mut addresses;
                if !is_own || own.contains(&held.1) {
                    continue;
                }
                if counts(record) || self.confirmed.contains(&held) {
                    asserted.retain(|address| *address != held.1);
                    own.push(held.1);
                } else if !asserted.contains(&held.1) {
                    asserted.push(held.1);
                }
            }
        }
        addresses.own.sort_by_key(|identifier| identifier.kind);
        addresses
    }

    /// The records that are not aliases of others, separately for trusted and self-asserted records. If all are
    /// aliases, all of them.
    fn speaking<'r>(&self, ordered: &[&'r Record]) -> Vec<&'r Record> {
        let (unconfirmed, trusted): (Vec<&Record>, Vec<&Record>) =
            ordered.iter().partition(|record| self.unconfirmed.contains(&record.key));
        let of = |records: Vec<&'r Record>| {
            let own: Vec<&Record> = records
                .iter()
                .filter(|record| !self.aliases.is_loser(&record.key))
                .copied()
                .collect();
            if own.is_empty() { records } else { own }
        };
        of(trusted).into_iter().chain(of(unconfirmed)).collect()
    }

    fn survivor(
        &self,
        records: &[&Record],
        name: &str,
        said: &dyn Fn(&Record) -> Option<(Value, Timestamp)>,
    ) -> Option<Sourced<Value>> {
        let order = self.precedence.get(name);
        let rank = |record: &RecordKey| match order {
            Some(order) => (
                false,
                order.iter().position(|listed| *listed == record.kind).unwrap_or(usize::MAX),
            ),
            None => (self.unconfirmed.contains(record), self.identity.rank(record.kind)),
        };
        records
            .iter()
            .filter_map(|record| {
                said(record).map(|(value, at)| Sourced { value, record: record.key.clone(), at })
            })
            .max_by_key(|sourced| {
                (
                    std::cmp::Reverse(rank(&sourced.record)),
                    sourced.at,
                    sourced.value.to_string(),
                    sourced.record.clone(),
                )
            })
    }

    fn attributes(&self, records: &[&Record]) -> BTreeMap<String, Sourced<Value>> {
        let mut names: Vec<&str> = records
            .iter()
            .flat_map(|record| {
                record.versions.with_prefix(field::ATTRIBUTE).map(|(name, _, _)| name)
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        let survivors = names.into_iter().filter_map(|name| {
            let field = format!("{}{name}", field::ATTRIBUTE);
            let said = |record: &Record| {
                Some((record.versions.get(&field)?.clone(), record.versions.said_at(&field)?))
            };
            Some((name.to_owned(), self.survivor(records, name, &said)?))
        });
        survivors.collect()
    }
}
