//! Log-ins that wait for the person to come back from the login provider.

use jiff::Timestamp;

use super::StorageError;
use super::console_access::SecretHash;
use super::pool::Pool;

type Time = jiff_sqlx::Timestamp;

/// Stores a log-in that begins, and removes those whose time is over.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_log_in(
    pool: &Pool,
    cookie_hash: &SecretHash,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), StorageError> {
    sqlx::query("delete from console_provider_log_ins where expires_at <= $1")
        .bind(Time::from(now))
        .execute(pool)
        .await?;
    sqlx::query("insert into console_provider_log_ins (cookie_hash, expires_at) values ($1, $2)")
        .bind(cookie_hash.as_slice())
        .bind(Time::from(expires_at))
        .execute(pool)
        .await?;
    Ok(())
}

/// Takes a log-in: it does not end a second time. Returns whether there was one.
///
/// # Errors
/// When Postgres fails.
pub async fn take_log_in(
    pool: &Pool,
    cookie_hash: &SecretHash,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let taken = sqlx::query(
        "delete from console_provider_log_ins where cookie_hash = $1 and expires_at > $2",
    )
    .bind(cookie_hash.as_slice())
    .bind(Time::from(now))
    .execute(pool)
    .await?;
    Ok(taken.rows_affected() > 0)
}
