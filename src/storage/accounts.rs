//! The accounts of brands at their sources: the budget that all replicas share, and how they are doing. All times are
//! Postgres's own, since the replicas' clocks may differ.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::StorageError;
use crate::customer::kind::Source;

type Time = jiff_sqlx::Timestamp;

/// How many classes of calls there are. They are numbered by their precedence.
pub const CLASSES: usize = 4;

/// Which account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountKey {
    /// Of which brand.
    pub brand_id: i32,
    /// At which source.
    pub source: Source,
}

/// Calls that were granted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantRow {
    /// How long ago.
    pub age: Duration,
    /// Of which class.
    pub class: usize,
    /// How many.
    pub number: u32,
}

/// What the source said of the calls that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many, those granted since counted.
    pub left: u32,
    /// For how long.
    pub lasts: Duration,
}

/// What the budget of an account has been used for, and what speaks against using it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// What was granted lately, the oldest first.
    pub granted: Vec<GrantRow>,
    /// For how long the source wants no calls.
    pub blocked: Duration,
    /// How many it allows.
    pub allowance: Option<Allowance>,
    /// How long ago a live call was wanted in vain.
    pub live_wanted: Option<Duration>,
    /// How long ago another one was.
    pub other_wanted: Option<Duration>,
}

/// What is to be written into a ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entry {
    /// How many calls are granted, by class.
    pub granted: [u32; CLASSES],
    /// A live call was wanted in vain.
    pub live_wanted: bool,
    /// Another one was.
    pub other_wanted: bool,
}

/// What has been written.
pub struct Written {
    /// A time before which nothing of it was granted.
    pub since: Instant,
    /// The ids of the grants, by class.
    pub ids: [Uuid; CLASSES],
}

type LedgerColumns = (Time, Option<f64>, Option<i64>, Option<f64>, Option<f64>, Option<f64>, Vec<f64>, Vec<i16>, Vec<i32>);

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()
}

