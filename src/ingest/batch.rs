//! A batch of changes for one transaction: repeated changes are joined; records to resolve again are listed.
//! Also the limits for loading, and the result.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use super::difference::Touched;
use crate::brand::Brand;
use crate::customer::model::event::{Event, EventKey, field};
use crate::customer::model::field_versions::{FieldVersions, Update};
use crate::customer::model::identifier::{Identifier, identifiers_of, identifying_values};
use crate::customer::model::phone::Region;
use crate::customer::model::record::{Change, Record, RecordKey};
use crate::storage::changed_rows::stored_time;
use crate::storage::load_component::{ComponentQuery, LoadLimits};
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};

/// The result of a batch.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Records and events whose state changed, and new merges.
    pub changed: usize,
    /// Those of them that are new, deleted, or have other values than before.
    pub different: usize,
    /// New or different customers.
    pub customers: usize,
    /// Keys of changes that were dropped because the person is erased, as [`Change::keys`] has them.
    pub erased: BTreeSet<String>,
    /// The customers that differ, before and after.
    pub(crate) touched: Touched,
    /// Whether anything was written.
    pub(crate) wrote: bool,
    /// Whether tables have grown so much that ANALYZE should run.
    pub(crate) stats_stale: bool,
}

impl fmt::Debug for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { changed, different, customers, erased, .. } = self;
        f.debug_struct("Applied")
            .field("changed", changed)
            .field("different", different)
            .field("customers", customers)
            .field("erased", &erased.len())
            .finish_non_exhaustive()
    }
}

/// Changes of one brand, and records that must be resolved again without a change.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChangeBatch {
    /// Changes of records.
    pub records: BTreeMap<RecordKey, FieldVersions>,
    /// Changes of events.
    pub events: BTreeMap<EventKey, FieldVersions>,
    /// Merges at the source, as loser and winner; for each pair the latest.
    pub merges: BTreeMap<(RecordKey, RecordKey), Timestamp>,
    /// Records to resolve again.
    pub re_resolve: BTreeSet<RecordKey>,
    /// Whether the batch was already checked against the suppression list, or is an erasure itself.
    pub is_filtered: bool,
    /// No stored time can be later than this. Later ones were stored before times were capped at their time of
    /// receipt.
    pub not_after: Option<Timestamp>,
}

impl From<Vec<Change>> for ChangeBatch {
    fn from(changes: Vec<Change>) -> Self {
        fn add<K: Ord>(to: &mut BTreeMap<K, FieldVersions>, key: K, update: Update) {
            let said = FieldVersions::from(update);
            match to.entry(key) {
                std::collections::btree_map::Entry::Vacant(vacant) => {
                    vacant.insert(said);
                }
                std::collections::btree_map::Entry::Occupied(mut known) => {
                    known.get_mut().join(said);
                }
            }
        }
        let mut batch = Self::default();
        for change in changes {
            match change {
                Change::Record { key, update } => add(&mut batch.records, key, update),
                Change::Event { key, update } => add(&mut batch.events, key, update),
                Change::Merge(merge) if merge.loser != merge.winner => {
                    let at = stored_time(merge.at);
                    let known = batch.merges.entry((merge.loser, merge.winner)).or_insert(at);
                    *known = at.max(*known);
                }
                Change::Merge(_) => {}
            }
        }
        batch
    }
}

