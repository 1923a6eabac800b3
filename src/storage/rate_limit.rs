//! The rate limit of accounts, shared by all replicas. All times are from Postgres's clock, because the clocks
//! of replicas may differ.

use std::time::{Duration, Instant};

use super::pool::{Connection, Pool};
use jiff::Timestamp;

use super::StorageError;
use super::rate_limit_usage::read_usage;
pub use super::rate_limit_usage::{Allowance, Counting, GrantRow, MINUTE, UsageWindow};
use super::upstream_accounts::{AccountKey, PRIORITIES};

type Time = jiff_sqlx::Timestamp;

/// Grants to store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grant {
    /// Number of calls, by priority.
    pub granted: [u32; PRIORITIES],
    /// A live call was refused.
    pub live_wanted: bool,
    /// Another call was refused.
    pub other_wanted: bool,
}

/// The stored grants.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// When the calls count as granted, by Postgres's clock.
    pub granted_at: Timestamp,
    /// A time before that, by this replica's clock.
    pub since: Instant,
}

/// Grants calls of an account, under a lock of the account that holds on all replicas.
///
/// # Errors
/// When Postgres fails. Nothing is granted then.
pub async fn reserve_calls(
    pool: &Pool,
    key: AccountKey,
    counting: Counting,
    decide: impl FnOnce(&UsageWindow) -> Grant + Send,
) -> Result<Written, StorageError> {
    // A replica that stops in the middle must not block the others.
    let begin = "begin; set local lock_timeout = '2s'; set local idle_in_transaction_session_timeout = '2s'";
    let mut transaction = pool.begin_with(begin).await?;
    lock_account(&mut transaction, key).await?;
    let since = Instant::now();
    let (at, usage) = read_usage(&mut transaction, key, counting).await?;
    let entry = decide(&usage);
    insert_grants(&mut transaction, key, at, &entry).await?;
    note_wanted(&mut transaction, key, at, &entry).await?;
    transaction.commit().await?;
    Ok(Written { granted_at: at.to_jiff(), since })
}

async fn insert_grants(
    db: &mut Connection,
    key: AccountKey,
    at: Time,
    grant: &Grant,
) -> Result<(), StorageError> {
    if grant.granted == [0; PRIORITIES] {
        return Ok(());
    }
    sqlx::query(
        "insert into call_grants as known (brand_id, source, granted_at, priority, number)
        select $1, $2, $3, new.priority, new.number
        from unnest($4::smallint[], $5::integer[]) as new (priority, number)
        where new.number > 0
        on conflict (brand_id, source, granted_at, priority) do update set number = known.number + excluded.number",
    )
    .bind(key.brand_id)
    .bind(key.source.as_str())
    .bind(at)
    .bind((0_i16..).zip(grant.granted).map(|(priority, _)| priority).collect::<Vec<_>>())
    .bind(grant.granted.map(|number| i32::try_from(number).unwrap_or(i32::MAX)).as_slice())
    .execute(db)
    .await?;
    Ok(())
}

/// Stores that calls were refused, so that other replicas leave something for them.
async fn note_wanted(
    db: &mut Connection,
    key: AccountKey,
    at: Time,
    grant: &Grant,
) -> Result<(), StorageError> {
    if !grant.live_wanted && !grant.other_wanted {
        return Ok(());
    }
    sqlx::query(
        "update upstream_accounts
        set live_wanted_at = case when $4 then $3 else live_wanted_at end,
            other_wanted_at = case when $5 then $3 else other_wanted_at end
        where brand_id = $1 and source = $2",
    )
    .bind(key.brand_id)
    .bind(key.source.as_str())
    .bind(at)
    .bind(grant.live_wanted)
    .bind(grant.other_wanted)
    .execute(db)
    .await?;
    Ok(())
}

async fn lock_account(db: &mut Connection, key: AccountKey) -> Result<(), StorageError> {
    let lock =
        "select 1 from upstream_accounts where brand_id = $1 and source = $2 for no key update";
    let locked =
        sqlx::query(lock).bind(key.brand_id).bind(key.source.as_str()).execute(&mut *db).await?;
    if locked.rows_affected() == 0 {
        insert_account(&mut *db, key).await?;
        sqlx::query(lock).bind(key.brand_id).bind(key.source.as_str()).execute(&mut *db).await?;
    }
    Ok(())
}

async fn insert_account(db: &mut Connection, key: AccountKey) -> Result<(), StorageError> {
    let query = sqlx::query(
        "insert into upstream_accounts (brand_id, source) values ($1, $2) on conflict do nothing",
    );
    query.bind(key.brand_id).bind(key.source.as_str()).execute(db).await?;
    Ok(())
}

/// Blocks all calls of an account for some time.
///
/// # Errors
/// When Postgres fails.
pub async fn block_account(
    pool: &Pool,
    key: AccountKey,
    time: Duration,
) -> Result<(), StorageError> {
    let query = sqlx::query(
        "update upstream_accounts set blocked_until = greatest(blocked_until, clock_timestamp() + $3 * interval '1 second') where brand_id = $1 and source = $2",
    );
    query
        .bind(key.brand_id)
        .bind(key.source.as_str())
        .bind(time.as_secs_f64())
        .execute(pool)
        .await?;
    Ok(())
}

/// Stores the limit that the source reported in its reply to a call: how many calls are left, including all
/// calls granted since, and how long. A report about a later call wins, unless it has expired.
///
/// # Errors
/// When Postgres fails.
pub async fn set_allowance(
    pool: &Pool,
    key: AccountKey,
    granted_at: Timestamp,
    allowance: Allowance,
) -> Result<(), StorageError> {
    sqlx::query(
        "update upstream_accounts
        set allowance = $3,
            allowance_since = $4,
            allowance_until = clock_timestamp() + $5 * interval '1 second'
        where brand_id = $1 and source = $2
            and (allowance_until is null or allowance_until <= clock_timestamp() or allowance_since <= $4)",
    )
    .bind(key.brand_id)
    .bind(key.source.as_str())
    .bind(i32::try_from(allowance.left).unwrap_or(i32::MAX))
    .bind(Time::from(granted_at))
    .bind(allowance.lasts.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(())
}

/// Counts a call as granted now instead of earlier, because it began late.
///
/// # Errors
/// When Postgres fails.
pub async fn postpone_call(
    pool: &Pool,
    key: AccountKey,
    granted_at: Timestamp,
    priority: usize,
) -> Result<(), StorageError> {
    sqlx::query(
        "with early as (
            update call_grants set number = number - 1
            where brand_id = $1 and source = $2 and granted_at = $3 and priority = $4 and number > 0
            returning priority
        )
        insert into call_grants as known (brand_id, source, granted_at, priority, number)
        select $1, $2, clock_timestamp(), early.priority, 1 from early
        on conflict (brand_id, source, granted_at, priority) do update set number = known.number + excluded.number",
    )
    .bind(key.brand_id)
    .bind(key.source.as_str())
    .bind(Time::from(granted_at))
    .bind(i16::try_from(priority).unwrap_or(i16::MAX))
    .execute(pool)
    .await?;
    Ok(())
}

/// Deletes grants of an account that are older than an hour.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_old_calls(pool: &Pool, key: AccountKey) -> Result<(), StorageError> {
    let query = sqlx::query(
        "delete from call_grants where brand_id = $1 and source = $2 and granted_at < clock_timestamp() - interval '1 hour'",
    );
    query.bind(key.brand_id).bind(key.source.as_str()).execute(pool).await?;
    Ok(())
}
