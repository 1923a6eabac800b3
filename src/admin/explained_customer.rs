//! A customer of a resolved component, and what the resolution says about it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::decisions::FINDS_ANOTHER;
use crate::brand::Brand;
use crate::customer::answer::Answer;
use crate::customer::answer::profile::{Profile, Sourced, name_said_at};
use crate::customer::model::event::{Event, EventKey};
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Record, RecordKey, field};
use crate::customer::model::unread::unread_values;
use crate::ingest::derive::timeline;
use crate::ingest::next_state::NextState;
use crate::ingest::resolve::Resolved;
use crate::storage::component_rows::ComponentRows;

/// Why an address does not find its customer: a person can confirm it.
pub const ONLY_A_FORM: &str =
    "only a form contains it: a trusted record or a person must confirm it";

/// A customer of a resolved component.
pub(super) struct ExplainedCustomer<'a> {
    pub profile: &'a Profile,
    pub found: &'a Resolved,
    brand: &'a Brand,
    known: &'a ComponentRows,
    now: &'a NextState,
    /// The position of the customer among the clusters.
    position: usize,
    /// The customer's records, as indices of the members.
    own: BTreeSet<usize>,
}

impl<'a> ExplainedCustomer<'a> {
    /// Finds the customer with a key. If none has it now, the customer with one of the stored records.
    pub(super) fn find(
        brand: &'a Brand,
        known: &'a ComponentRows,
        now: &'a NextState,
        found: &'a Resolved,
        stored: &BTreeSet<RecordKey>,
        customer_key: &str,
    ) -> Option<Self> {
        let mut profiles = found.profiles.iter();
        let exact = profiles.position(|profile| profile.key.to_string() == customer_key);
        let position = exact.or_else(|| {
            let mut profiles = found.profiles.iter();
            profiles.position(|profile| profile.record_keys.iter().any(|key| stored.contains(key)))
        })?;
        let profile = found.profiles.get(position)?;
        let own = found.resolution.clusters.get(position).into_iter().flatten().copied().collect();
        Some(Self { profile, found, brand, known, now, position, own })
    }

    fn key_of(&self, member: usize) -> Option<RecordKey> {
        self.found.members.get(member).map(|member| member.key.clone())
    }

    fn keys_of(&self, members: &[usize]) -> Vec<RecordKey> {
        members.iter().filter_map(|member| self.key_of(*member)).collect()
    }

    /// The records that are not deleted.
    fn records(&self) -> impl Iterator<Item = &'a Record> + '_ {
        let keys = self.own.iter().filter_map(|member| self.key_of(*member));
        keys.filter_map(|key| self.now.live.get(&key))
    }

    /// The events that agents see.
    pub(super) fn timeline(&self) -> Vec<Event> {
        timeline(self.profile, self.now, self.known, self.brand)
    }

    /// The records, with the name in each.
    pub(super) fn names(&self) -> Vec<(RecordKey, String)> {
        let named = |record: &Record| {
            let name = record.name();
            let words: Vec<String> = [name.first, name.last].into_iter().flatten().collect();
            (record.key.clone(), words.join(" "))
        };
        self.records().map(named).collect()
    }

    /// The links between the records: level, evidence, and the records that have it.
    pub(super) fn links(&self) -> Vec<(&'static str, String, Vec<RecordKey>)> {
        let links = self.found.resolution.links.iter();
        links
            .filter(|link| link.members.iter().any(|member| self.own.contains(member)))
            .map(|link| {
                (link.level.as_str(), link.evidence.in_words().1, self.keys_of(&link.members))
            })
            .collect()
    }

    /// The links that were refused: level, evidence, the reason, and the other customers.
    pub(super) fn review_candidates(
        &self,
    ) -> Vec<(&'static str, String, &'static str, Vec<String>)> {
        let others = |clusters: &[usize]| {
            let others = clusters.iter().filter(|n| **n != self.position);
            others
                .filter_map(|n| self.found.profiles.get(*n))
                .map(|profile| profile.key.to_string())
                .collect()
        };
        let resolution = &self.found.resolution;
        let refused = resolution.review_candidates.iter().chain(&resolution.decided);
        refused
            .filter(|candidate| candidate.clusters.contains(&self.position))
            .map(|candidate| {
                (
                    candidate.level.as_str(),
                    candidate.evidence.in_words().1,
                    candidate.conflict.as_str(),
                    others(&candidate.clusters),
                )
            })
            .collect()
    }

    /// Addresses that find the customer but link no records, with the reason. `holders` says who else has them.
    pub(super) fn finds_only(&self, holders: &ComponentRows) -> Vec<(Identifier, &'static str)> {
        let reason = |address: &Identifier| {
            if !self.brand.rules.identity.may_link(address) {
                Some("blocked: it cannot identify a person")
            } else if holders.decided.contains(address) {
                Some("shared: a person decided this")
            } else if self.now.shared.contains(address) {
                Some("shared: too many people have it")
            } else {
                None
            }
        };
        let addresses = self.profile.addresses.iter();
        addresses.filter_map(|address| Some((address.clone(), reason(address)?))).collect()
    }

