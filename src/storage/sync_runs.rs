//! Sync runs: claims a stream, saves each step, and finishes the run.
//! [`sync_streams`](crate::storage::sync_streams) reads the status.

use super::pool::{Connection, Pool};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::StorageError;
use super::sync_streams::{Columns, StreamRow};
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

/// A stream of a brand.
#[derive(Debug, Clone, Copy)]
pub struct StreamKey<'a> {
    /// The brand.
    pub brand_id: i32,
    /// The source.
    pub source: Source,
    /// The stream's name.
    pub stream: &'a str,
}

/// A runner, and its lease.
#[derive(Debug, Clone, Copy)]
pub struct LeaseOwner {
    /// The token of the runner.
    pub token: Uuid,
    /// The current time.
    pub at: Timestamp,
    /// When the lease ends.
    pub until: Timestamp,
}

/// The parameters of a new run.
#[derive(Debug)]
pub struct Beginning {
    /// The first request.
    pub first: Option<Value>,
    /// For an incremental run: changes from this time on. `None` for a full run.
    pub since: Option<Timestamp>,
}

/// Claims a stream without a runner: resumes an interrupted run of any mode, or starts a new one. `None` if
/// another runner holds the lease.
///
/// # Errors
/// When Postgres fails.
pub async fn claim_stream(
    pool: &Pool,
    which: StreamKey<'_>,
    runner: LeaseOwner,
    beginning: &Beginning,
) -> Result<Option<StreamRow>, StorageError> {
    let row: Option<Columns> = sqlx::query_as(include_str!("claim_stream.sql"))
        .bind(which.brand_id)
        .bind(which.source.as_str())
        .bind(which.stream)
        .bind(runner.token)
        .bind(Time::from(runner.at))
        .bind(Time::from(runner.until))
        .bind(&beginning.first)
        .bind(beginning.since.map(Time::from))
        .fetch_optional(pool)
        .await?;
    Ok(row.map(StreamRow::from))
}

/// The results of one step of a run.
#[derive(Debug, Default)]
pub struct Step<'a> {
    /// The request whose reply was applied.
    pub cursor: Option<Value>,
    /// Items read.
    pub scanned: usize,
    /// New or different items.
    pub changed: usize,
    /// Deleted records.
    pub deleted: usize,
    /// Number of items at the source, if known.
    pub total: Option<u64>,
    /// Number of restarts of the list.
    pub restart_count: usize,
    /// Keyed hashes of the items seen.
    pub seen_keys: &'a [[u8; 16]],
}

/// Whether a runner may continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseStatus {
    /// It may continue.
    Held,
    /// A person cancelled the run.
    Cancelled,
    /// Another runner has the lease.
    Lost,
}

