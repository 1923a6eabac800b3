//! Computes the state after a batch from the stored state. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::batch::ChangeBatch;
use crate::customer::identity::rules::IdentityRules;
use crate::customer::identity::source_merges::Aliases;
use crate::customer::model::event::{Event, EventKey};
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::{Identifier, IdentifierKind, identifiers_of};
use crate::customer::model::record::{Record, RecordKey, SourceMerge};
use crate::customer::model::source::SourceKind;
use crate::storage::load_component::{ComponentQuery, ComponentRows, Found};
use crate::storage::write_changes::{IdentifierRow, IdentityChanges};

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

impl NextState {
    pub(crate) fn new(
        work: &ChangeBatch,
        known: &ComponentRows,
        asked: &BTreeMap<Identifier, bool>,
        rules: &IdentityRules,
    ) -> Self {
        let mut facts = IdentityChanges::default();
        let mut different: usize = 0;
        let mut differs = |before: Option<&FieldVersions>, now: &FieldVersions| {
            let changed = before.map_or(now.is_live(), |before| !before.has_same_values_as(now));
            different = different.saturating_add(usize::from(changed));
        };
        let mut records = known.records.clone();
        for (key, said) in &work.records {
            let before = known.records.get(key).map(|record| &record.versions);
            if let Some(versions) = joined(before, said, work.not_after) {
                differs(before, &versions);
                let record = Record { key: key.clone(), versions };
                facts.records.push(record.clone());
                records.insert(key.clone(), record);
            }
        }
        let mut events: BTreeMap<EventKey, Event> = known.events.clone();
        for (key, said) in &work.events {
            let before = known.events.get(key).map(|event| &event.versions);
            if let Some(versions) = joined(before, said, work.not_after) {
                differs(before, &versions);
                let event = Event { key: key.clone(), versions };
                facts.events.push(event.clone());
                events.insert(key.clone(), event);
            }
        }
        let mut merges = known.source_merges();
        for ((loser, winner), at) in &work.merges {
            if known.merges.get(&(loser.clone(), winner.clone())).is_none_or(|before| before < at) {
                let merge = SourceMerge { loser: loser.clone(), winner: winner.clone(), at: *at };
                merges.push(merge.clone());
                facts.merges.push(merge);
            }
        }
        let mut after = Self {
            live: records.into_iter().filter(|(_, record)| record.versions.is_live()).collect(),
            aliases: Aliases::new(&merges),
            shared: known.shared.clone(),
            namesakes: known.namesakes.clone(),
            events,
            facts,
            different,
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
    pub(crate) fn is_unchanged(&self, work: &ChangeBatch) -> bool {
        work.again.is_empty()
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
                let links =
                    !is_loser && rules.may_link(&identifier) && identifiers.may_link(&identifier);
                rows.insert(
                    (record.key.clone(), identifier),
                    Found { links, name_key: name_key.clone() },
                );
            }
        }
        let before =
            known.identifiers.iter().filter(|((record, _), _)| known.changing.contains(record));
        self.facts.identifiers_gone =
            before.map(|(key, _)| key).filter(|key| !rows.contains_key(*key)).cloned().collect();
        let news = rows.iter().filter(|(key, found)| known.identifiers.get(*key) != Some(*found));
        self.facts.identifiers = news
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
        let mut values: BTreeMap<&Identifier, Vec<(SourceKind, &str)>> =
            before.map(|value| (value, Vec::new())).collect();
        for ((record, value), found) in rows {
            let holders = values.entry(value).or_default();
            let counts = found.links && !rules.self_asserted.contains(&record.kind);
            holders.extend(counts.then_some((record.kind, found.name_key.as_str())));
        }
        for (value, holders) in values {
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
            let is_held = others.held || !holders.is_empty();
            let mut all = others.holders.clone();
            holders.into_iter().for_each(|(kind, name)| all.add(kind, name, rules));
            let is_shared = (others.decided && is_held) || all.is_shared(rules);
            let was_shared = known.shared.contains(value);
            if is_shared && !was_shared {
                self.shared.insert(value.clone());
                self.facts.shared.push(value.clone());
            } else if was_shared && !is_shared {
                self.shared.remove(value);
                self.facts.shared_gone.push(value.clone());
                if asked.get(value) != Some(&true) {
                    self.missing.values.insert(value.clone(), true);
                }
            }
        }
    }
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
