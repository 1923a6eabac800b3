//! Deletes the deliveries about erased persons, in any state: pending, done, dead and discarded.

use std::collections::BTreeSet;

use crate::storage::pool::Pool;
use uuid::Uuid;

use super::body_scan::mentions_of;
use super::erase::Progress;
use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::ingest::apply::apply_unsuppressed;
use crate::ingest::batch::ChangeBatch;
use crate::ingest::suppress::filter;
use crate::sources::{Delivery, ParsedWebhook};
use crate::storage::StorageError;
use crate::storage::bodies::{BodyRow, count_bodies, delete_bodies, list_bodies_after};
use crate::storage::erasures::{ErasedCounts, count_erased, find_erased};
use crate::storage::follow_ups::delete_erased_follow_ups;
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};
use crate::storage::write_changes::begin;

/// The most deliveries in a transaction, and their most bytes. Short transactions do not delay other changes.
pub(crate) const PAGE: (usize, u64) = (200, 4 * 1024 * 1024);

/// The content of a delivery, with the hashes to compare with the suppression list.
pub(crate) struct DeliveryContent {
    /// Its changes, if it can be parsed.
    pub work: Option<ChangeBatch>,
    /// The hashes of its changes.
    pub change_hashes: BTreeSet<SuppressionHash>,
    /// The hashes of texts in its body.
    pub text_hashes: BTreeSet<SuppressionHash>,
}

impl DeliveryContent {
    pub(crate) fn at(row: &BodyRow, brand: &Brand, hasher: &SuppressionHasher) -> Self {
        let region = brand.rules.identity.region;
        let delivery = Delivery {
            headers: row.headers.clone(),
            body: row.body.clone(),
            received_at: row.received_at,
        };
        let reading = row
            .source
            .parse::<Source>()
            .ok()
            .map(|source| brand.rules.sources.reader(source).parse_webhook(&delivery));
        let work = match reading {
            Some(Ok(ParsedWebhook::Changes(changes))) if !changes.is_empty() => {
                Some(ChangeBatch::from(changes))
            }
            _ => None,
        };
        // A pending delivery that can be parsed is judged by its changes only: it may also be about other people.
        let is_left = work.is_some() && row.state == PENDING;
        Self {
            change_hashes: work
                .as_ref()
                .map(|work| work.suppression_hashes(hasher, region))
                .unwrap_or_default(),
            text_hashes: if is_left {
                BTreeSet::new()
            } else {
                mentions_of(&row.body, hasher, region)
            },
            work,
        }
    }
}

const PENDING: &str = "pending";

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
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let mut progress =
        Progress { done: 0, total: count_bodies(&mut *pool.acquire().await?, brand.id()).await? };
    let mut after = Uuid::nil();
    loop {
        let mut transaction = begin(pool, brand.id()).await?;
        let rows = list_bodies_after(&mut transaction, brand.id(), after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.delivery_id;
        let contents: Vec<(&BodyRow, DeliveryContent)> =
            rows.iter().map(|row| (row, DeliveryContent::at(row, brand, &hasher))).collect();
        let suppression_hashes: BTreeSet<SuppressionHash> = contents
            .iter()
            .flat_map(|(_, content)| content.change_hashes.union(&content.text_hashes))
            .copied()
            .collect();
        let found = find_erased(&mut transaction, brand.id(), suppression_hashes).await?;
        let is_named =
            |hashes: &BTreeSet<SuppressionHash>| hashes.iter().any(|hash| found.contains_key(hash));
        let mut gone = Vec::new();
        for (row, content) in &contents {
            let mut is_about = is_named(&content.text_hashes);
            if let Some(work) = content.work.as_ref().filter(|_| is_named(&content.change_hashes)) {
                let filtered = filter(&mut transaction, brand, work).await?;
                if !filtered.dropped.is_empty() {
                    is_about = true;
                    filtered.apply_suppressions(&mut transaction, brand).await?;
                    if row.state == PENDING {
                        apply_unsuppressed(&mut transaction, brand, &filtered.work).await?;
                    }
                }
            }
            gone.extend(is_about.then_some(row.delivery_id));
        }
        let deliveries = delete_bodies(&mut transaction, brand.id(), &gone).await?;
        count_erased(
            &mut transaction,
            brand.id(),
            erasure,
            ErasedCounts { deliveries, ..ErasedCounts::default() },
        )
        .await?;
        transaction.commit().await?;
        progress.done = progress.done.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
        on_progress(progress);
    }
}
