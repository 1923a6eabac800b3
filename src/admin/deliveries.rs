//! Shows, replays and discards deliveries.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::audit::{Action, Attribution};
use crate::brand::Brand;
use crate::storage::StorageError;
use crate::storage::deliveries::{
    DeliveryFilter, ShownRow, discard_deliveries, find_delivery, replay_deliveries,
};
use crate::storage::pool::Pool;

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

/// Has deliveries of a brand applied again. Returns how many.
///
/// # Errors
/// If Postgres fails.
pub async fn replay(
    pool: &Pool,
    brand: &Brand,
    filter: &DeliveryFilter,
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<u64, StorageError> {
    let action = Action::new("replay deliveries", target(filter));
    let entry = action.begin(pool, brand.id(), attribution, now).await?;
    let count = replay_deliveries(pool, brand.id(), filter, now).await?;
    entry.end(&format!("deliveries: {count}")).await?;
    Ok(count)
}

/// Discards the dead and the pending deliveries of a brand: they are not applied. Returns how many.
///
/// # Errors
/// If Postgres fails.
pub async fn discard(
    pool: &Pool,
    brand: &Brand,
    filter: &DeliveryFilter,
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<u64, StorageError> {
    let action = Action::new("discard deliveries", target(filter));
    let entry = action.begin(pool, brand.id(), attribution, now).await?;
    let count = discard_deliveries(pool, brand.id(), filter, now).await?;
    entry.end(&format!("deliveries: {count}")).await?;
    Ok(count)
}

/// The deliveries of an action, for its audit entry.
fn target(filter: &DeliveryFilter) -> String {
    filter.ids.as_ref().map_or_else(
        || "selected by filter".to_owned(),
        |ids| ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(" "),
    )
}
