//! What an explanation must say, computed from the stored data and the settings, without the product's code that
//! resolves, merges and renders. The oracle of the populations decides which records are one customer, and why.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use hookpoint::brand::BrandRules;
use hookpoint::customer::model::event::Event;
use hookpoint::customer::model::field_versions::FieldVersions;
use hookpoint::customer::model::identifier::identifiers_of;
use hookpoint::customer::model::record::{Change, Record, RecordKey, SourceMerge};
use jiff::Timestamp;
use serde_json::Value;

use crate::ingest::populations::generator::Decided;
use crate::ingest::populations::oracle::{EvidenceKind, Oracle, OracleSnapshot};
use crate::support::TestApp;

/// The stored data, and who is who.
pub struct Expected<'a> {
    rules: &'a BrandRules,
    snapshot: OracleSnapshot,
    records: BTreeMap<RecordKey, Record>,
    events: Vec<Event>,
}

/// A customer, with its records that exist.
pub struct ExpectedCustomer<'a> {
    all: &'a Expected<'a>,
    records: Vec<&'a Record>,
}

/// A value with its record and time.
type Said = (RecordKey, Value, Timestamp);

async fn stored<K: std::str::FromStr<Err: std::fmt::Debug>>(
    app: &TestApp,
    query: &'static str,
) -> Vec<(K, FieldVersions)> {
    let rows: Vec<(String, String)> = sqlx::query_as(query).fetch_all(app.pool()).await.unwrap();
    rows.into_iter()
        .map(|(key, state)| (key.parse().unwrap(), serde_json::from_str(&state).unwrap()))
        .collect()
}

impl<'a> Expected<'a> {
    pub async fn read(app: &'a TestApp, decisions: &[Decided]) -> Self {
        let rules = &app.brand.rules;
        let mut oracle = Oracle::new(rules.identity.clone(), decisions.to_vec());
        let records = stored(app, "select record_key, state::text from records").await;
        let records = records.into_iter().map(|(key, versions)| Record { key, versions });
        records.for_each(|record| oracle.set(record));
        let merges: Vec<(String, String, i64)> = sqlx::query_as(
            "select loser_key, winner_key, (extract(epoch from merged_at) * 1000000)::bigint
            from source_merges",
        )
        .fetch_all(app.pool())
        .await
        .unwrap();
        for (loser, winner, at) in merges {
            let [loser, winner] = [loser, winner].map(|key| key.parse().unwrap());
            let at = Timestamp::from_microsecond(at).unwrap();
            oracle.add(&Change::Merge(SourceMerge { loser, winner, at }));
        }
        let events = stored(app, "select event_key, state::text from events where live").await;
        let events = events.into_iter().map(|(key, versions)| Event { key, versions }).collect();
        let records = oracle.records.iter().map(|(key, versions)| {
            (key.clone(), Record { key: key.clone(), versions: versions.clone() })
        });
        Self { rules, snapshot: oracle.snapshot(), records: records.collect(), events }
    }

    pub fn customers(&self) -> Vec<ExpectedCustomer<'_>> {
        let records =
            |keys: &BTreeSet<RecordKey>| keys.iter().map(|key| &self.records[key]).collect();
        let customers = self.snapshot.customers.iter();
        customers.map(|keys| ExpectedCustomer { all: self, records: records(keys) }).collect()
    }

    fn is_unconfirmed(&self, key: &RecordKey) -> bool {
        self.snapshot.people.iter().any(|person| person.key == *key && person.is_unconfirmed)
    }

    fn end<'k>(&'k self, key: &'k RecordKey) -> &'k RecordKey {
        self.snapshot.ends.get(key).unwrap_or(key)
    }
}

