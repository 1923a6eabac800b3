//! Computes the state after a batch from the stored state. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::batch::ChangeBatch;
use crate::customer::identity::rules::IdentityRules;
use crate::customer::identity::shared_values::counts;
use crate::customer::identity::source_merges::Aliases;
use crate::customer::model::event::{Event, EventKey};
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::{Identifier, IdentifierKind, identifiers_of};
use crate::customer::model::record::{Record, RecordKey, SourceMerge};
use crate::customer::model::source::SourceKind;
use crate::storage::changed_rows::{IdentifierRow, IdentityChanges};
use crate::storage::component_rows::{ComponentRows, Found};
use crate::storage::load_component::ComponentQuery;

/// The state after the batch, for the loaded component.
pub(crate) struct NextState {
    /// Live records.
    pub live: BTreeMap<RecordKey, Record>,
    /// Which record is an alias of which.
    pub aliases: Aliases,
    /// Values that are shared, and so do not link.
    pub shared: BTreeSet<Identifier>,
    /// Live records of the brand that have the same id as a record of the component.
    pub namesakes: BTreeSet<RecordKey>,
    /// The events of the batch, in their next state.
    pub events: BTreeMap<EventKey, Event>,
    /// The rows to write.
    pub facts: IdentityChanges,
    /// How many of the records and events have other values than before.
    pub different: usize,
    /// What must be loaded before this result is valid.
    pub missing: ComponentQuery,
}

/// A record or an event.
trait Versioned<K>: Clone {
    fn new(key: K, versions: FieldVersions) -> Self;
    fn versions(&self) -> &FieldVersions;
}

impl Versioned<RecordKey> for Record {
    fn new(key: RecordKey, versions: FieldVersions) -> Self {
        Self { key, versions }
    }

    fn versions(&self) -> &FieldVersions {
        &self.versions
    }
}

impl Versioned<EventKey> for Event {
    fn new(key: EventKey, versions: FieldVersions) -> Self {
        Self { key, versions }
    }

    fn versions(&self) -> &FieldVersions {
        &self.versions
    }
}

/// Stored records or events, joined with the changes of a batch.
struct Joined<K, T> {
    /// All of them, in their next state.
    all: BTreeMap<K, T>,
    /// Those that change.
    changed: Vec<T>,
    /// How many of those have other values than before.
    different: usize,
}

impl<K: Clone + Ord, T: Versioned<K>> Joined<K, T> {
    fn new(
        known: &BTreeMap<K, T>,
        said: &BTreeMap<K, FieldVersions>,
        not_after: Option<Timestamp>,
    ) -> Self {
        let mut both = Self { all: known.clone(), changed: Vec::new(), different: 0 };
        for (key, said) in said {
            let before = known.get(key).map(T::versions);
            let Some(now) = joined(before, said, not_after) else { continue };
            let differs = before.map_or(now.is_live(), |before| !before.has_same_values_as(&now));
            both.different = both.different.saturating_add(usize::from(differs));
            let next = T::new(key.clone(), now);
            both.changed.push(next.clone());
            both.all.insert(key.clone(), next);
        }
        both
    }
}

/// The stored state joined with the change; `None` if nothing changes.
fn joined(
    known: Option<&FieldVersions>,
    said: &FieldVersions,
    not_after: Option<Timestamp>,
) -> Option<FieldVersions> {
    let Some(known) = known else { return Some(said.clone()) };
    if let Some(mut healed) = not_after.and_then(|now| known.without_future(now)) {
        healed.join(said.clone());
        return Some(healed);
    }
    let mut both = known.clone();
    both.join(said.clone());
    (both != *known).then_some(both)
}

/// The merges of a batch that are new, or later than the stored ones.
fn new_merges(batch: &ChangeBatch, known: &ComponentRows) -> Vec<SourceMerge> {
    let is_new = |ends: &(RecordKey, RecordKey), at: &Timestamp| {
        known.merges.get(ends).is_none_or(|before| before < at)
    };
    batch
        .merges
        .iter()
        .filter(|(ends, at)| is_new(ends, at))
        .map(|((loser, winner), at)| SourceMerge {
            loser: loser.clone(),
            winner: winner.clone(),
            at: *at,
        })
        .collect()
}

impl NextState {
    pub(crate) fn new(
        batch: &ChangeBatch,
        known: &ComponentRows,
        asked: &BTreeMap<Identifier, bool>,
        rules: &IdentityRules,
    ) -> Self {
        let records = Joined::new(&known.records, &batch.records, batch.not_after);
        let events = Joined::new(&known.events, &batch.events, batch.not_after);
        let merges = new_merges(batch, known);
        let all_merges: Vec<SourceMerge> =
            known.source_merges().into_iter().chain(merges.iter().cloned()).collect();
        let is_live = |(_, record): &(RecordKey, Record)| record.versions.is_live();
        let mut after = Self {
            live: records.all.into_iter().filter(is_live).collect(),
            aliases: Aliases::new(&all_merges),
            shared: known.shared.clone(),
            namesakes: known.namesakes.clone(),
            events: events.all,
            facts: IdentityChanges {
                records: records.changed,
                events: events.changed,
                merges,
                ..IdentityChanges::default()
            },
            different: records.different.saturating_add(events.different),
            missing: ComponentQuery::default(),
        };
        after.namesakes.retain(|key| !known.keys.contains(key));
        after.namesakes.extend(after.live.keys().cloned());
        let rows = after.identifiers(known, rules);
        after.ask_about_new_links(known, &rows, asked);
        after.share(known, &rows, asked, rules);
        after.missing.records = missing_records(known, &after.live);
        after
    }

