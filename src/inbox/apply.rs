//! Applies and finishes claimed deliveries in one transaction.
//!
//! If others have taken over a claim meanwhile, because its lease ended, the delivery is left out.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use super::claimed_delivery::{ClaimedDelivery, Lease, ParsedDelivery};
use crate::brand::Brand;
use crate::customer::model::record::Change;
use crate::customer::model::source::Source;
use crate::erasure::body_scan::find_about_erased;
use crate::ingest::apply::apply_in;
use crate::ingest::batch::{Applied, ChangeBatch};
use crate::ingest::load::LoadFrom;
use crate::ingest::unread_values::UnreadCounts;
use crate::sources::Delivery;
use crate::storage::StorageError;
use crate::storage::delivery_claims::{Disposition, finish_deliveries, lock_claimed};
use crate::storage::follow_ups::{NewFollowUpRow, insert_follow_ups};
use crate::storage::pool::{Connection, Pool};
use crate::storage::write_transaction::try_begin;
use crate::sync::follow_up_requests::webhook_follow_ups;

/// What became of claimed deliveries.
pub(super) struct AppliedDeliveries {
    pub(super) finished: Vec<(Source, Disposition)>,
    /// The sources of those that others have taken over.
    pub(super) lost: Vec<Source>,
    /// Whether tables have grown so much that Postgres needs new statistics.
    pub(super) stats_stale: bool,
}

/// Applies and finishes deliveries. It waits for another session that writes for the brand for at most `timeout`.
pub(super) async fn apply(
    pool: &Pool,
    brand: &Brand,
    lease: Lease,
    items: &[ClaimedDelivery],
    timeout: Duration,
) -> Result<AppliedDeliveries, StorageError> {
    let parsed: Vec<ParsedDelivery<'_>> =
        items.iter().map(|item| ParsedDelivery::parse(item, brand)).collect();
    let mut transaction = try_begin(pool, brand.id(), timeout).await?;
    let ids: Vec<Uuid> = items.iter().map(|item| item.id).collect();
    let held = lock_claimed(&mut transaction, brand.id(), lease.token, &ids).await?;
    let (held, lost): (Vec<&ParsedDelivery<'_>>, Vec<&ParsedDelivery<'_>>) =
        parsed.iter().partition(|parsed| held.contains(&parsed.item.id));
    let changes = held.iter().filter_map(|parsed| parsed.changes()).flatten().cloned();
    let batch = ChangeBatch::from(changes.collect::<Vec<_>>());
    let applied = if batch.is_empty() {
        Applied::default()
    } else {
        let load = LoadFrom { db: &mut transaction, beside: Some(pool) };
        apply_in(load, brand, &batch).await?
    };
    let erased = find_erased_deliveries(&mut transaction, brand, &held, &applied).await?;
    let mut unread = UnreadCounts::default();
    let dispositions: Vec<(Uuid, Disposition)> = held
        .iter()
        .map(|parsed| (parsed.item.id, disposition(brand, parsed, &erased, &mut unread)))
        .collect();
    let (token, now) = (lease.token, lease.claimed_at);
    finish_deliveries(&mut transaction, brand.id(), token, now, &dispositions).await?;
    let follow_ups = follow_ups(brand, &held, &dispositions);
    insert_follow_ups(&mut transaction, brand.id(), now, &follow_ups).await?;
    unread.save(&mut transaction, brand).await?;
    transaction.commit().await?;
    unread.count(brand);
    let sources = held.iter().map(|parsed| parsed.item.source);
    let dispositions = dispositions.into_iter().map(|(_, disposition)| disposition);
    Ok(AppliedDeliveries {
        finished: sources.zip(dispositions).collect(),
        lost: lost.iter().map(|parsed| parsed.item.source).collect(),
        stats_stale: applied.stats_stale,
    })
}

/// The deliveries about erased people. The write path reports them for deliveries with changes. For the others, their
/// bodies are searched.
async fn find_erased_deliveries(
    db: &mut Connection,
    brand: &Brand,
    held: &[&ParsedDelivery<'_>],
    applied: &Applied,
) -> Result<BTreeSet<Uuid>, StorageError> {
    let is_erased = |change: &Change| change.keys().iter().any(|key| applied.erased.contains(key));
    let (mut erased, mut without_changes) = (BTreeSet::new(), Vec::new());
    for parsed in held {
        match parsed.changes() {
            Some(changes) if changes.iter().any(is_erased) => {
                erased.insert(parsed.item.id);
            }
            Some(_) => {}
            None => without_changes.push(parsed.item),
        }
    }
    if !without_changes.is_empty() {
        let deliveries: Vec<&Delivery> =
            without_changes.iter().map(|item| &item.delivery).collect();
        let about_erased = find_about_erased(db, brand, &deliveries).await?;
        let of_erased = without_changes.iter().zip(about_erased).filter(|(_, is_about)| *is_about);
        erased.extend(of_erased.map(|(item, _)| item.id));
    }
    Ok(erased)
}

fn disposition(
    brand: &Brand,
    parsed: &ParsedDelivery<'_>,
    erased: &BTreeSet<Uuid>,
    unread: &mut UnreadCounts,
) -> Disposition {
    if erased.contains(&parsed.item.id) {
        return Disposition::Erased;
    }
    let fields = parsed.unread(brand.rules.identity.region);
    unread.add(parsed.item.source, &fields);
    parsed.disposition(&fields)
}

/// The follow-ups of the finished deliveries. Any replica may run them.
fn follow_ups(
    brand: &Brand,
    held: &[&ParsedDelivery<'_>],
    dispositions: &[(Uuid, Disposition)],
) -> Vec<NewFollowUpRow> {
    let done = held
        .iter()
        .zip(dispositions)
        .filter(|(_, (_, disposition))| matches!(disposition, Disposition::Done(_)));
    done.flat_map(|(parsed, _)| {
        let changes = parsed.changes().unwrap_or_default();
        webhook_follow_ups(brand, parsed.item.source, &parsed.item.delivery, changes)
    })
    .collect()
}