fn lease_status(row: Option<bool>) -> LeaseStatus {
    match row {
        Some(false) => LeaseStatus::Held,
        Some(true) => LeaseStatus::Cancelled,
        None => LeaseStatus::Lost,
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Saves a step completely; or nothing, if another runner has taken over.
///
/// # Errors
/// When Postgres fails.
pub async fn save_step(
    pool: &Pool,
    which: StreamKey<'_>,
    runner: LeaseOwner,
    step: &Step<'_>,
) -> Result<LeaseStatus, StorageError> {
    let mut transaction = pool.begin().await?;
    let row: Option<(bool, Uuid)> = sqlx::query_as(
        "update sync_streams
        set cursor = $5,
            scanned = case when $10 > 0 then 0 else scanned + $6 end,
            changed = changed + $7,
            deleted = deleted + $8,
            total = coalesce($9, total),
            restart_count = restart_count + $10,
            lease_until = $11,
            note = ''
        where brand_id = $1 and source = $2 and stream = $3 and lease_owner = $4
        returning is_cancelled, run_id",
    )
    .bind(which.brand_id)
    .bind(which.source.as_str())
    .bind(which.stream)
    .bind(runner.token)
    .bind(&step.cursor)
    .bind(count(step.scanned))
    .bind(count(step.changed))
    .bind(count(step.deleted))
    .bind(step.total.map(|total| i64::try_from(total).unwrap_or(i64::MAX)))
    .bind(i32::try_from(step.restart_count).unwrap_or(i32::MAX))
    .bind(Time::from(runner.until))
    .fetch_optional(&mut *transaction)
    .await?;
    let Some((is_cancelled, run_id)) = row else { return Ok(LeaseStatus::Lost) };
    insert_seen_keys(&mut transaction, which, run_id, step.seen_keys).await?;
    transaction.commit().await?;
    Ok(lease_status(Some(is_cancelled)))
}

async fn insert_seen_keys(
    db: &mut Connection,
    which: StreamKey<'_>,
    run_id: Uuid,
    keys: &[[u8; 16]],
) -> Result<(), StorageError> {
    if keys.is_empty() {
        return Ok(());
    }
    let keys: Vec<&[u8]> = keys.iter().map(<[u8; 16]>::as_slice).collect();
    sqlx::query(
        "insert into sync_seen_keys (brand_id, source, stream, run_id, key) select $1, $2, $3, $4, unnest($5::bytea[]) on conflict do nothing",
    )
    .bind(which.brand_id)
    .bind(which.source.as_str())
    .bind(which.stream)
    .bind(run_id)
    .bind(keys)
    .execute(db)
    .await?;
    Ok(())
}

/// Renews a runner's lease, and saves why it waits.
///
/// # Errors
/// When Postgres fails.
pub async fn renew_lease(
    pool: &Pool,
    which: StreamKey<'_>,
    runner: LeaseOwner,
    note: &str,
) -> Result<LeaseStatus, StorageError> {
    let row: Option<(bool,)> = sqlx::query_as(
        "update sync_streams set lease_until = $5, note = $6 where brand_id = $1 and source = $2 and stream = $3 and lease_owner = $4 returning is_cancelled",
    )
    .bind(which.brand_id)
    .bind(which.source.as_str())
    .bind(which.stream)
    .bind(runner.token)
    .bind(Time::from(runner.until))
    .bind(note)
    .fetch_optional(pool)
    .await?;
    Ok(lease_status(row.map(|(is_cancelled,)| is_cancelled)))
}

/// How a run ended.
#[derive(Debug, Clone, Copy)]
pub enum End<'a> {
    /// It read everything.
    Complete {
        /// Share of items that were wrong here, from 0 to 1; `None` for the first run.
        drift: Option<f32>,
        /// Note for the status.
        note: &'a str,
    },
    /// It failed. The text is the reason.
    Broken(&'a str),
}

/// Finishes a run, and deletes the items it has seen. An incremental run keeps the results of the last full
/// run.
///
/// # Errors
/// When Postgres fails.
pub async fn finish_stream(
    pool: &Pool,
    which: StreamKey<'_>,
    runner: LeaseOwner,
    end: End<'_>,
) -> Result<(), StorageError> {
    let (is_complete, drift, note) = match end {
        End::Complete { drift, note } => (true, drift, note),
        End::Broken(note) => (false, None, note),
    };
    sqlx::query(include_str!("finish_stream.sql"))
        .bind(which.brand_id)
        .bind(which.source.as_str())
        .bind(which.stream)
        .bind(runner.token)
        .bind(Time::from(runner.at))
        .bind(drift)
        .bind(note)
        .bind(is_complete)
        .execute(pool)
        .await?;
    Ok(())
}

/// Releases the leases of a runner, so that others can resume its runs.
///
/// # Errors
/// When Postgres fails.
pub async fn release_streams(pool: &Pool, brand_id: i32, token: Uuid) -> Result<(), StorageError> {
    sqlx::query("update sync_streams set lease_owner = null, lease_until = null where brand_id = $1 and lease_owner = $2")
        .bind(brand_id)
        .bind(token)
        .execute(pool)
        .await?;
    Ok(())
}

/// Cancels runs: a running one ends soon, an interrupted or requested one ends now. Returns how many runs there are.
///
/// # Errors
/// When Postgres fails.
pub async fn cancel_streams(
    pool: &Pool,
    brand_id: i32,
    source: Option<Source>,
    stream: Option<&str>,
    now: Timestamp,
) -> Result<u64, StorageError> {
    let done = sqlx::query(
        "update sync_streams
        set is_cancelled = is_cancelled or finished_at is null,
            note = case when finished_at is null and (lease_owner is null or lease_until <= $4) then 'cancelled' else note end,
            finished_at = coalesce(finished_at, case when lease_owner is null or lease_until <= $4 then $4 end),
            requested_at = null
        where brand_id = $1 and ($2::text is null or source = $2) and ($3::text is null or stream = $3)
        and (finished_at is null or requested_at is not null)",
    )
    .bind(brand_id)
    .bind(source.map(Source::as_str))
    .bind(stream)
    .bind(Time::from(now))
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// Asks for a full run of streams. The service starts them soon. A stream that is being read is left out. Returns how
/// many runs are new.
///
/// # Errors
/// When Postgres fails.
pub async fn request_runs(
    db: &mut Connection,
    brand_id: i32,
    source: Source,
    streams: &[&str],
    now: Timestamp,
) -> Result<u64, StorageError> {
    // The row of a stream without any run says that a person must start it.
    let done = sqlx::query(
        "insert into sync_streams as known (brand_id, source, stream, run_id, is_reconcile, started_at, finished_at, is_cancelled, requested_at)
        select $1, $2, wanted.stream, gen_random_uuid(), false, $4::timestamptz, $4, true, $4 from unnest($3::text[]) as wanted (stream)
        on conflict (brand_id, source, stream) do update
        set requested_at = excluded.requested_at
        where known.requested_at is null and (known.lease_owner is null or known.lease_until <= $4)",
    )
    .bind(brand_id)
    .bind(source.as_str())
    .bind(streams)
    .bind(Time::from(now))
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
