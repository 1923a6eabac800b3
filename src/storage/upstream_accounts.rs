//! The accounts of brands at their sources, and their health. All times are from Postgres's clock, because the
//! clocks of replicas may differ.

use std::time::Duration;

use super::pool::Pool;
use jiff::Timestamp;

use super::StorageError;
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

/// Number of call priorities. A lower index has precedence.
pub const CLASSES: usize = 4;

/// An account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountKey {
    /// The brand.
    pub brand_id: i32,
    /// The source.
    pub source: Source,
}

/// The health of an account's calls since the last save.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthRow {
    /// How long ago a call last succeeded.
    pub succeeded_ago: Option<Duration>,
    /// How long ago a call last failed.
    pub failed_ago: Option<Duration>,
    /// The error of that call; never the content of a request or reply.
    pub failure: String,
    /// Failures in a row.
    pub failures_in_a_row: u32,
    /// How long the circuit breaker stays open.
    pub open: Option<Duration>,
}

/// Adds the health of calls on this replica.
///
/// # Errors
/// When Postgres fails.
pub async fn add_health(
    pool: &Pool,
    key: AccountKey,
    added: &HealthRow,
) -> Result<(), StorageError> {
    sqlx::query(
        "insert into upstream_accounts as known (brand_id, source, succeeded_at, failed_at, failure, failures_in_a_row, open_until)
        select $1, $2,
            clock_timestamp() - $3 * interval '1 second',
            clock_timestamp() - $4 * interval '1 second',
            $5, $6,
            clock_timestamp() + $7 * interval '1 second'
        on conflict (brand_id, source) do update
        set succeeded_at = greatest(known.succeeded_at, excluded.succeeded_at),
            failed_at = greatest(known.failed_at, excluded.failed_at),
            failure = case when excluded.failed_at is null then known.failure else excluded.failure end,
            failures_in_a_row = excluded.failures_in_a_row,
            open_until = excluded.open_until",
    )
    .bind(key.brand_id)
    .bind(key.source.as_str())
    .bind(added.succeeded_ago.map(|ago| ago.as_secs_f64()))
    .bind(added.failed_ago.map(|ago| ago.as_secs_f64()))
    .bind(&added.failure)
    .bind(i32::try_from(added.failures_in_a_row).unwrap_or(i32::MAX))
    .bind(added.open.map(|time| time.as_secs_f64()))
    .execute(pool)
    .await?;
    Ok(())
}

/// The status of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountRow {
    /// Calls granted in the last minute, by priority.
    pub granted: [u32; CLASSES],
    /// When a call last succeeded.
    pub succeeded_at: Option<Timestamp>,
    /// When a call last failed.
    pub failed_at: Option<Timestamp>,
    /// The error of that call; never the content of a request or reply.
    pub failure: String,
    /// Failures in a row.
    pub failures_in_a_row: u32,
    /// No calls before this time: the circuit breaker is open.
    pub open_until: Option<Timestamp>,
    /// No calls before this time: the source asked for a pause.
    pub blocked_until: Option<Timestamp>,
    /// No calls before this time: none are left of those that the source allows.
    pub spent_until: Option<Timestamp>,
}

type AccountColumns =
    (Option<Time>, Option<Time>, String, i32, Option<Time>, Option<Time>, Option<Time>);

/// The status of an account on all replicas. An account that was never called has the default status.
///
/// # Errors
/// When Postgres fails.
pub async fn get_account(
    pool: &Pool,
    brand_id: i32,
    source: Source,
) -> Result<AccountRow, StorageError> {
    let query = sqlx::query_as(
        "select succeeded_at, failed_at, failure, failures_in_a_row, open_until, blocked_until,
            case when allowance <= (
                select coalesce(sum(call_grants.number), 0)
                from call_grants
                where call_grants.brand_id = $1 and call_grants.source = $2 and call_grants.granted_at >= upstream_accounts.allowance_since
            ) then allowance_until end
        from upstream_accounts
        where brand_id = $1 and source = $2",
    );
    let columns: Option<AccountColumns> =
        query.bind(brand_id).bind(source.as_str()).fetch_optional(pool).await?;
    let granted = sum_grants(pool, brand_id, source).await?;
    let Some((succeeded_at, failed_at, failure, failures, open_until, blocked_until, spent_until)) =
        columns
    else {
        return Ok(AccountRow::default());
    };
    let jiff = |at: Option<Time>| at.map(Time::to_jiff);
    let [succeeded_at, failed_at, open_until] = [succeeded_at, failed_at, open_until].map(jiff);
    let [blocked_until, spent_until] = [blocked_until, spent_until].map(jiff);
    Ok(AccountRow {
        granted,
        succeeded_at,
        failed_at,
        failure,
        failures_in_a_row: u32::try_from(failures).unwrap_or_default(),
        open_until,
        blocked_until,
        spent_until,
    })
}

/// The calls granted in the last minute, by priority.
async fn sum_grants(
    pool: &Pool,
    brand_id: i32,
    source: Source,
) -> Result<[u32; CLASSES], StorageError> {
    let query = sqlx::query_as(
        "select priority, sum(number) from call_grants
        where brand_id = $1 and source = $2 and granted_at > clock_timestamp() - interval '1 minute'
        group by priority",
    );
    let sums: Vec<(i16, i64)> = query.bind(brand_id).bind(source.as_str()).fetch_all(pool).await?;
    let sum = |class: usize| {
        sums.iter()
            .find(|(known, _)| usize::try_from(*known) == Ok(class))
            .map_or(0, |(_, sum)| *sum)
    };
    Ok(std::array::from_fn(|class| u32::try_from(sum(class)).unwrap_or(u32::MAX)))
}
