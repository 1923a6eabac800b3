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
    pub pass_id: Uuid,
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
    pub news: i64,
    /// How many there are, where that is known.
    pub total: Option<i64>,
    /// What was gone at the source, and still known here.
    pub gone: i64,
    /// How often the list was begun again in this pass.
    pub round: i32,
    /// Who walks.
    pub runner: Option<Uuid>,
    /// Until when, unless it says again.
    pub lease_until: Option<Timestamp>,
    /// Somebody wants it to end.
    pub is_cancelled: bool,
    /// When it ended, however.
    pub finished_at: Option<Timestamp>,
    /// When the last pass through everything began that came to its end.
    pub complete_at: Option<Timestamp>,
    /// What of all that it walked was not as it should be: a share of 1.
    pub drift: Option<f32>,
    /// What should be known of it; empty for nothing.
    pub finding: String,
    /// When the last pass of either sort began that came to its end.
    pub caught_up_at: Option<Timestamp>,
    /// What is wrong.
    pub remark: String,
}

#[derive(FromRow)]
pub(super) struct Columns {
    source: String,
    stream: String,
    pass_id: Uuid,
    is_reconcile: bool,
    since: Option<Time>,
    cursor: Option<Value>,
    started_at: Time,
    scanned: i64,
    news: i64,
    total: Option<i64>,
    gone: i64,
    round: i32,
    runner: Option<Uuid>,
    lease_until: Option<Time>,
    is_cancelled: bool,
    finished_at: Option<Time>,
    complete_at: Option<Time>,
    drift: Option<f32>,
    finding: String,
    caught_up_at: Option<Time>,
    remark: String,
}

impl From<Columns> for StreamRow {
    fn from(row: Columns) -> Self {
        Self {
            source: row.source,
            stream: row.stream,
            pass_id: row.pass_id,
            is_reconcile: row.is_reconcile,
            since: row.since.map(Time::to_jiff),
            cursor: row.cursor,
            started_at: row.started_at.to_jiff(),
            scanned: row.scanned,
            news: row.news,
            total: row.total,
            gone: row.gone,
            round: row.round,
            runner: row.runner,
            lease_until: row.lease_until.map(Time::to_jiff),
            is_cancelled: row.is_cancelled,
            finished_at: row.finished_at.map(Time::to_jiff),
            complete_at: row.complete_at.map(Time::to_jiff),
            drift: row.drift,
            finding: row.finding,
            caught_up_at: row.caught_up_at.map(Time::to_jiff),
            remark: row.remark,
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
            pass_id: Uuid::nil(),
            is_reconcile: false,
            since: None,
            cursor: None,
            started_at: at,
            scanned: 0,
            news: 0,
            total: None,
            gone: 0,
            round: 0,
            runner: None,
            lease_until: None,
            is_cancelled: false,
            finished_at: None,
            complete_at: None,
            drift: None,
            finding: String::new(),
            caught_up_at: None,
            remark: String::new(),
        }
    }

    /// Whether the pass came to its end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.finished_at.is_some() && self.caught_up_at == Some(self.started_at)
    }

    /// Whether the pass can't go on now, or broke.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        let is_broken = self.finished_at.is_some() && !self.is_complete() && !self.is_cancelled;
        is_broken || (self.finished_at.is_none() && !self.remark.is_empty())
    }

    /// Whether the first pass is still under way, be it that it was left for somebody to go on with. One that broke or was
    /// cancelled is not.
    #[must_use]
    pub const fn is_first_under_way(&self) -> bool {
        self.complete_at.is_none() && self.finished_at.is_none() && !self.is_cancelled
    }

    /// Whether somebody walks it at a time.
    #[must_use]
    pub fn is_walked(&self, now: Timestamp) -> bool {
        self.runner.is_some() && self.lease_until.is_some_and(|until| until > now)
    }
}

/// All streams of a brand that have ever been walked.
///
/// # Errors
/// When Postgres fails.
pub async fn list_streams(pool: &Pool, brand_id: i32) -> Result<Vec<StreamRow>, StorageError> {
    let rows: Vec<Columns> =
        sqlx::query_as("select * from streams where brand_id = $1 order by source, stream").bind(brand_id).fetch_all(pool).await?;
    Ok(rows.into_iter().map(StreamRow::from).collect())
}