impl ExpectedCustomer<'_> {
    pub fn first_key(&self) -> String {
        self.records[0].key.to_string()
    }

    pub fn record_keys(&self) -> BTreeSet<String> {
        self.records.iter().map(|record| record.key.to_string()).collect()
    }

    /// The evidence that joined the records: its level, the address or key, and the records that have it.
    pub fn links(&self) -> BTreeSet<(String, String, BTreeSet<String>)> {
        let OracleSnapshot { links, people, .. } = &self.all.snapshot;
        let own = self.record_keys();
        let links = links.iter().map(|link| {
            let level = match link.kind {
                EvidenceKind::Decided => "decision",
                EvidenceKind::Merged => "source merge",
                EvidenceKind::Referred => "reference",
                EvidenceKind::Mailed => "e-mail",
                EvidenceKind::Phoned => "phone",
            };
            let people = link.people.iter().map(|n| people[*n].key.to_string());
            let records: BTreeSet<String> = people.collect();
            (level.to_owned(), link.value.clone(), records)
        });
        links.filter(|(_, _, records)| records.is_subset(&own)).collect()
    }

    /// Whether the customer has records that not just anybody could have written.
    fn has_trusted(&self) -> bool {
        self.records.iter().any(|record| !self.all.is_unconfirmed(&record.key))
    }

    /// The records that add values. A record that was merged into another adds none, unless all of its sort were.
    fn speaking(&self, is_unconfirmed: bool) -> Vec<&Record> {
        let records = self.records.iter().copied();
        let sort: Vec<&Record> =
            records.filter(|one| self.all.is_unconfirmed(&one.key) == is_unconfirmed).collect();
        let is_winner = |record: &&&Record| self.all.end(&record.key) == &record.key;
        let winners: Vec<&Record> = sort.iter().filter(is_winner).copied().collect();
        if winners.is_empty() { sort } else { winners }
    }

    /// The value of the preferred kind of record, then the newest, then the greatest.
    fn preferred(&self, field: &str, mut said: Vec<Said>) -> Option<Said> {
        let place = |record: &RecordKey| {
            let rules = self.all.rules;
            let own_order = rules.precedence.get(field);
            let order = own_order.unwrap_or(&rules.identity.precedence);
            let place = order.iter().position(|kind| *kind == record.kind).unwrap_or(usize::MAX);
            (own_order.is_none() && self.all.is_unconfirmed(record), place)
        };
        said.sort_by_key(|(record, value, at)| {
            (place(record), Reverse((*at, value.to_string(), record.clone())))
        });
        said.into_iter().next()
    }

    fn name_part(&self, is_first: bool) -> Option<Said> {
        let speaking = self.speaking(!self.has_trusted());
        let sure: Vec<&Record> =
            speaking.iter().filter(|record| record.name().is_sure()).copied().collect();
        let naming = if sure.is_empty() { speaking } else { sure };
        let said = naming.into_iter().filter_map(|record| {
            let (name, versions) = (record.name(), &record.versions);
            let text = if is_first { name.first } else { name.last }?;
            let field = if is_first { "name.first" } else { "name.last" };
            let at = versions.said_at(field).or_else(|| versions.said_at("name.full"))?;
            Some((record.key.clone(), text.into(), at))
        });
        self.preferred(if is_first { "first_name" } else { "last_name" }, said.collect())
    }

    /// Every value that a template can use, by its name: `customer.…`, `attributes.…` or of one source.
    fn by_name(&self) -> BTreeMap<String, Said> {
        let mut said: BTreeMap<(String, String), Vec<Said>> = BTreeMap::new();
        for record in self.speaking(false).into_iter().chain(self.speaking(true)) {
            for (name, value, at) in record.versions.with_prefix("attribute.") {
                for of in ["attributes", record.key.kind.source().as_str()] {
                    let said = said.entry((of.to_owned(), name.to_owned())).or_default();
                    said.push((record.key.clone(), value.clone(), at));
                }
            }
        }
        let values = said.into_iter().filter_map(|((of, name), said)| {
            Some((format!("{of}.{name}"), self.preferred(&name, said)?))
        });
        let first = self.name_part(true).map(|said| ("customer.first_name".to_owned(), said));
        let last = self.name_part(false).map(|said| ("customer.last_name".to_owned(), said));
        values.chain(first).chain(last).collect()
    }

    pub fn value(&self, name: &str) -> Option<String> {
        self.by_name().get(name).map(|(_, value, _)| shown(value))
    }

    /// All values, as explanations list them: record, name, value and time.
    pub fn values(&self) -> BTreeSet<(String, String, String, String)> {
        let by_name = self.by_name();
        let mut values = BTreeSet::new();
        let mut add = |name: String, (record, value, at): &Said| {
            values.insert((record.to_string(), name, shown(value), at.to_string()));
        };
        for (name, said) in by_name.iter().filter(|(name, _)| !name.starts_with("attributes.")) {
            let (_, field) = name.split_once('.').unwrap();
            let of_all = format!("attributes.{field}");
            let is_preferred = by_name.get(&of_all).is_some_and(|(record, ..)| *record == said.0);
            add(if is_preferred { format!("{name}, {of_all}") } else { name.clone() }, said);
        }
        for record in &self.records {
            for prefix in ["email.", "phone.", "social."] {
                for (slot, value, at) in record.versions.with_prefix(prefix) {
                    add(format!("{prefix}{slot}"), &(record.key.clone(), value.clone(), at));
                }
            }
        }
        values
    }

    fn addresses_of(&self, counts: impl Fn(&RecordKey) -> bool) -> BTreeSet<(String, String)> {
        let counting = self.records.iter().filter(|record| counts(&record.key));
        let held = counting.flat_map(|record| {
            let values = identifiers_of(record, self.all.rules.identity.region).values;
            values.into_iter().map(|value| (record.key.clone(), value))
        });
        let has_moved = |key: &RecordKey, value: &_| {
            self.all.snapshot.difficult.moved.contains(&(Clone::clone(value), key.clone()))
        };
        held.filter(|(key, value)| value.kind.is_address() && !has_moved(key, value))
            .map(|(_, value)| (value.kind.as_str().to_owned(), value.value))
            .collect()
    }

    /// The addresses of the trusted records, or of all if there is none. Numbers with a new owner do not count.
    pub fn addresses(&self) -> BTreeSet<(String, String)> {
        let has_trusted = self.has_trusted();
        self.addresses_of(|key| !has_trusted || !self.all.is_unconfirmed(key))
    }

    /// The addresses of all records, also those that do not find the customer.
    pub fn all_addresses(&self) -> BTreeSet<(String, String)> {
        let moved = self.all.snapshot.difficult.moved.iter();
        let own = moved.filter(|(_, key)| self.records.iter().any(|record| record.key == *key));
        let lost = own.map(|(number, _)| (number.kind.as_str().to_owned(), number.value.clone()));
        self.addresses_of(|_| true).into_iter().chain(lost).collect()
    }

    /// The custom fields that have a value, each with the values that its template names.
    pub fn custom_fields(&self) -> Vec<(String, BTreeSet<(String, String, String)>)> {
        let by_name = self.by_name();
        let fields = self.all.rules.presenter.rules().custom_fields.iter();
        let fields = fields.map(|(field, template)| {
            let words = template.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
            let used = words.filter_map(|name| {
                let (record, _, at) = by_name.get(name)?;
                Some((name.to_owned(), record.to_string(), at.to_string()))
            });
            (field.clone(), used.collect::<BTreeSet<_>>())
        });
        fields.filter(|(_, used)| !used.is_empty()).collect()
    }

    fn shown_events(&self) -> Vec<&Event> {
        let rules = self.all.rules.presenter.rules();
        let ends: BTreeSet<&RecordKey> =
            self.records.iter().map(|record| self.all.end(&record.key)).collect();
        let is_own = |key: &RecordKey| {
            let is_gone = || self.all.records.get(key).is_none_or(|one| !one.versions.is_live());
            self.records.iter().any(|record| record.key == *key)
                || (is_gone() && ends.contains(self.all.end(key)))
        };
        let events = self.all.events.iter();
        let mut events: Vec<&Event> = events
            .filter(|event| event.record().is_some_and(|key| is_own(&key)))
            .filter(|event| !rules.hidden_events.contains(&event.key.event_type()))
            .collect();
        events.sort_by_key(|event| {
            let key = &event.key;
            (Reverse(event.occurred_at()), key.source.as_str(), key.id.clone(), key.what.clone())
        });
        events.truncate(rules.timeline_limit);
        events.retain(|event| !event.is_undated());
        events
    }

    /// The events of the timeline, the newest first: event, record and time.
    pub fn events(&self) -> Vec<(String, String, String)> {
        let events = self.shown_events().into_iter().map(|event| {
            let record = event.record().unwrap();
            (event.key.to_string(), record.to_string(), event.occurred_at().to_string())
        });
        events.collect()
    }

    /// The same as the answer shows them: source, id and local time.
    pub fn timeline(&self) -> Vec<(String, String, String)> {
        let zone = &self.all.rules.presenter.rules().time_zone;
        let items = self.shown_events().into_iter().map(|event| {
            let local = event.occurred_at().to_zoned(zone.clone());
            let local = match event.day() {
                Some(day) => format!("{day} 00:00:00"),
                None => local.strftime("%F %T").to_string(),
            };
            (event.key.source.to_string(), event.key.id.clone(), local)
        });
        items.collect()
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