/// Decides over calls of an account: nobody else does meanwhile, on any replica. The ledger that is decided by holds what was
/// granted in the time `counted`.
///
/// # Errors
/// When Postgres fails; then nothing is granted.
pub async fn write_ledger(
    pool: &PgPool,
    key: AccountKey,
    counted: Duration,
    decide: impl FnOnce(&Ledger) -> Entry + Send,
) -> Result<Written, StorageError> {
    // A replica that is stopped in the midst of it must not stop the others.
    let begin = "begin; set local lock_timeout = '2s'; set local idle_in_transaction_session_timeout = '2s'";
    let mut transaction = pool.begin_with(begin).await?;
    lock_account(&mut transaction, key).await?;
    let since = Instant::now();
    let (at, ledger) = read_ledger(&mut transaction, key, counted).await?;
    let entry = decide(&ledger);
    let ids = std::array::from_fn(|_| Uuid::new_v4());
    let granted = || (0_i16..).zip(entry.granted).zip(ids).filter(|((_, number), _)| *number > 0);
    if entry.granted != [0; CLASSES] {
        sqlx::query(
            "insert into calls (brand_id, source, granted_at, grant_id, class, number)
            select $1, $2, $3, new.grant_id, new.class, new.number
            from unnest($4::uuid[], $5::smallint[], $6::integer[]) as new (grant_id, class, number)",
        )
        .bind(key.brand_id)
        .bind(key.source.as_str())
        .bind(at)
        .bind(granted().map(|(_, id)| id).collect::<Vec<_>>())
        .bind(granted().map(|((class, _), _)| class).collect::<Vec<_>>())
        .bind(granted().map(|((_, number), _)| i32::try_from(number).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .execute(&mut *transaction)
        .await?;
    }
    if entry.live_wanted || entry.other_wanted {
        sqlx::query(
            "update accounts
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
    Ok(Written { since, ids })
}

async fn lock_account(db: &mut PgConnection, key: AccountKey) -> Result<(), StorageError> {
    let lock = "select 1 from accounts where brand_id = $1 and source = $2 for no key update";
    let locked = sqlx::query(lock).bind(key.brand_id).bind(key.source.as_str()).execute(&mut *db).await?;
    if locked.rows_affected() == 0 {
        insert_account(&mut *db, key).await?;
        sqlx::query(lock).bind(key.brand_id).bind(key.source.as_str()).execute(&mut *db).await?;
    }
    Ok(())
}

async fn insert_account(db: &mut PgConnection, key: AccountKey) -> Result<(), StorageError> {
    let query = sqlx::query("insert into accounts (brand_id, source) values ($1, $2) on conflict do nothing");
    query.bind(key.brand_id).bind(key.source.as_str()).execute(db).await?;
    Ok(())
}

/// A statement of its own: it must see what was written while the lock was waited for.
async fn read_ledger(db: &mut PgConnection, key: AccountKey, counted: Duration) -> Result<(Time, Ledger), StorageError> {
    let columns: LedgerColumns = sqlx::query_as(
        "with now as materialized (select clock_timestamp() as at)
        select now.at,
            extract(epoch from account.blocked_until - now.at)::float8,
            case when account.allowance_until > now.at then account.allowance - (
                select coalesce(sum(later.number), 0)
                from calls as later
                where later.brand_id = $1 and later.source = $2 and later.granted_at > account.allowance_since
            ) end,
            extract(epoch from account.allowance_until - now.at)::float8,
            extract(epoch from now.at - account.live_wanted_at)::float8,
            extract(epoch from now.at - account.other_wanted_at)::float8,
            array(select extract(epoch from now.at - granted_at)::float8
                from calls where brand_id = $1 and source = $2 and granted_at > now.at - $3 * interval '1 second' order by granted_at, grant_id),
            array(select class
                from calls where brand_id = $1 and source = $2 and granted_at > now.at - $3 * interval '1 second' order by granted_at, grant_id),
            array(select number
                from calls where brand_id = $1 and source = $2 and granted_at > now.at - $3 * interval '1 second' order by granted_at, grant_id)
        from now, accounts as account
        where account.brand_id = $1 and account.source = $2",
    )
    .bind(key.brand_id)
    .bind(key.source.as_str())
    .bind(counted.as_secs_f64())
    .fetch_one(db)
    .await?;
    let (at, blocked, left, lasts, live_wanted, other_wanted, ages, classes, numbers) = columns;
    let row = |((age, class), number): ((f64, i16), i32)| GrantRow {
        age: seconds(age),
        class: usize::try_from(class).unwrap_or_default(),
        number: u32::try_from(number).unwrap_or_default(),
    };
    let granted = ages.into_iter().zip(classes).zip(numbers).map(row).collect();
    let allowance = left.map(|left| Allowance { left: u32::try_from(left.max(0)).unwrap_or(u32::MAX), lasts: seconds(lasts.unwrap_or_default()) });
    let [live_wanted, other_wanted] = [live_wanted, other_wanted].map(|ago| ago.map(seconds));
    Ok((at, Ledger { granted, blocked: seconds(blocked.unwrap_or_default()), allowance, live_wanted, other_wanted }))
}

/// Lets no call begin for some time.
///
/// # Errors
/// When Postgres fails.
pub async fn block_account(pool: &PgPool, key: AccountKey, time: Duration) -> Result<(), StorageError> {
    let query = sqlx::query(
        "update accounts set blocked_until = greatest(blocked_until, clock_timestamp() + $3 * interval '1 second') where brand_id = $1 and source = $2",
    );
    query.bind(key.brand_id).bind(key.source.as_str()).bind(time.as_secs_f64()).execute(pool).await?;
    Ok(())
}

/// Keeps what the source said in its reply to a call: how many are left for how long. What it said to a later call, and not
/// long ago, is better known.
///
/// # Errors
/// When Postgres fails.
pub async fn set_allowance(pool: &PgPool, key: AccountKey, since_ago: Duration, allowance: Allowance) -> Result<(), StorageError> {
    sqlx::query(
        "update accounts
        set allowance = $3,
            allowance_since = clock_timestamp() - $4 * interval '1 second',
            allowance_until = clock_timestamp() + $5 * interval '1 second'
        where brand_id = $1 and source = $2
            and (allowance_until is null or allowance_until <= clock_timestamp() or allowance_since <= clock_timestamp() - $4 * interval '1 second')",
    )
    .bind(key.brand_id)
    .bind(key.source.as_str())
    .bind(i32::try_from(allowance.left).unwrap_or(i32::MAX))
    .bind(since_ago.as_secs_f64())
    .bind(allowance.lasts.as_secs_f64())
    .execute(pool)
    .await?;
    Ok(())
}

/// What happened to calls of an account since the last time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthRow {
    /// How long ago one succeeded.
    pub succeeded_ago: Option<Duration>,
    /// How long ago one failed.
    pub failed_ago: Option<Duration>,
    /// What went wrong then; never what was sent or came back.
    pub failure: String,
    /// How many failed in a row.
    pub failures_in_a_row: u32,
    /// For how long it is left alone.
    pub open: Option<Duration>,
}

/// Adds what happened to calls of an account on this replica.
///
/// # Errors
/// When Postgres fails.
pub async fn add_health(pool: &PgPool, key: AccountKey, news: &HealthRow) -> Result<(), StorageError> {
    sqlx::query(
        "insert into accounts as known (brand_id, source, succeeded_at, failed_at, failure, failures_in_a_row, open_until)
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
    .bind(news.succeeded_ago.map(|ago| ago.as_secs_f64()))
    .bind(news.failed_ago.map(|ago| ago.as_secs_f64()))
    .bind(&news.failure)
    .bind(i32::try_from(news.failures_in_a_row).unwrap_or(i32::MAX))
    .bind(news.open.map(|time| time.as_secs_f64()))
    .execute(pool)
    .await?;
    Ok(())
}

/// How an account is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountRow {
    /// Calls granted in the last minute, by class.
    pub granted: [u32; CLASSES],
    /// When a call last succeeded.
    pub succeeded_at: Option<Timestamp>,
    /// When one last failed.
    pub failed_at: Option<Timestamp>,
    /// What went wrong then; never what was sent or came back.
    pub failure: String,
    /// How many failed in a row.
    pub failures_in_a_row: u32,
    /// Not called before this, because it fails.
    pub open_until: Option<Timestamp>,
    /// Not called before this, because the source said so.
    pub blocked_until: Option<Timestamp>,
}

type AccountColumns = (Option<Time>, Option<Time>, String, i32, Option<Time>, Option<Time>);

/// How an account is doing, on all replicas; one that was never called is doing nothing.
///
/// # Errors
/// When Postgres fails.
pub async fn get_account(pool: &PgPool, brand_id: i32, source: Source) -> Result<AccountRow, StorageError> {
    let query = sqlx::query_as(
        "select succeeded_at, failed_at, failure, failures_in_a_row, open_until, blocked_until from accounts where brand_id = $1 and source = $2",
    );
    let columns: Option<AccountColumns> = query.bind(brand_id).bind(source.as_str()).fetch_optional(pool).await?;
    let query = sqlx::query_as(
        "select class, sum(number) from calls
        where brand_id = $1 and source = $2 and granted_at > clock_timestamp() - interval '1 minute'
        group by class",
    );
    let sums: Vec<(i16, i64)> = query.bind(brand_id).bind(source.as_str()).fetch_all(pool).await?;
    let Some((succeeded_at, failed_at, failure, failures, open_until, blocked_until)) = columns else { return Ok(AccountRow::default()) };
    let sum = |class: usize| sums.iter().find(|(known, _)| usize::try_from(*known) == Ok(class)).map_or(0, |(_, sum)| *sum);
    let [succeeded_at, failed_at, open_until, blocked_until] = [succeeded_at, failed_at, open_until, blocked_until].map(|at| at.map(Time::to_jiff));
    Ok(AccountRow {
        granted: std::array::from_fn(|class| u32::try_from(sum(class)).unwrap_or(u32::MAX)),
        succeeded_at,
        failed_at,
        failure,
        failures_in_a_row: u32::try_from(failures).unwrap_or_default(),
        open_until,
        blocked_until,
    })
}

/// Removes calls of an account that are of no use any more: after an hour.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_old_calls(pool: &PgPool, key: AccountKey) -> Result<(), StorageError> {
    let query = sqlx::query("delete from calls where brand_id = $1 and source = $2 and granted_at < clock_timestamp() - interval '1 hour'");
    query.bind(key.brand_id).bind(key.source.as_str()).execute(pool).await?;
    Ok(())
}
