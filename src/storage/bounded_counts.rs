//! Counts for pages that must be quick: each stops at a limit, and reads by an index.

use jiff::{SignedDuration, Timestamp};

use super::StorageError;
use super::deliveries::{BacklogColumns, BacklogRow};
use super::delivery_queue::first_id_at;
use super::pool::Pool;

type Time = jiff_sqlx::Timestamp;

/// A count that stopped at a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundedCount {
    /// The number, at most the limit.
    pub number: i64,
    /// Whether there are more.
    pub is_more: bool,
}

impl BoundedCount {
    /// From a count that may be one above the limit.
    #[must_use]
    pub fn new(counted: i64, limit: i64) -> Self {
        Self { number: counted.min(limit), is_more: counted > limit }
    }
}

/// Open questions above this number are not counted.
const MAX_REVIEWS: i64 = 1_000;

/// Open questions that nobody put away until later, and when the newest of those that were counted was found.
///
/// # Errors
/// When Postgres fails.
pub async fn count_reviews(
    pool: &Pool,
    brand_id: i32,
    now: Timestamp,
) -> Result<(BoundedCount, Option<Timestamp>), StorageError> {
    let (count, newest): (i64, Option<Time>) = sqlx::query_as(
        "select count(*), max(found_at) from (
            select found_at from match_reviews
            where brand_id = $1 and (postponed_until is null or postponed_until <= $2) limit $3
        ) as counted",
    )
    .bind(brand_id)
    .bind(Time::from(now))
    .bind(MAX_REVIEWS.saturating_add(1))
    .fetch_one(pool)
    .await?;
    Ok((BoundedCount::new(count, MAX_REVIEWS), newest.map(Time::to_jiff)))
}

/// Pending and dead deliveries: of each state, at most 1,001 of the brand are counted.
///
/// # Errors
/// When Postgres fails.
pub async fn count_backlog(pool: &Pool, brand_id: i32) -> Result<Vec<BacklogRow>, StorageError> {
    let rows: Vec<BacklogColumns> = sqlx::query_as(
        "select source, state, count(*)::float8, min(waits_since) from (
            (select source, state, case when note = 'replayed' and claim_token is null then due_at else received_at end as waits_since
            from deliveries where brand_id = $1 and state = 'pending' order by priority, delivery_id limit 1001)
            union all
            (select source, state, received_at from deliveries where brand_id = $1 and state = 'dead' order by delivery_id desc limit 1001)
        ) as counted
        group by source, state",
    )
    .bind(brand_id)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(BacklogRow::from).collect())
}

/// What happened in a time, counted from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentCount {
    /// All.
    pub all: BoundedCount,
    /// Those that failed, of the counted ones.
    pub failed: i64,
    /// When the oldest of the counted ones came.
    pub first_at: Option<Timestamp>,
    /// 95 % of the counted ones took at most this many microseconds.
    pub usual_us: Option<i32>,
}

/// More than this is not counted.
const MAX_RECENT: i64 = 10_000;

fn recent(
    (count, failed, first_at, usual_us): (i64, i64, Option<Time>, Option<i32>),
) -> RecentCount {
    RecentCount {
        all: BoundedCount::new(count, MAX_RECENT),
        failed,
        first_at: first_at.map(Time::to_jiff),
        usual_us,
    }
}

/// The time that is counted.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The lookups of the last day. Those that failed have a status of 500 or more.
///
/// # Errors
/// When Postgres fails.
pub async fn count_recent_lookups(
    pool: &Pool,
    brand_id: i32,
    now: Timestamp,
) -> Result<RecentCount, StorageError> {
    let query = sqlx::query_as(
        "select count(*), count(*) filter (where status >= 500), min(asked_at), percentile_disc(0.95) within group (order by duration_us)
        from (
            select asked_at, status, duration_us from lookup_history
            where brand_id = $1 and asked_at >= $2 order by asked_at desc limit $3
        ) as counted",
    );
    let since = Time::from(now.saturating_sub(DAY).unwrap_or(now));
    let query = query.bind(brand_id).bind(since).bind(MAX_RECENT.saturating_add(1));
    Ok(recent(query.fetch_one(pool).await?))
}

/// The deliveries of the last day. Those that failed are dead letters.
///
/// # Errors
/// When Postgres fails.
pub async fn count_recent_deliveries(
    pool: &Pool,
    brand_id: i32,
    now: Timestamp,
) -> Result<RecentCount, StorageError> {
    let query = sqlx::query_as(
        "select count(*), count(*) filter (where state = 'dead'), min(received_at), null::integer
        from (
            select received_at, state from deliveries
            where brand_id = $1 and delivery_id >= $2 order by delivery_id desc limit $3
        ) as counted",
    );
    let since = first_id_at(now.saturating_sub(DAY).unwrap_or(now));
    let query = query.bind(brand_id).bind(since).bind(MAX_RECENT.saturating_add(1));
    Ok(recent(query.fetch_one(pool).await?))
}
