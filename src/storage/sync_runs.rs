//! Walking through a stream: a pass is taken over, written down step by step, and ended ([`streams`](crate::storage::sync_streams) is what can be
//! seen of it).

use super::pool::Pool;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::StorageError;
use super::sync_streams::{Columns, StreamRow};
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

/// Which stream of which brand.
#[derive(Debug, Clone, Copy)]
pub struct StreamKey<'a> {
    /// The brand.
    pub brand_id: i32,
    /// The source.
    pub source: Source,
    /// The stream's name.
    pub stream: &'a str,
}

/// Who wants to walk, and until when nobody else may.
#[derive(Debug, Clone, Copy)]
pub struct LeaseOwner {
    /// Who.
    pub token: Uuid,
    /// When.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What a pass that begins asks.
#[derive(Debug)]
pub struct Beginning {
    /// The first question.
    pub first: Option<Value>,
    /// It asks what changed from then on; `None` for everything.
    pub since: Option<Timestamp>,
}

/// Takes a stream over that nobody walks: a pass that was left, whatever it asks, or one from the beginning. `None` when somebody
/// walks it.
///
/// # Errors
/// When Postgres fails.
pub async fn claim_stream(pool: &Pool, which: StreamKey<'_>, runner: LeaseOwner, beginning: &Beginning) -> Result<Option<StreamRow>, StorageError> {
    let row: Option<Columns> = sqlx::query_as(
        "insert into sync_streams as known (brand_id, source, stream, run_id, is_reconcile, since, cursor, started_at, lease_owner, lease_until)
        values ($1, $2, $3, $4, false, $8, $7, $5, $4, $6)
        on conflict (brand_id, source, stream) do update
        set lease_owner = excluded.lease_owner,
            lease_until = excluded.lease_until,
            is_cancelled = false,
            finished_at = null,
            note = '',
            (run_id, is_reconcile, since, cursor, started_at, scanned, changed, total, deleted, restart_count) = (
                select known.run_id, known.is_reconcile, known.since, known.cursor, known.started_at, known.scanned, known.changed, known.total,
                    known.deleted, known.restart_count
                where known.finished_at is null and not known.is_cancelled
                union all
                select excluded.run_id, known.last_full_started_at is not null, excluded.since, excluded.cursor, excluded.started_at, 0, 0, null, 0, 0
                where known.finished_at is not null or known.is_cancelled
            )
        where known.lease_owner is null or known.lease_until <= $5
        returning *",
    )
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

/// What a step of a pass came to.
#[derive(Debug, Default)]
pub struct Step<'a> {
    /// The question whose answer is applied.
    pub cursor: Option<Value>,
    /// What was walked.
    pub scanned: usize,
    /// What of it was news.
    pub changed: usize,
    /// What was gone.
    pub deleted: usize,
    /// How many there are, if that is known.
    pub total: Option<u64>,
    /// The list is begun again.
    pub restart_count: usize,
    /// What was met, as keyed hashes.
    pub sightings: &'a [[u8; 16]],
}

/// Whether a runner may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseStatus {
    /// It may.
    Walks,
    /// Somebody wants it to end.
    Cancelled,
    /// Another one walks.
    Lost,
}

fn standing(row: Option<bool>) -> LeaseStatus {
    match row {
        Some(false) => LeaseStatus::Walks,
        Some(true) => LeaseStatus::Cancelled,
        None => LeaseStatus::Lost,
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Writes down a step: all of it, or nothing where another runner has taken over.
///
/// # Errors
/// When Postgres fails.
pub async fn save_step(pool: &Pool, which: StreamKey<'_>, runner: LeaseOwner, step: &Step<'_>) -> Result<LeaseStatus, StorageError> {
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
    if !step.sightings.is_empty() {
        let keys: Vec<&[u8]> = step.sightings.iter().map(<[u8; 16]>::as_slice).collect();
        sqlx::query(
            "insert into sync_seen_keys (brand_id, source, stream, run_id, key) select $1, $2, $3, $4, unnest($5::bytea[]) on conflict do nothing",
        )
        .bind(which.brand_id)
        .bind(which.source.as_str())
        .bind(which.stream)
        .bind(run_id)
        .bind(keys)
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(standing(Some(is_cancelled)))
}

/// Says that a runner still walks, and what keeps it.
///
/// # Errors
/// When Postgres fails.
pub async fn renew_lease(pool: &Pool, which: StreamKey<'_>, runner: LeaseOwner, note: &str) -> Result<LeaseStatus, StorageError> {
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
    Ok(standing(row.map(|(is_cancelled,)| is_cancelled)))
}

/// How a pass ended.
#[derive(Debug, Clone, Copy)]
pub enum End<'a> {
    /// At its end, with what it found that was not as it should be.
    Complete {
        /// A share of 1; `None` where nothing was known before.
        drift: Option<f32>,
        /// What should be known of it.
        note: &'a str,
    },
    /// Before.
    Broken(&'a str),
}

/// Ends a pass. What it has met is forgotten; what is known of the last pass through everything stays when one of what changed ends.
///
/// # Errors
/// When Postgres fails.
pub async fn finish_stream(pool: &Pool, which: StreamKey<'_>, runner: LeaseOwner, end: End<'_>) -> Result<(), StorageError> {
    let (is_complete, drift, note) = match end {
        End::Complete { drift, note } => (true, drift, note),
        End::Broken(note) => (false, None, note),
    };
    sqlx::query(
        "with ended as (
            update sync_streams
            set lease_owner = null,
                lease_until = null,
                cursor = null,
                finished_at = $5,
                incremental_watermark = case when $8 then started_at else incremental_watermark end,
                last_full_started_at = case when $8 and since is null then started_at else last_full_started_at end,
                drift = case when $8 and since is null then $6 else drift end,
                last_full_result = case when $8 and since is null then $7 else last_full_result end,
                note = case when $8 then '' else $7 end
            where brand_id = $1 and source = $2 and stream = $3 and lease_owner = $4
            returning brand_id, source, stream
        )
        delete from sync_seen_keys using ended
        where sync_seen_keys.brand_id = ended.brand_id and sync_seen_keys.source = ended.source and sync_seen_keys.stream = ended.stream",
    )
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

/// Leaves a pass to others, where it stands.
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

/// Asks those who walk to end. Where nobody walks, a pass that was left is given up. Gives back how many passes that are.
///
/// # Errors
/// When Postgres fails.
pub async fn cancel_streams(pool: &Pool, brand_id: i32, source: Option<Source>, stream: Option<&str>, now: Timestamp) -> Result<u64, StorageError> {
    let done = sqlx::query(
        "update sync_streams
        set is_cancelled = true,
            finished_at = case when lease_owner is null or lease_until <= $4 then $4 end,
            note = case when lease_owner is null or lease_until <= $4 then 'cancelled' else note end
        where brand_id = $1 and ($2::text is null or source = $2) and ($3::text is null or stream = $3) and finished_at is null",
    )
    .bind(brand_id)
    .bind(source.map(Source::as_str))
    .bind(stream)
    .bind(Time::from(now))
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}