impl ChangeBatch {
    /// Whether the batch is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.events.is_empty()
            && self.merges.is_empty()
            && self.re_resolve.is_empty()
    }

    /// The query for everything that the batch can affect directly. A record's future identifiers are among its
    /// stored ones and those in the batch. So the query names all of them, before it is known which ones count.
    pub(crate) fn query(&self, brand: &Brand) -> ComponentQuery {
        let region = brand.rules.identity.region;
        let said = self
            .records
            .iter()
            .map(|(key, versions)| Record { key: key.clone(), versions: versions.clone() });
        let values = said
            .flat_map(|record| identifiers_of(&record, region).values)
            .filter(Identifier::could_link)
            .map(|value| (value, false))
            .collect();
        let owners = self
            .events
            .iter()
            .map(|(key, versions)| Event { key: key.clone(), versions: versions.clone() });
        let records = owners
            .filter(|event| event.versions.get(field::RECORD).is_some())
            .filter_map(|event| event.record())
            .collect();
        ComponentQuery {
            records,
            values,
            changing: self.records.keys().chain(&self.re_resolve).cloned().collect(),
            merge_ends: self
                .merges
                .keys()
                .flat_map(|(loser, winner)| [loser, winner])
                .cloned()
                .collect(),
            events: self.events.keys().cloned().collect(),
            suppression_hashes: if self.is_filtered {
                BTreeSet::new()
            } else {
                self.suppression_hashes(&SuppressionHasher::new(&brand.suppression_key), region)
            },
            ..ComponentQuery::default()
        }
    }

    /// All hashes in the batch that the suppression list may contain.
    pub(crate) fn suppression_hashes(
        &self,
        hasher: &SuppressionHasher,
        region: Option<Region>,
    ) -> BTreeSet<SuppressionHash> {
        let mut suppression_hashes = self.key_hashes(hasher);
        for (key, versions) in &self.records {
            let record = Record { key: key.clone(), versions: versions.clone() };
            for value in links_of(&record, region) {
                suppression_hashes.extend([hasher.exclusive(&value), hasher.shared(&value)]);
            }
        }
        suppression_hashes
    }

    /// The hashes of all records and events that the batch names.
    pub(crate) fn key_hashes(&self, hasher: &SuppressionHasher) -> BTreeSet<SuppressionHash> {
        let mut hashes: BTreeSet<SuppressionHash> =
            self.records.keys().map(|key| hasher.record(key)).collect();
        for (key, versions) in &self.events {
            hashes.insert(hasher.event(key));
            let event = Event { key: key.clone(), versions: versions.clone() };
            hashes.extend(event.record().map(|record| hasher.record(&record)));
        }
        let ends = self.merges.keys().flat_map(|(loser, winner)| [loser, winner]);
        hashes.extend(ends.map(|end| hasher.record(end)));
        hashes
    }
}

/// All values that may identify the person of a record.
pub(crate) fn links_of(record: &Record, region: Option<Region>) -> BTreeSet<Identifier> {
    identifying_values(&record.key, identifiers_of(record, region).values)
}

/// The limits for loading, for a brand.
pub(crate) fn scope(brand: &Brand, follow: Option<usize>) -> LoadLimits<'_> {
    let shown = brand.rules.presenter.rules();
    LoadLimits {
        rules: &brand.rules.identity,
        timeline: shown.timeline_limit,
        hidden: &shown.hidden_events,
        suppression_key: &brand.suppression_key,
        follow,
    }
}

/// Logs and counts oversized components and failed templates.
pub(crate) fn report(brand: &Brand, oversized: usize, failed_templates: &BTreeSet<String>) {
    for template in failed_templates {
        let labels = (brand.rules.slug.clone(), template.clone());
        metrics::counter!("hookpoint_template_failures_total", "brand" => labels.0, "template" => labels.1).increment(1);
        if brand.rules.presenter.is_first_failure(template) {
            let brand = brand.rules.slug.as_str();
            tracing::warn!(
                brand,
                template,
                "template failed; its field or message is left out (logged once per template)"
            );
        }
    }
    if oversized > 0 {
        tracing::warn!(
            brand = brand.rules.slug,
            "identity component exceeds identity.component_cap; weak links ignored"
        );
        metrics::counter!("hookpoint_oversized_components_total", "brand" => brand.rules.slug.clone())
            .increment(u64::try_from(oversized).unwrap_or(u64::MAX));
    }
}
