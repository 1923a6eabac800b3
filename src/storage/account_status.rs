//! The status of the accounts at the sources, on all replicas.

use jiff::Timestamp;

use super::StorageError;
use super::pool::Pool;
use super::rate_limit_usage::{Counting, MINUTE, UsageWindow, read_usage};
use super::upstream_accounts::{AccountKey, PRIORITIES};
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

/// The status of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountRow {
    /// Calls granted in the last minute, by priority.
    pub granted: [u32; PRIORITIES],
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
    let mut db = pool.acquire().await?;
    let query = sqlx::query_as(
        "select succeeded_at, failed_at, failure, failures_in_a_row, open_until, blocked_until, allowance_until
        from upstream_accounts
        where brand_id = $1 and source = $2",
    );
    let columns: Option<AccountColumns> =
        query.bind(brand_id).bind(source.as_str()).fetch_optional(&mut *db).await?;
    let Some((
        succeeded_at,
        failed_at,
        failure,
        failures,
        open_until,
        blocked_until,
        allowance_until,
    )) = columns
    else {
        return Ok(AccountRow::default());
    };
    let last_minute = Counting { time: MINUTE, step: std::time::Duration::ZERO };
    let (_, usage) = read_usage(&mut db, AccountKey { brand_id, source }, last_minute).await?;
    let is_spent = usage.allowance.is_some_and(|allowance| allowance.left == 0);
    let jiff = |at: Option<Time>| at.map(Time::to_jiff);
    let [succeeded_at, failed_at, open_until] = [succeeded_at, failed_at, open_until].map(jiff);
    let [blocked_until, allowance_until] = [blocked_until, allowance_until].map(jiff);
    Ok(AccountRow {
        granted: granted_by_priority(&usage),
        succeeded_at,
        failed_at,
        failure,
        failures_in_a_row: u32::try_from(failures).unwrap_or_default(),
        open_until,
        blocked_until,
        spent_until: allowance_until.filter(|_| is_spent),
    })
}

fn granted_by_priority(usage: &UsageWindow) -> [u32; PRIORITIES] {
    std::array::from_fn(|priority| {
        let rows = usage.granted.iter().filter(|row| row.priority == priority);
        rows.fold(0, |sum: u32, row| sum.saturating_add(row.number))
    })
}