    /// Phone numbers that have a new owner, and addresses that only a form contains. Of a customer without any trusted record,
    /// those that find the customers who have them in a trusted one.
    pub(super) fn finds_not(
        &self,
        outranked: &BTreeSet<Identifier>,
    ) -> Vec<(Identifier, &'static str)> {
        const MOVED: &str = "it has a new owner: another person's record had it years later";
        let moved = self.found.resolution.moved.iter();
        let lost = moved
            .filter(|moved| moved.from.iter().any(|member| self.own.contains(member)))
            .filter_map(|moved| moved.evidence.address())
            .filter(|number| !self.profile.addresses.contains(number));
        let finds = self.brand.rules.identity.lookup_by_self_asserted;
        let asserted = self.profile.asserted.iter().filter(|_| !finds);
        let outranked = outranked.iter().filter(|address| self.profile.addresses.contains(address));
        lost.map(|number| (number.clone(), MOVED))
            .chain(asserted.map(|address| (address.clone(), ONLY_A_FORM)))
            .chain(outranked.map(|address| (address.clone(), FINDS_ANOTHER)))
            .collect()
    }

    /// The events that the answer shows, each with its record and its time.
    pub(super) fn shown_events(&self, events: &[Event]) -> Vec<(EventKey, RecordKey, Timestamp)> {
        let items = self.brand.rules.presenter.items(self.profile, events);
        let shown = events.iter().zip(items).filter(|(_, item)| item.is_some());
        let sourced =
            |event: &Event| Some((event.key.clone(), event.record()?, event.occurred_at()));
        shown.filter_map(|(event, _)| sourced(event)).collect()
    }

    /// The custom fields of the answer, each with the values that its template uses.
    pub(super) fn custom_fields(&self, answer: &Answer) -> Vec<(String, Vec<ValueSource>)> {
        let all = self.brand.rules.presenter.custom_fields();
        all.filter(|(field, _)| answer.custom_fields.iter().any(|shown| shown.name == *field))
            .map(|(field, names)| {
                let used = names.iter().filter_map(|name| self.value_source(name));
                (field.to_owned(), used.collect())
            })
            .collect()
    }

    /// The record and time of a value, by its name in templates.
    fn value_source(&self, name: &str) -> Option<ValueSource> {
        let (of, value) = name.split_once('.')?;
        let Profile { first_name, last_name, attributes, by_source, .. } = self.profile;
        let named = |(record, at): (&RecordKey, Timestamp)| (name.to_owned(), record.clone(), at);
        if of == "customer" {
            let part = if value == "first_name" { first_name } else { last_name };
            let part = part.as_ref().filter(|_| ["first_name", "last_name"].contains(&value))?;
            return Some(named((&part.record, part.at)));
        }
        let values =
            if of == "attributes" { attributes } else { by_source.get(&of.parse().ok()?)? };
        let found = values.get(value.split('.').next()?)?;
        Some(named((&found.record, found.at)))
    }

    /// Values that could not be parsed, for each record and each event.
    pub(super) fn unread(&self, events: &[Event]) -> BTreeMap<String, BTreeMap<String, String>> {
        let region = self.brand.rules.identity.region;
        let of_records = self
            .records()
            .map(|record| (record.key.to_string(), unread_values(&record.versions, region)));
        let of_events = events
            .iter()
            .map(|event| (event.key.to_string(), unread_values(&event.versions, region)));
        of_records.chain(of_events).filter(|(_, unread)| !unread.is_empty()).collect()
    }

    /// The values of each record, also those that the profile does not use. Addresses have the source's spelling, the other
    /// values their names in templates.
    pub(super) fn record_values(&self) -> BTreeMap<RecordKey, Vec<RecordValue>> {
        let values = |record: &Record| {
            let names = self.name_values(record).into_iter();
            names.chain(address_values(record)).chain(self.attribute_values(record)).collect()
        };
        self.records().map(|record| (record.key.clone(), values(record))).collect()
    }

    fn name_values(&self, record: &Record) -> Vec<RecordValue> {
        let Profile { first_name, last_name, .. } = self.profile;
        let own = record.name();
        let value =
            |name: &str, part: &str, text: Option<String>, winner: &Option<Sourced<String>>| {
                Some(RecordValue {
                    name: name.to_owned(),
                    text: text?,
                    at: name_said_at(record, part),
                    is_used: winner.as_ref().is_some_and(|winner| winner.record == record.key),
                })
            };
        let first = value("customer.first_name", field::FIRST_NAME, own.first, first_name);
        let last = value("customer.last_name", field::LAST_NAME, own.last, last_name);
        first.into_iter().chain(last).collect()
    }

    fn attribute_values(&self, record: &Record) -> Vec<RecordValue> {
        let source = record.key.kind.source();
        let is_from = |field: &Sourced<Value>| field.record == record.key;
        let value = |(name, value, at): (&str, &Value, Timestamp)| {
            let own = self.profile.by_source.get(&source).and_then(|values| values.get(name));
            let is_preferred = self.profile.attributes.get(name).is_some_and(is_from);
            RecordValue {
                name: match is_preferred {
                    true => format!("{source}.{name}, attributes.{name}"),
                    false => format!("{source}.{name}"),
                },
                text: text(value),
                at,
                is_used: own.is_some_and(is_from),
            }
        };
        record.versions.with_prefix(field::ATTRIBUTE).map(value).collect()
    }
}

/// Where a value of an answer comes from: its name in templates, its record and its time.
pub type ValueSource = (String, RecordKey, Timestamp);

/// A value of a record. It is personal data, so it does not implement `Debug`.
pub struct RecordValue {
    /// Its name in templates. An address has the name of its field.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Since when its source says it.
    pub at: Timestamp,
    /// Whether the customer has it: another record may win. Always true for addresses.
    pub is_used: bool,
}

fn address_values(record: &Record) -> Vec<RecordValue> {
    let of = |prefix: &'static str| {
        record.versions.with_prefix(prefix).map(move |(slot, value, at)| RecordValue {
            name: format!("{prefix}{slot}"),
            text: text(value),
            at,
            is_used: true,
        })
    };
    [field::EMAIL, field::PHONE, field::SOCIAL].into_iter().flat_map(of).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