    /// Whether nothing changes and no record must be resolved again.
    pub(crate) fn is_unchanged(&self, batch: &ChangeBatch) -> bool {
        batch.re_resolve.is_empty()
            && self.facts.records.is_empty()
            && self.facts.events.is_empty()
            && self.facts.merges.is_empty()
    }

    /// The identifiers of the changing records, and the difference to the stored ones.
    fn identifiers(
        &mut self,
        known: &ComponentRows,
        rules: &IdentityRules,
    ) -> BTreeMap<(RecordKey, Identifier), Found> {
        let mut rows = BTreeMap::new();
        for record in known.changing.iter().filter_map(|key| self.live.get(key)) {
            let is_loser = self.aliases.is_loser(&record.key);
            let name_key = record.name().folded().key();
            let identifiers = identifiers_of(record, rules.region);
            for identifier in identifiers.values.iter().cloned() {
                let links = !is_loser && rules.may_link_record(&identifiers, &identifier);
                rows.insert(
                    (record.key.clone(), identifier),
                    Found { links, name_key: name_key.clone() },
                );
            }
        }
        let before =
            known.identifiers.iter().filter(|((record, _), _)| known.changing.contains(record));
        self.facts.identifiers_deleted =
            before.map(|(key, _)| key).filter(|key| !rows.contains_key(*key)).cloned().collect();
        let changed =
            rows.iter().filter(|(key, found)| known.identifiers.get(*key) != Some(*found));
        self.facts.identifiers = changed
            .map(|((record, identifier), found)| IdentifierRow {
                record: record.clone(),
                identifier: identifier.clone(),
                found: found.clone(),
            })
            .collect();
        rows
    }

    /// Queries the other holders of values that begin to link. For example, a record that is no longer merged
    /// into another one links by its addresses again.
    fn ask_about_new_links(
        &mut self,
        known: &ComponentRows,
        rows: &BTreeMap<(RecordKey, Identifier), Found>,
        asked: &BTreeMap<Identifier, bool>,
    ) {
        let did_link = |row: &(RecordKey, Identifier)| {
            known.identifiers.get(row).is_some_and(|found| found.links)
        };
        let new = rows
            .iter()
            .filter(|(row, found)| found.links && !did_link(row))
            .map(|((_, value), _)| value);
        let unknown = new.filter(|value| value.could_link() && !asked.contains_key(*value));
        self.missing.values.extend(unknown.map(|value| (value.clone(), false)));
    }

    /// Decides which values are shared: too many records of one unique kind have them, or records of the other
    /// kinds with too many different names, or a person decided so.
    fn share(
        &mut self,
        known: &ComponentRows,
        rows: &BTreeMap<(RecordKey, Identifier), Found>,
        asked: &BTreeMap<Identifier, bool>,
        rules: &IdentityRules,
    ) {
        let before = known
            .identifiers
            .keys()
            .filter(|(record, _)| known.changing.contains(record))
            .map(|(_, value)| value);
        let mut values: BTreeMap<&Identifier, ChangingHolders<'_>> =
            before.map(|value| (value, ChangingHolders::default())).collect();
        for ((record, value), found) in rows {
            let holders = values.entry(value).or_default();
            holders.held |= found.links;
            let counts = found.links && counts(record.kind, rules);
            holders.counted.extend(counts.then_some((record.kind, found.name_key.as_str())));
        }
        for (value, ChangingHolders { held, counted }) in values {
            if value.kind == IdentifierKind::Reference {
                if value.could_link() && !asked.contains_key(value) {
                    self.missing.values.insert(value.clone(), false);
                }
                continue;
            }
            let Some(others) = known.holdings.get(value) else {
                self.missing.values.insert(value.clone(), false);
                continue;
            };
            let is_held = others.held || held;
            let mut all = others.holders.clone();
            counted.into_iter().for_each(|(kind, name)| all.add(kind, name, rules));
            let is_shared = (known.decided.contains(value) && is_held) || all.is_shared(rules);
            let was_shared = known.shared.contains(value);
            if is_shared && !was_shared {
                self.shared.insert(value.clone());
                self.facts.shared.push(value.clone());
            } else if was_shared && !is_shared {
                self.shared.remove(value);
                self.facts.shared_deleted.push(value.clone());
                if asked.get(value) != Some(&true) {
                    self.missing.values.insert(value.clone(), true);
                }
            }
        }
    }
}

/// The changing records that hold a value and may be linked by it.
#[derive(Default)]
struct ChangingHolders<'a> {
    /// There is one, of any kind.
    held: bool,
    /// The kind and the name of those that count for shared values.
    counted: Vec<(SourceKind, &'a str)>,
}

/// Records whose customers must be derived again as well: those with an id that was added or removed, because
/// an id with several holders is shown with its source's name; and records of a stored customer that are
/// outside the component, left over from other rules.
fn missing_records(
    known: &ComponentRows,
    live: &BTreeMap<RecordKey, Record>,
) -> BTreeSet<RecordKey> {
    let was_live =
        |key: &RecordKey| known.records.get(key).is_some_and(|record| record.versions.is_live());
    let flipped: BTreeSet<&str> = known
        .changing
        .iter()
        .filter(|key| was_live(key) != live.contains_key(*key))
        .map(|key| key.id.as_str())
        .collect();
    let bearers = known.namesakes.iter().filter(|key| flipped.contains(key.id.as_str()));
    let outside = known.customers.values().flat_map(|customer| &customer.records);
    bearers.chain(outside).filter(|key| !known.keys.contains(*key)).cloned().collect()
}
