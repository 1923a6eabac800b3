//! The accounts of brands at their sources, and their health. All times are from Postgres's clock, because the
//! clocks of replicas may differ.

use std::time::Duration;

use super::StorageError;
use super::pool::Connection;
use crate::customer::model::source::Source;

/// Number of call priorities. A lower index has precedence.
pub const PRIORITIES: usize = 4;

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
    db: &mut Connection,
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
    .execute(db)
    .await?;
    Ok(())
}
