//! Jobs that replay or discard many deliveries: those that were counted, part by part. Each part is one transaction, so
//! any number of replicas can work on a job, and each delivery is changed once.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::StorageError;
use super::deliveries::{DeliveryFilter, Time, bound, which};
use super::pool::{Connection, Pool};
use super::seen_deliveries::{DeliveryAct, discard, replay};
use crate::customer::model::source::Source;

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// The deliveries are counted. Nobody has decided yet.
    Counted,
    /// The deliveries are changed, part by part.
    Running,
    /// All are changed, or were left alone.
    Done,
    /// A person ended it before that.
    Cancelled,
}

impl JobState {
    const ALL: [Self; 4] = [Self::Counted, Self::Running, Self::Done, Self::Cancelled];

    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobState {
    type Err = StorageError;

    fn from_str(name: &str) -> Result<Self, StorageError> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == name);
        state.ok_or(StorageError::Corrupt("delivery_jobs"))
    }
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryJob {
    /// Its id.
    pub job_id: Uuid,
    /// What selects its deliveries, in words.
    pub selection: String,
    /// Its state.
    pub state: JobState,
    /// What becomes of the deliveries. `None` until somebody decides.
    pub act: Option<DeliveryAct>,
    /// How many deliveries were counted.
    pub counted: i64,
    /// How many of them could be discarded then.
    pub discardable: i64,
    /// Whether more matched than were counted.
    pub is_cut: bool,
    /// How many are replayed or discarded.
    pub changed: i64,
    /// How many had changed since they were counted, and were left alone.
    pub skipped: i64,
    /// When the deliveries were counted.
    pub counted_at: Timestamp,
    /// When somebody decided.
    pub begun_at: Option<Timestamp>,
    /// When it was done or cancelled.
    pub ended_at: Option<Timestamp>,
    /// Who decided. Empty until then.
    pub begun_by: String,
    /// Why.
    pub reason: String,
    /// The entry in the audit log.
    pub action_id: Option<Uuid>,
}

impl FromRow<'_, PgRow> for DeliveryJob {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let corrupt = |error: StorageError| sqlx::Error::Decode(Box::new(error));
        let later = |name| row.try_get::<Option<Time>, _>(name).map(|at| at.map(Time::to_jiff));
        let act: Option<String> = row.try_get("act")?;
        Ok(Self {
            job_id: row.try_get("job_id")?,
            selection: row.try_get("selection")?,
            state: row.try_get::<String, _>("state")?.parse().map_err(corrupt)?,
            act: act.map(|act| act.parse()).transpose().map_err(corrupt)?,
            counted: row.try_get("counted")?,
            discardable: row.try_get("discardable")?,
            is_cut: row.try_get("is_cut")?,
            changed: row.try_get("changed")?,
            skipped: row.try_get("skipped")?,
            counted_at: row.try_get::<Time, _>("counted_at")?.to_jiff(),
            begun_at: later("begun_at")?,
            ended_at: later("ended_at")?,
            begun_by: row.try_get("begun_by")?,
            reason: row.try_get("reason")?,
            action_id: row.try_get("action_id")?,
        })
    }
}

/// A job to store.
pub struct NewJob<'a> {
    /// Its id.
    pub job_id: Uuid,
    /// What selects its deliveries, in words.
    pub selection: &'a str,
    /// Now.
    pub now: Timestamp,
    /// The most deliveries: the newest ones.
    pub limit: i64,
}

/// Counts the deliveries that match, except those that are being applied, and stores a job about exactly these.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_job(
    db: &mut Connection,
    brand_id: i32,
    filter: &DeliveryFilter,
    job: &NewJob<'_>,
) -> Result<(), StorageError> {
    let query = sqlx::query(which!(
        "with matching as materialized (select delivery_id, xmin::text::bigint as version, state in ('pending', 'dead') as is_discardable from deliveries",
        " and claim_token is null order by delivery_id desc limit $10 + 1
        ),
        items as materialized (
            select * from matching order by delivery_id desc limit $10
        ),
        job as (
            insert into delivery_jobs (brand_id, job_id, selection, counted, discardable, is_cut, counted_at)
            select $1, $11, $12, count(*), count(*) filter (where is_discardable), (select count(*) from matching) > $10, $13 from items
        )
        insert into delivery_job_items (brand_id, job_id, delivery_id, version)
        select $1, $11, delivery_id, version from items"
    ));
    bound!(query, brand_id, filter)
        .bind(job.limit)
        .bind(job.job_id)
        .bind(job.selection)
        .bind(Time::from(job.now))
        .execute(db)
        .await?;
    Ok(())
}

/// What somebody decided about a job.
pub struct JobDecision<'a> {
    /// What becomes of the deliveries.
    pub act: DeliveryAct,
    /// Who decided.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// The entry in the audit log.
    pub action_id: Uuid,
}

