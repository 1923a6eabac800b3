//! The rate limit of accounts, shared by all replicas. All times are from Postgres's clock, because the clocks
//! of replicas may differ.

use std::time::{Duration, Instant};

use super::pool::{Connection, Pool};
use jiff::Timestamp;

use super::StorageError;
use super::upstream_accounts::{AccountKey, CLASSES};

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

/// Grants to store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grant {
    /// Number of calls, by priority.
    pub granted: [u32; CLASSES],
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
    if entry.granted != [0; CLASSES] {
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
        .bind((0_i16..).zip(entry.granted).map(|(priority, _)| priority).collect::<Vec<_>>())
        .bind(entry.granted.map(|number| i32::try_from(number).unwrap_or(i32::MAX)).as_slice())
        .execute(&mut *transaction)
        .await?;
    }
    if entry.live_wanted || entry.other_wanted {
        sqlx::query(
            "update upstream_accounts
            set live_wanted_at = case when $4 then $3 else live_wanted_at end,
                other_wanted_at = case when $5 then $3 else other_wanted_at end
            where brand_id = $1 and source = $2",
        )
        .bind(key.brand_id)
        .bind(key.source.as_str())
        .bind(at)
        .bind(entry.live_wanted)
        .bind(entry.other_wanted)
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(Written { granted_at: at.to_jiff(), since })
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

/// A separate statement: it must see what was written while this session waited for the lock.
async fn read_usage(
    db: &mut Connection,
    key: AccountKey,
    counting: Counting,
) -> Result<(Time, UsageWindow), StorageError> {
    let columns: UsageColumns = sqlx::query_as(
        "with now as materialized (select clock_timestamp() as at)
        select case when $4 > 0 then date_bin($4 * interval '1 millisecond', now.at, 'epoch') + $4 * interval '1 millisecond' else now.at end,
            extract(epoch from account.blocked_until - now.at)::float8,
            case when account.allowance_until > now.at then account.allowance - (
                select coalesce(sum(later.number), 0)
                from call_grants as later
                where later.brand_id = $1 and later.source = $2 and later.granted_at >= account.allowance_since
            ) end,
            extract(epoch from account.allowance_until - now.at)::float8,
            extract(epoch from now.at - account.live_wanted_at)::float8,
            extract(epoch from now.at - account.other_wanted_at)::float8,
            coalesce(lately.ages, '{}'),
            coalesce(lately.classes, '{}'),
            coalesce(lately.numbers, '{}')
        from now
        cross join upstream_accounts as account
        cross join lateral (
            select array_agg(extract(epoch from now.at - call.granted_at)::float8) as ages,
                array_agg(call.priority) as classes,
                array_agg(call.number) as numbers
            from (
                select granted_at, priority, number
                from call_grants
                where brand_id = $1 and source = $2 and granted_at > now.at - $3 * interval '1 second'
                order by granted_at, priority
            ) as call
        ) as lately
        where account.brand_id = $1 and account.source = $2",
    )
    .bind(key.brand_id)
    .bind(key.source.as_str())
    .bind(counting.time.as_secs_f64())
    .bind(i32::try_from(counting.step.as_millis()).unwrap_or(i32::MAX))
    .fetch_one(db)
    .await?;
    let (at, blocked, left, lasts, live_wanted, other_wanted, ages, classes, numbers) = columns;
    let row = |((age, priority), number): ((f64, i16), i32)| GrantRow {
        age: seconds(age),
        priority: usize::try_from(priority).unwrap_or_default(),
        number: u32::try_from(number).unwrap_or_default(),
    };
    let granted = ages.into_iter().zip(classes).zip(numbers).map(row).collect();
    let allowance = left.map(|left| Allowance {
        left: u32::try_from(left.max(0)).unwrap_or(u32::MAX),
        lasts: seconds(lasts.unwrap_or_default()),
    });
    let [live_wanted, other_wanted] = [live_wanted, other_wanted].map(|ago| ago.map(seconds));
    Ok((
        at,
        UsageWindow {
            granted,
            blocked: seconds(blocked.unwrap_or_default()),
            allowance,
            live_wanted,
            other_wanted,
        },
    ))
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
