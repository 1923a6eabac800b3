//! How far the streams of an account have been walked, and by whom; [`passes`](crate::storage::sync_runs) writes that down.

use super::pool::Pool;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use super::StorageError;

type Time = jiff_sqlx::Timestamp;

/// A stream, with the pass under way or the last one.
#[derive(Clone)]
pub struct StreamRow {
    /// Whose.
    pub source: String,
    /// Its name.
    pub stream: String,
    /// The pass.
    pub run_id: Uuid,
    /// Whether everything had been walked through before.
    pub is_reconcile: bool,
    /// It is of what changed from then on; `None` for a pass through everything.
    pub since: Option<Timestamp>,
    /// The last question whose answer is applied; `None` at the end of a list.
    pub cursor: Option<Value>,
    /// When the pass began.
    pub started_at: Timestamp,
    /// What was walked.
    pub scanned: i64,
    /// What of it was news here.
    pub changed: i64,
    /// How many there are, where that is known.
    pub total: Option<i64>,
    /// What was gone at the source, and still known here.
    pub deleted: i64,
    /// How often the list was begun again in this pass.
    pub restart_count: i32,
    /// Who walks.
    pub lease_owner: Option<Uuid>,
    /// Until when, unless it says again.
    pub lease_until: Option<Timestamp>,
    /// Somebody wants it to end.
    pub is_cancelled: bool,
    /// When it ended, however.
    pub finished_at: Option<Timestamp>,
    /// When the last pass through everything began that came to its end.
    pub last_full_started_at: Option<Timestamp>,
    /// What of all that it walked was not as it should be: a share of 1.
    pub drift: Option<f32>,
    /// What should be known of it; empty for nothing.
    pub last_full_result: String,
    /// When the last pass of either sort began that came to its end.
    pub incremental_watermark: Option<Timestamp>,
    /// What is wrong.
    pub note: String,
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
        }
    }
}

impl StreamRow {
    /// A first pass that has just begun, and nobody walks.
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
        }
    }

    /// Whether the pass came to its end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.finished_at.is_some() && self.incremental_watermark == Some(self.started_at)
    }

    /// Whether the pass can't go on now, or broke.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        let is_broken = self.finished_at.is_some() && !self.is_complete() && !self.is_cancelled;
        is_broken || (self.finished_at.is_none() && !self.note.is_empty())
    }

    /// Whether the first pass is still under way, be it that it was left for somebody to go on with. One that broke or was
    /// cancelled is not.
    #[must_use]
    pub const fn is_first_under_way(&self) -> bool {
        self.last_full_started_at.is_none() && self.finished_at.is_none() && !self.is_cancelled
    }

    /// Whether somebody walks it at a time.
    #[must_use]
    pub fn is_walked(&self, now: Timestamp) -> bool {
        self.lease_owner.is_some() && self.lease_until.is_some_and(|until| until > now)
    }
}

/// All streams of a brand that have ever been walked.
///
/// # Errors
/// When Postgres fails.
pub async fn list_streams(pool: &Pool, brand_id: i32) -> Result<Vec<StreamRow>, StorageError> {
    let rows: Vec<Columns> =
        sqlx::query_as("select * from sync_streams where brand_id = $1 order by source, stream").bind(brand_id).fetch_all(pool).await?;
    Ok(rows.into_iter().map(StreamRow::from).collect())
}
