//! Attempts to log in with a password, by what somebody typed. All replicas count together.

use jiff::{SignedDuration, Timestamp};

use super::StorageError;
use super::pool::{Connection, Pool};

type Time = jiff_sqlx::Timestamp;

/// How wrong passwords are limited.
#[derive(Debug, Clone, Copy)]
pub struct AttemptLimits {
    /// So many wrong ones in a row make nobody wait.
    pub free: i32,
    /// The first wait. Each further one is twice as long.
    pub first_wait: SignedDuration,
    /// The longest wait.
    pub longest_wait: SignedDuration,
    /// After this time without an attempt, the count begins again.
    pub kept_for: SignedDuration,
}

/// Counts an attempt as a wrong one, before it is known whether it is. So attempts at the same time are all counted.
///
/// Returns the time until which this name must wait, if it must. Then nothing is counted.
///
/// # Errors
/// When Postgres fails.
pub async fn begin_attempt(
    pool: &Pool,
    name_hash: &[u8; 32],
    limits: AttemptLimits,
    now: Timestamp,
) -> Result<Option<Timestamp>, StorageError> {
    let oldest = now.saturating_sub(limits.kept_for).unwrap_or(Timestamp::MIN);
    sqlx::query("delete from console_password_attempts where last_at < $1")
        .bind(Time::from(oldest))
        .execute(pool)
        .await?;
    let counted = sqlx::query(
        "insert into console_password_attempts as attempts
            (name_hash, wrong_in_a_row, waits_until, last_at)
        values ($1, 1, $2, $2)
        on conflict (name_hash) do update set
            wrong_in_a_row = attempts.wrong_in_a_row + 1,
            waits_until = case
                when attempts.wrong_in_a_row + 1 < $3 then $2
                else $2 + make_interval(secs =>
                    least($5, $4 * power(2, least(attempts.wrong_in_a_row + 1 - $3, 20))))
            end,
            last_at = $2
        where attempts.waits_until <= $2",
    )
    .bind(name_hash.as_slice())
    .bind(Time::from(now))
    .bind(limits.free)
    .bind(limits.first_wait.as_secs_f64())
    .bind(limits.longest_wait.as_secs_f64())
    .execute(pool)
    .await?;
    if counted.rows_affected() > 0 {
        return Ok(None);
    }
    let waits: Option<(Time,)> =
        sqlx::query_as("select waits_until from console_password_attempts where name_hash = $1")
            .bind(name_hash.as_slice())
            .fetch_optional(pool)
            .await?;
    Ok(Some(waits.map_or(now, |(until,)| until.to_jiff())))
}

/// Takes back an attempt whose password was not compared.
///
/// # Errors
/// When Postgres fails.
pub async fn take_back_attempt(pool: &Pool, name_hash: &[u8; 32]) -> Result<(), StorageError> {
    sqlx::query(
        "update console_password_attempts set wrong_in_a_row = wrong_in_a_row - 1, waits_until = last_at
        where name_hash = $1",
    )
    .bind(name_hash.as_slice())
    .execute(pool)
    .await?;
    Ok(())
}

/// Removes the count of a name, after the right password.
///
/// # Errors
/// When Postgres fails.
pub async fn forget_attempts(
    db: &mut Connection,
    name_hash: &[u8; 32],
) -> Result<(), StorageError> {
    sqlx::query("delete from console_password_attempts where name_hash = $1")
        .bind(name_hash.as_slice())
        .execute(db)
        .await?;
    Ok(())
}
