//! The items that a sync run has seen, as keyed hashes. They are stored with each step, and deleted at the end
//! of the run ([`sync_runs`](crate::storage::sync_runs)).

use super::pool::{Connection, Pool};
use uuid::Uuid;

use super::StorageError;
use super::sync_runs::StreamKey;

/// Counts the different items that a run has seen.
///
/// # Errors
/// When Postgres fails.
pub async fn count_seen(
    pool: &Pool,
    which: StreamKey<'_>,
    run_id: Uuid,
) -> Result<u64, StorageError> {
    let (count,): (i64,) = sqlx::query_as("select count(*) from sync_seen_keys where brand_id = $1 and source = $2 and stream = $3 and run_id = $4")
        .bind(which.brand_id)
        .bind(which.source.as_str())
        .bind(which.stream)
        .bind(run_id)
        .fetch_one(pool)
        .await?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Those of some items that a run has seen.
///
/// # Errors
/// When Postgres fails.
pub async fn find_seen(
    db: &mut Connection,
    which: StreamKey<'_>,
    run_id: Uuid,
    keys: &[[u8; 16]],
) -> Result<Vec<[u8; 16]>, StorageError> {
    let keys: Vec<&[u8]> = keys.iter().map(<[u8; 16]>::as_slice).collect();
    let rows: Vec<(Vec<u8>,)> =
        sqlx::query_as("select key from sync_seen_keys where brand_id = $1 and source = $2 and stream = $3 and run_id = $4 and key = any($5)")
            .bind(which.brand_id)
            .bind(which.source.as_str())
            .bind(which.stream)
            .bind(run_id)
            .bind(keys)
            .fetch_all(db)
            .await?;
    rows.into_iter()
        .map(|(key,)| key.try_into().map_err(|_| StorageError::Corrupt("sync_seen_keys")))
        .collect()
}
