//! Links to the agent page: who opened one, and how all of a brand are revoked.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::audit::{Action, Attribution, Via};
use super::shown_customer::{log_view, records_of, view_of_record};
use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::agent_links::{find_agent_generation, raise_agent_generation};
use crate::storage::invalidation::Invalidation;
use crate::storage::listener::notify;
use crate::storage::pool::Pool;

/// Whoever opened a link: the audit log knows no more.
pub const AGENT_PAGE: Attribution<'static> =
    Attribution { by: "agent page", reason: "", via: Via::AgentPage };

/// Writes the audit entry of an opened link. Returns whether the customer still exists.
///
/// # Errors
/// If Postgres fails. Then the customer must not be shown.
pub async fn log_agent_view(
    pool: &Pool,
    brand: &Brand,
    record: &RecordKey,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let mut connection = pool.acquire().await?;
    let db = &mut *connection;
    let Some(view) = view_of_record(db, brand, record).await? else { return Ok(false) };
    let records: BTreeSet<RecordKey> = records_of(&view);
    log_view(db, brand, ("view agent page", &records), Some((AGENT_PAGE, now))).await?;
    Ok(true)
}

/// The generation of links that work now.
///
/// # Errors
/// If Postgres fails.
pub async fn find_generation(pool: &Pool, brand: &Brand) -> Result<i32, StorageError> {
    find_agent_generation(&mut *pool.acquire().await?, brand.id()).await
}

/// Revokes all links to the agent page of a brand that were given out, and ends the views that they began. All replicas drop
/// their cached answers, which contain such links.
///
/// # Errors
/// If Postgres fails.
pub async fn revoke_agent_links(
    pool: &Pool,
    brand: &Brand,
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<(), StorageError> {
    let mut transaction = pool.begin().await?;
    // Replicas receive this first, so that no answer that comes into the cache afterwards has an old link.
    let generation = raise_agent_generation(&mut transaction, brand.id()).await?;
    let everything = Invalidation { brand_id: brand.id(), hashes: None };
    notify(&mut transaction, &everything).await?;
    let action = Action::new("revoke agent links", format!("generation {generation}"));
    action.done_in(&mut transaction, brand.id(), (attribution, now), "revoked").await?;
    transaction.commit().await?;
    Ok(())
}
