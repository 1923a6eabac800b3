//! The status of sync streams. [`sync_runs`](crate::storage::sync_runs) writes it.

use super::pool::Pool;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use super::StorageError;

type Time = jiff_sqlx::Timestamp;

/// A stream, with its current run or its last one.
#[derive(Clone)]
pub struct StreamRow {
    /// The source.
    pub source: String,
    /// Its name.
    pub stream: String,
    /// Id of the run.
    pub run_id: Uuid,
    /// Whether a full run had finished before this one.
    pub is_reconcile: bool,
    /// For an incremental run: changes from this time on. `None` for a full run.
    pub since: Option<Timestamp>,
    /// The last request whose reply was applied; `None` at the end of a list.
    pub cursor: Option<Value>,
    /// When the run began.
    pub started_at: Timestamp,
    /// Items read.
    pub scanned: i64,
    /// Items that were new or different here.
    pub changed: i64,
    /// Number of items at the source, if known.
    pub total: Option<i64>,
    /// Records that were deleted here, because they no longer exist at the source.
    pub deleted: i64,
    /// How often this run restarted the list.
    pub restart_count: i32,
    /// The runner that holds the lease.
    pub lease_owner: Option<Uuid>,
    /// When the lease ends, unless it is renewed.
    pub lease_until: Option<Timestamp>,
    /// A person cancelled the run.
    pub is_cancelled: bool,
    /// When the run ended, for any reason.
    pub finished_at: Option<Timestamp>,
    /// When the last complete full run began.
    pub last_full_started_at: Option<Timestamp>,
    /// Share of items that were wrong in that run, from 0 to 1.
    pub drift: Option<f32>,
    /// Note about that run; empty if there is nothing to say.
    pub last_full_result: String,
    /// When the last complete run of any mode began.
    pub incremental_watermark: Option<Timestamp>,
    /// Why the run waits or failed.
    pub note: String,
    /// A person wants a full run since then, and none began yet.
    pub requested_at: Option<Timestamp>,
}

#[derive(FromRow)]
pub(super) struct Columns {
    source: String,
    stream: String,
    run_id: Uuid,
    is_reconcile: bool,
    since: Option<Time>,
    cursor: Option<Value>,
    started_at: Time,
    scanned: i64,
    changed: i64,
    total: Option<i64>,
    deleted: i64,
    restart_count: i32,
    lease_owner: Option<Uuid>,
    lease_until: Option<Time>,
    is_cancelled: bool,
    finished_at: Option<Time>,
    last_full_started_at: Option<Time>,
    drift: Option<f32>,
    last_full_result: String,
    incremental_watermark: Option<Time>,
    note: String,
    requested_at: Option<Time>,
}

impl From<Columns> for StreamRow {
    fn from(row: Columns) -> Self {
        Self {
            source: row.source,
            stream: row.stream,
            run_id: row.run_id,
            is_reconcile: row.is_reconcile,
            since: row.since.map(Time::to_jiff),
            cursor: row.cursor,
            started_at: row.started_at.to_jiff(),
            scanned: row.scanned,
            changed: row.changed,
            total: row.total,
            deleted: row.deleted,
            restart_count: row.restart_count,
            lease_owner: row.lease_owner,
            lease_until: row.lease_until.map(Time::to_jiff),
            is_cancelled: row.is_cancelled,
            finished_at: row.finished_at.map(Time::to_jiff),
            last_full_started_at: row.last_full_started_at.map(Time::to_jiff),
            drift: row.drift,
            last_full_result: row.last_full_result,
            incremental_watermark: row.incremental_watermark.map(Time::to_jiff),
            note: row.note,
            requested_at: row.requested_at.map(Time::to_jiff),
        }
    }
}

impl StreamRow {
    /// A first run that has just begun, without a runner.
    #[cfg(test)]
    pub(crate) fn begun(at: Timestamp) -> Self {
        Self {
            source: String::new(),
            stream: String::new(),
            run_id: Uuid::nil(),
            is_reconcile: false,
            since: None,
            cursor: None,
            started_at: at,
            scanned: 0,
            changed: 0,
            total: None,
            deleted: 0,
            restart_count: 0,
            lease_owner: None,
            lease_until: None,
            is_cancelled: false,
            finished_at: None,
            last_full_started_at: None,
            drift: None,
            last_full_result: String::new(),
            incremental_watermark: None,
            note: String::new(),
            requested_at: None,
        }
    }

    /// Whether the run is complete.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.finished_at.is_some() && self.incremental_watermark == Some(self.started_at)
    }

    /// Whether the run cannot continue now, or failed.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        let is_broken = self.finished_at.is_some() && !self.is_complete() && !self.is_cancelled;
        is_broken || (self.finished_at.is_none() && !self.note.is_empty())
    }

    /// Whether the first run is not finished: it is requested, running or interrupted, but neither failed nor cancelled.
    #[must_use]
    pub const fn is_first_under_way(&self) -> bool {
        let is_open = self.finished_at.is_none() && !self.is_cancelled;
        self.last_full_started_at.is_none() && (is_open || self.requested_at.is_some())
    }

    /// Whether a runner holds the lease at a time.
    #[must_use]
    pub fn is_running(&self, now: Timestamp) -> bool {
        self.lease_owner.is_some() && self.lease_until.is_some_and(|until| until > now)
    }
}

/// All streams of a brand that ever had a run.
///
/// # Errors
/// When Postgres fails.
pub async fn list_streams(pool: &Pool, brand_id: i32) -> Result<Vec<StreamRow>, StorageError> {
    let rows: Vec<Columns> =
        sqlx::query_as("select * from sync_streams where brand_id = $1 order by source, stream")
            .bind(brand_id)
            .fetch_all(pool)
            .await?;
    Ok(rows.into_iter().map(StreamRow::from).collect())
}
