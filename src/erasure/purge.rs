//! Deletes the stored data of some records, and computes the affected customers again.

use std::collections::{BTreeMap, BTreeSet};

use crate::storage::pool::Connection;
use jiff::Timestamp;

use crate::brand::Brand;
use crate::customer::model::event::EventKey;
use crate::customer::model::field_versions::{FieldVersions, Scope, Update};
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::ingest::apply::apply_unsuppressed;
use crate::ingest::batch::ChangeBatch;
use crate::storage::StorageError;
use crate::storage::erasures::ErasedCounts;
use crate::storage::purge::{delete_facts, delete_lines, list_traces};
use crate::storage::records::list_records;

/// Deletes some records with their events, merges and decisions, and some events of other records. The transaction must
/// hold the lock of the brand.
///
/// First the write path applies a deletion of the records, as if their sources had deleted them. So it computes the
/// other customers again, and notifies the caches. The rows that are left after that have no effect, and are deleted.
pub(crate) async fn purge(
    db: &mut Connection,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
    events: &BTreeSet<EventKey>,
) -> Result<ErasedCounts, StorageError> {
    let suppression_hashes = list_traces(db, brand.id(), records).await?;
    let addresses: BTreeSet<Identifier> = suppression_hashes
        .into_iter()
        .map(|trace| trace.identifier)
        .filter(|value| value.kind.is_address())
        .collect();
    let texts: Vec<String> = records.iter().map(ToString::to_string).collect();
    let known = list_records(db, brand.id(), &texts).await?;
    let gone = FieldVersions::from(Update {
        at: Timestamp::MAX,
        received_at: Timestamp::MAX,
        scope: Scope::Deletion,
        fields: BTreeMap::new(),
    });
    let deletion = ChangeBatch {
        records: known.into_keys().map(|key| (key, gone.clone())).collect(),
        is_filtered: true,
        ..ChangeBatch::default()
    };
    apply_unsuppressed(db, brand, &deletion).await?;
    let (counts, beside) = delete_facts(db, brand.id(), records, events).await?;
    let again = ChangeBatch {
        again: records.union(&beside).cloned().collect(),
        is_filtered: true,
        ..ChangeBatch::default()
    };
    apply_unsuppressed(db, brand, &again).await?;
    delete_lines(db, brand.id(), &addresses).await?;
    Ok(counts)
}
