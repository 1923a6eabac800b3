//! Shows, replays and discards deliveries.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::audit::{Action, Attribution};
use super::delivery_jobs::{name, run_at_once};
use crate::brand::Brand;
use crate::storage::StorageError;
use crate::storage::deliveries::{DeliveryFilter, ShownRow, find_delivery};
use crate::storage::pool::Pool;
use crate::storage::seen_deliveries::{DeliveryAct, SeenDelivery, change_seen};

/// Finds a delivery of any of the brands. Its content is personal data: show it masked
/// ([`masked_body`](super::delivery_body::masked_body)), or after [`record_reveal`].
///
/// # Errors
/// If Postgres fails.
pub async fn find_of_any<'a>(
    pool: &Pool,
    brands: &'a [Arc<Brand>],
    delivery_id: Uuid,
) -> Result<Option<(&'a Brand, ShownRow)>, StorageError> {
    for brand in brands {
        if let Some(row) = find_delivery(pool, brand.id(), delivery_id).await? {
            return Ok(Some((brand, row)));
        }
    }
    Ok(None)
}

/// Writes into the audit log that a person sees the content of a delivery. Call this before it is shown.
///
/// # Errors
/// If Postgres fails. Then the content must not be shown.
pub async fn record_reveal(
    pool: &Pool,
    brand: &Brand,
    delivery_id: Uuid,
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<(), StorageError> {
    let action = Action::new("reveal delivery", delivery_id.to_string());
    action.begin(pool, brand.id(), attribution, now).await?.end("shown").await
}

/// Replays or discards the deliveries of a brand that match, as a job. Returns how many.
///
/// # Errors
/// If Postgres fails.
pub async fn act_on_all(
    pool: &Pool,
    brand: &Brand,
    (act, filter): (DeliveryAct, &DeliveryFilter),
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<u64, StorageError> {
    run_at_once(pool, brand, (filter, act, target(filter)), attribution, now).await
}

/// Replays or discards deliveries of a brand that have not changed since a person saw them. So the same act twice is done
/// once. Returns how many.
///
/// # Errors
/// If Postgres fails.
pub async fn act_on_seen(
    pool: &Pool,
    brand: &Brand,
    (act, seen): (DeliveryAct, &[SeenDelivery]),
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<u64, StorageError> {
    let action = Action::new(name(act), seen_target(seen));
    let entry = action.begin(pool, brand.id(), attribution, now).await?;
    let count = change_seen(pool, brand.id(), (act, seen), now).await?;
    entry.end(&format!("deliveries: {count}")).await?;
    Ok(count)
}

/// An audit entry names at most this many deliveries.
const MAX_NAMED: usize = 20;

fn seen_target(seen: &[SeenDelivery]) -> String {
    let ids = || seen.iter().map(|seen| seen.delivery_id);
    match (ids().min(), ids().max()) {
        (Some(first), Some(last)) if seen.len() > MAX_NAMED => {
            format!("{} deliveries, from {first} to {last}", seen.len())
        }
        _ => ids().map(|id| id.to_string()).collect::<Vec<_>>().join(" "),
    }
}

/// The deliveries of an action, for its audit entry.
fn target(filter: &DeliveryFilter) -> String {
    filter.ids.as_ref().map_or_else(
        || "selected by filter".to_owned(),
        |ids| ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(" "),
    )
}