/// Lets a job run. Returns false if somebody has decided before, or if there is no such job.
///
/// # Errors
/// When Postgres fails.
pub async fn begin_job(
    db: &mut Connection,
    brand_id: i32,
    job_id: Uuid,
    decision: &JobDecision<'_>,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let query = sqlx::query(
        "update delivery_jobs
        set state = 'running', act = $3, begun_by = $4, reason = $5, action_id = $6, begun_at = $7
        where brand_id = $1 and job_id = $2 and state = 'counted'",
    );
    let query = query
        .bind(brand_id)
        .bind(job_id)
        .bind(decision.act.as_str())
        .bind(decision.by)
        .bind(decision.reason)
        .bind(decision.action_id)
        .bind(Time::from(now));
    Ok(query.execute(db).await?.rows_affected() > 0)
}

/// A job.
///
/// # Errors
/// When Postgres fails, or the row is invalid.
pub async fn find_job(
    db: impl sqlx::PgExecutor<'_>,
    brand_id: i32,
    job_id: Uuid,
) -> Result<Option<DeliveryJob>, StorageError> {
    let query = sqlx::query_as("select * from delivery_jobs where brand_id = $1 and job_id = $2");
    Ok(query.bind(brand_id).bind(job_id).fetch_optional(db).await?)
}

/// The jobs about which somebody decided, the newest first, at most `limit`.
///
/// # Errors
/// When Postgres fails, or a row is invalid.
pub async fn list_jobs(
    pool: &Pool,
    brand_id: i32,
    limit: u32,
) -> Result<Vec<DeliveryJob>, StorageError> {
    let query = sqlx::query_as(
        "select * from delivery_jobs where brand_id = $1 and state <> 'counted'
        order by begun_at desc limit $2",
    );
    Ok(query.bind(brand_id).bind(i64::from(limit)).fetch_all(pool).await?)
}

/// Takes a running job, the oldest one, or a certain one. Nobody else works on it until the transaction ends. `None` if
/// there is none, or another session works on it.
///
/// # Errors
/// When Postgres fails, or the row is invalid.
pub async fn lock_running_job(
    db: &mut Connection,
    brand_id: i32,
    job_id: Option<Uuid>,
) -> Result<Option<DeliveryJob>, StorageError> {
    let query = sqlx::query_as(
        "select * from delivery_jobs
        where brand_id = $1 and state = 'running' and ($2::uuid is null or job_id = $2)
        order by begun_at limit 1 for update skip locked",
    );
    Ok(query.bind(brand_id).bind(job_id).fetch_optional(db).await?)
}

/// The next deliveries of a job, in the order of their ids.
macro_rules! next_of_job {
    ($act:ident) => {
        concat!(
            "with next as materialized (
                select brand_id, job_id, delivery_id from delivery_job_items
                where brand_id = $1 and job_id = $2 order by delivery_id limit $3
            ),
            seen as (
                delete from delivery_job_items as item using next
                where item.brand_id = next.brand_id and item.job_id = next.job_id and item.delivery_id = next.delivery_id
                returning item.brand_id, item.delivery_id, item.version
            ),
            changed as (",
            $act!(),
            " returning row.delivery_id)
            select (select count(*) from seen), (select count(*) from changed)"
        )
    };
}

/// Changes the next deliveries of a job, at most `limit`. Returns how many it took, and how many of them had not changed
/// since they were counted.
///
/// # Errors
/// When Postgres fails.
pub async fn change_next(
    db: &mut Connection,
    brand_id: i32,
    (job_id, act): (Uuid, DeliveryAct),
    limit: i64,
    now: Timestamp,
) -> Result<(i64, i64), StorageError> {
    let statement = match act {
        DeliveryAct::Replay => next_of_job!(replay),
        DeliveryAct::Discard => next_of_job!(discard),
    };
    let query = sqlx::query_as(statement).bind(brand_id).bind(job_id).bind(limit);
    Ok(query.bind(Time::from(now)).fetch_one(db).await?)
}

/// Stores the progress of a job, and that it ended.
///
/// # Errors
/// When Postgres fails.
pub async fn update_job(
    db: &mut Connection,
    brand_id: i32,
    job: &DeliveryJob,
) -> Result<(), StorageError> {
    let query = sqlx::query(
        "update delivery_jobs set state = $3, changed = $4, skipped = $5, ended_at = $6
        where brand_id = $1 and job_id = $2",
    );
    query
        .bind(brand_id)
        .bind(job.job_id)
        .bind(job.state.as_str())
        .bind(job.changed)
        .bind(job.skipped)
        .bind(job.ended_at.map(Time::from))
        .execute(db)
        .await?;
    Ok(())
}

/// Deletes the deliveries of a job that ended before it was done. They are not changed any more.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_items(
    db: &mut Connection,
    brand_id: i32,
    job_id: Uuid,
) -> Result<(), StorageError> {
    let query = sqlx::query("delete from delivery_job_items where brand_id = $1 and job_id = $2");
    query.bind(brand_id).bind(job_id).execute(db).await?;
    Ok(())
}

/// Deletes jobs that ended before a time, and those that were counted before another time and not begun.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_old_jobs(
    pool: &Pool,
    brand_id: i32,
    ended_before: Timestamp,
    counted_before: Timestamp,
) -> Result<(), StorageError> {
    let query = sqlx::query(
        "delete from delivery_jobs
        where brand_id = $1 and counted_at < $3 and (state = 'counted' or ended_at < $2)",
    );
    let query =
        query.bind(brand_id).bind(Time::from(ended_before)).bind(Time::from(counted_before));
    query.execute(pool).await?;
    Ok(())
}
