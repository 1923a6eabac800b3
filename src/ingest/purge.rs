//! Deletes the stored data of erased persons, and computes the affected customers again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use super::batch::ChangeBatch;
use super::write::apply_unsuppressed;
use crate::brand::Brand;
use crate::customer::model::event::EventKey;
use crate::customer::model::field_versions::{FieldVersions, Scope, Update};
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::erasures::{ErasedCounts, count_erased};
use crate::storage::given_ids::list_given_ids;
use crate::storage::lookup_history::{PersonLookups, delete_lookups_about};
use crate::storage::person::list_identifiers;
use crate::storage::pool::Connection;
use crate::storage::purge::{delete_facts, delete_lines};
use crate::storage::records::list_records;
use crate::storage::suppression_hashes::insert_hashes;
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};

/// What is known about erased persons, but not yet in the suppression list, or still stored.
#[derive(Default)]
pub(crate) struct Purge {
    /// Keys that are new for the suppression list.
    pub learned: BTreeSet<(SuppressionHash, Uuid)>,
    /// What may be stored of each erasure.
    stored: BTreeMap<Uuid, Stored>,
}

/// Records and events of erased persons.
#[derive(Default)]
pub(crate) struct Stored {
    pub records: BTreeSet<RecordKey>,
    pub events: BTreeSet<EventKey>,
}

impl Purge {
    /// What may be stored of an erasure.
    pub(crate) fn of(&mut self, erasure: Uuid) -> &mut Stored {
        self.stored.entry(erasure).or_default()
    }

    /// Adds the new keys to the suppression list, and deletes what is stored, counted for its erasure. Returns
    /// whether anything was written.
    pub(crate) async fn run(
        &self,
        db: &mut Connection,
        brand: &Brand,
    ) -> Result<bool, StorageError> {
        let has_learned =
            !self.learned.is_empty() && insert_hashes(db, brand.id(), &self.learned).await?;
        for (erasure, Stored { records, events }) in &self.stored {
            let counts = purge(db, brand, *erasure, records, events).await?;
            count_erased(db, brand.id(), *erasure, counts).await?;
        }
        Ok(has_learned || !self.stored.is_empty())
    }
}

/// Deletes some records with their events, merges, decisions and lookups, and some events of other records. The
/// transaction must hold the lock of the brand.
///
/// Before anything else, the suppression list gets the ids that answers gave out for the records.
///
/// Then a deletion of the records is applied, as if their sources had deleted them. So the other customers are
/// computed again, and the caches notified. The rows that are left after that have no effect, and are deleted.
pub(crate) async fn purge(
    db: &mut Connection,
    brand: &Brand,
    erasure: Uuid,
    records: &BTreeSet<RecordKey>,
    events: &BTreeSet<EventKey>,
) -> Result<ErasedCounts, StorageError> {
    let given = list_given_ids(db, brand.id(), records).await?;
    reserve_ids(db, brand, given.iter().map(|id| (id.as_str(), erasure))).await?;
    let identifiers = list_identifiers(db, brand.id(), records).await?;
    let found = identifiers.iter().map(|found| &found.identifier);
    let lookups = PersonLookups::new(&brand.secret, records, found);
    let addresses: BTreeSet<Identifier> = identifiers
        .into_iter()
        .map(|found| found.identifier)
        .filter(|value| value.kind.is_address())
        .collect();
    let texts: Vec<String> = records.iter().map(ToString::to_string).collect();
    let known = list_records(db, brand.id(), &texts).await?;
    apply_unsuppressed(db, brand, &deletion_of(known.into_keys())).await?;
    let (counts, beside) = delete_facts(db, brand.id(), records, events).await?;
    let batch = ChangeBatch {
        re_resolve: records.union(&beside).cloned().collect(),
        is_filtered: true,
        ..ChangeBatch::default()
    };
    apply_unsuppressed(db, brand, &batch).await?;
    delete_lines(db, brand.id(), &addresses).await?;
    if !records.is_empty() {
        delete_lookups_about(db, brand.id(), &lookups).await?;
    }
    Ok(counts)
}

/// Adds ids to the suppression list, each with its erasure.
pub(crate) async fn reserve_ids(
    db: &mut Connection,
    brand: &Brand,
    ids: impl Iterator<Item = (&str, Uuid)>,
) -> Result<(), StorageError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let hashes: BTreeSet<(SuppressionHash, Uuid)> =
        ids.map(|(id, erasure)| (hasher.given_id(id), erasure)).collect();
    if !hashes.is_empty() {
        insert_hashes(db, brand.id(), &hashes).await?;
    }
    Ok(())
}

/// A deletion that no update is newer than.
fn deletion_of(keys: impl Iterator<Item = RecordKey>) -> ChangeBatch {
    let deletion = FieldVersions::from(Update {
        at: Timestamp::MAX,
        received_at: Timestamp::MAX,
        scope: Scope::Deletion,
        fields: BTreeMap::new(),
    });
    ChangeBatch {
        records: keys.map(|key| (key, deletion.clone())).collect(),
        is_filtered: true,
        ..ChangeBatch::default()
    }
}
