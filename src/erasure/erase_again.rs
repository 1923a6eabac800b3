//! Erases stored data of persons that the suppression list contains, page by page.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::erase::ErasureError;
use super::named_records::{Named, named_after};
use crate::brand::Brand;
use crate::customer::model::event::EventKey;
use crate::customer::model::record::RecordKey;
use crate::ingest::purge::purge;
use crate::storage::erasures::count_erased;
use crate::storage::pool::Pool;
use crate::storage::purge::list_events_after;
use crate::storage::suppression_hashes::{find_erased, insert_hashes};
use crate::storage::suppressions::SuppressionHasher;
use crate::storage::write_transaction::begin;

/// Events per transaction.
const PAGE: usize = 500;

/// Erases the records of the next page that the suppression list contains. Returns the last record of the page.
pub(super) async fn erase_records(
    pool: &Pool,
    brand: &Brand,
    after: &str,
) -> Result<Option<RecordKey>, ErasureError> {
    let mut transaction = begin(pool, brand.id()).await?;
    let Some(Named { last, erased, learned, .. }) =
        named_after(&mut transaction, brand, after).await?
    else {
        return Ok(None);
    };
    insert_hashes(&mut transaction, brand.id(), &learned).await?;
    let mut by_erasure: BTreeMap<Uuid, BTreeSet<RecordKey>> = BTreeMap::new();
    for (key, erasure) in erased {
        by_erasure.entry(erasure).or_default().insert(key);
    }
    for (erasure, records) in by_erasure {
        let counts = purge(&mut transaction, brand, erasure, &records, &BTreeSet::new()).await?;
        count_erased(&mut transaction, brand.id(), erasure, counts).await?;
    }
    transaction.commit().await?;
    Ok(Some(last))
}

/// Erases the events of the next page that the suppression list contains. Returns the last event of the page.
pub(super) async fn erase_events(
    pool: &Pool,
    brand: &Brand,
    after: &str,
) -> Result<Option<EventKey>, ErasureError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let mut transaction = begin(pool, brand.id()).await?;
    let keys = list_events_after(&mut transaction, brand.id(), after, PAGE).await?;
    let Some(last) = keys.last().cloned() else { return Ok(None) };
    let found =
        find_erased(&mut transaction, brand.id(), keys.iter().map(|key| hasher.event(key))).await?;
    let mut by_erasure: BTreeMap<Uuid, BTreeSet<EventKey>> = BTreeMap::new();
    for key in keys {
        if let Some(erasure) = found.get(&hasher.event(&key)) {
            by_erasure.entry(*erasure).or_default().insert(key);
        }
    }
    for (erasure, events) in by_erasure {
        let counts = purge(&mut transaction, brand, erasure, &BTreeSet::new(), &events).await?;
        count_erased(&mut transaction, brand.id(), erasure, counts).await?;
    }
    transaction.commit().await?;
    Ok(Some(last))
}
