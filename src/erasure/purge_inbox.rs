//! Deletes the deliveries about erased persons, in any state: pending, done, dead and discarded.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::delivery_content::{DeliveryContent, PAGE, is_pending};
use crate::brand::Brand;
use crate::ingest::suppress::{Suppressed, suppress};
use crate::ingest::write::apply_unsuppressed;
use crate::storage::StorageError;
use crate::storage::bodies::{BodyRow, count_bodies, delete_bodies, list_bodies_after};
use crate::storage::erasures::{ErasedCounts, count_erased};
use crate::storage::follow_ups::delete_erased_follow_ups;
use crate::storage::pool::{Connection, Pool};
use crate::storage::suppression_hashes::find_erased;
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};
use crate::storage::write_transaction::begin;

/// How many deliveries of the inbox an erasure has checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// The checked deliveries.
    pub done: u64,
    /// The deliveries that existed at the beginning.
    pub total: u64,
}

/// Deletes the deliveries that are about any person of the suppression list, and counts them for an erasure. If a
/// pending delivery is also about other people, that part is applied first.
pub(crate) async fn purge_deliveries(
    pool: &Pool,
    brand: &Brand,
    erasure: Uuid,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), StorageError> {
    // Pending follow-ups come from such deliveries, so they are deleted too.
    let mut transaction = begin(pool, brand.id()).await?;
    delete_erased_follow_ups(&mut transaction, brand.id()).await?;
    transaction.commit().await?;
    let mut progress =
        Progress { done: 0, total: count_bodies(&mut *pool.acquire().await?, brand.id()).await? };
    let mut after = Uuid::nil();
    loop {
        let mut transaction = begin(pool, brand.id()).await?;
        let rows = list_bodies_after(&mut transaction, brand.id(), after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.delivery_id;
        let deleted = about_erased(&mut transaction, brand, &rows).await?;
        let deliveries = delete_bodies(&mut transaction, brand.id(), &deleted).await?;
        let counts = ErasedCounts { deliveries, ..ErasedCounts::default() };
        count_erased(&mut transaction, brand.id(), erasure, counts).await?;
        transaction.commit().await?;
        progress.done = progress.done.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
        on_progress(progress);
    }
}

/// The deliveries that are about any person of the suppression list. What they reveal about that person is purged, and
/// the part of a pending delivery about other people is applied.
async fn about_erased(
    db: &mut Connection,
    brand: &Brand,
    rows: &[BodyRow],
) -> Result<Vec<Uuid>, StorageError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let contents: Vec<(&BodyRow, DeliveryContent)> =
        rows.iter().map(|row| (row, DeliveryContent::at(row, brand, &hasher))).collect();
    let hashes: BTreeSet<SuppressionHash> = contents
        .iter()
        .flat_map(|(_, content)| content.change_hashes.union(&content.text_hashes))
        .copied()
        .collect();
    let found = find_erased(db, brand.id(), hashes).await?;
    let mut about_erased = Vec::new();
    for (row, content) in &contents {
        let changes_about_erased = purge_changes(db, brand, row, content, &found).await?;
        let is_about = changes_about_erased || is_named(&content.text_hashes, &found);
        about_erased.extend(is_about.then_some(row.delivery_id));
    }
    Ok(about_erased)
}

fn is_named(hashes: &BTreeSet<SuppressionHash>, found: &BTreeMap<SuppressionHash, Uuid>) -> bool {
    hashes.iter().any(|hash| found.contains_key(hash))
}

/// Returns whether any change of the delivery is about an erased person.
async fn purge_changes(
    db: &mut Connection,
    brand: &Brand,
    row: &BodyRow,
    content: &DeliveryContent,
    found: &BTreeMap<SuppressionHash, Uuid>,
) -> Result<bool, StorageError> {
    let Some(batch) = content.batch.as_ref().filter(|_| is_named(&content.change_hashes, found))
    else {
        return Ok(false);
    };
    let Suppressed { keep, dropped, purge } = suppress(db, brand, batch).await?;
    if dropped.is_empty() {
        return Ok(false);
    }
    purge.run(db, brand).await?;
    if is_pending(row) {
        apply_unsuppressed(db, brand, &keep).await?;
    }
    Ok(true)
}
