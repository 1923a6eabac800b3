//! How much of an account's rate limit is used, by Postgres's clock.

use std::time::Duration;

use super::StorageError;
use super::pool::Connection;
use super::upstream_accounts::AccountKey;

type Time = jiff_sqlx::Timestamp;

/// Calls that were granted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantRow {
    /// How long ago they were granted.
    pub age: Duration,
    /// Their priority.
    pub priority: usize,
    /// How many.
    pub number: u32,
}

/// The remaining calls that the source reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many are left, after those granted since.
    pub left: u32,
    /// How long they are valid.
    pub lasts: Duration,
}

/// The usage of an account's rate limit, and its current restrictions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageWindow {
    /// Recent grants, oldest first.
    pub granted: Vec<GrantRow>,
    /// How long the source wants no calls.
    pub blocked: Duration,
    /// The remaining calls that the source reported.
    pub allowance: Option<Allowance>,
    /// How long ago a live call was refused.
    pub live_wanted: Option<Duration>,
    /// How long ago another call was refused.
    pub other_wanted: Option<Duration>,
}

/// The time for which the settings limit the calls of an account.
pub const MINUTE: Duration = Duration::from_secs(60);

/// How long a grant counts, and the step in which grants are added up: zero, or whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counting {
    /// How long a grant counts.
    pub time: Duration,
    /// The step.
    pub step: Duration,
}

type UsageColumns = (
    Time,
    Option<f64>,
    Option<i64>,
    Option<f64>,
    Option<f64>,
    Option<f64>,
    Vec<f64>,
    Vec<i16>,
    Vec<i32>,
);

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()
}

/// A separate statement: it must see what was written while this session waited for the lock.
pub(super) async fn read_usage(
    db: &mut Connection,
    key: AccountKey,
    counting: Counting,
) -> Result<(Time, UsageWindow), StorageError> {
    let columns: UsageColumns = sqlx::query_as(include_str!("read_usage.sql"))
        .bind(key.brand_id)
        .bind(key.source.as_str())
        .bind(counting.time.as_secs_f64())
        .bind(i32::try_from(counting.step.as_millis()).unwrap_or(i32::MAX))
        .fetch_one(db)
        .await?;
    let at = columns.0;
    Ok((at, usage(columns)))
}

fn usage(columns: UsageColumns) -> UsageWindow {
    let (_, blocked, left, lasts, live_wanted, other_wanted, ages, priorities, numbers) = columns;
    let row = |((age, priority), number): ((f64, i16), i32)| GrantRow {
        age: seconds(age),
        priority: usize::try_from(priority).unwrap_or_default(),
        number: u32::try_from(number).unwrap_or_default(),
    };
    let allowance = left.map(|left| Allowance {
        left: u32::try_from(left.max(0)).unwrap_or(u32::MAX),
        lasts: seconds(lasts.unwrap_or_default()),
    });
    UsageWindow {
        granted: ages.into_iter().zip(priorities).zip(numbers).map(row).collect(),
        blocked: seconds(blocked.unwrap_or_default()),
        allowance,
        live_wanted: live_wanted.map(seconds),
        other_wanted: other_wanted.map(seconds),
    }
}
