//! Transactions of the write path: they hold the lock of the brand, and plan every statement for indexes.

use std::time::{Duration, Instant};

use super::StorageError;
use super::pool::{Connection, Pool, Transaction};

/// Begins a transaction with the lock of the brand, which excludes all other writers. While it waits for
/// another writer, it gives its connection back from time to time, so that a hanging writer does not block
/// other work.
///
/// # Errors
/// When Postgres fails, or the other writer does not end.
pub async fn begin(pool: &Pool, brand_id: i32) -> Result<Transaction, StorageError> {
    let began_at = Instant::now();
    loop {
        match try_begin(pool, brand_id, LOCK_TIMEOUT).await {
            Err(error) if error.is_locked() && began_at.elapsed() < MAX_LOCK_WAIT => {
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

/// How long a writer waits for another writer of the brand before it gives its connection back, and the pause
/// after that.
pub const LOCK_TIMEOUT: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(50);

/// How long it tries in total. Postgres ends a hanging writer before that.
const MAX_LOCK_WAIT: Duration = Duration::from_secs(30);

/// Like [`begin`], but gives up if another writer of the brand holds the lock for longer than the timeout: see
/// [`StorageError::is_locked`].
///
/// Every step of the two statements must find its rows by index, whatever the tables hold. Statements are
/// planned once for each connection, when the tables may still be empty.
///
/// # Errors
/// When Postgres fails.
pub async fn try_begin(
    pool: &Pool,
    brand_id: i32,
    timeout: Duration,
) -> Result<Transaction, StorageError> {
    // The first number names the purpose, so that other users of advisory locks do not collide.
    let begin = format!(
        "begin; {PLANS}; set local lock_timeout = {}; select pg_advisory_xact_lock(1752131440, {brand_id}); set local lock_timeout = '5s'",
        timeout.as_millis()
    );
    Ok(pool.begin_with(sqlx::AssertSqlSafe(begin)).await?)
}

/// How statements are planned inside a transaction.
pub(super) const PLANS: &str = "set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_material = off; \
     set local enable_hashjoin = off; set local enable_mergejoin = off; set local plan_cache_mode = force_generic_plan";

/// Begins a transaction that only reads. It reads by indexes, however large the tables are.
///
/// # Errors
/// When Postgres fails.
pub async fn begin_reading(pool: &Pool) -> Result<Transaction, StorageError> {
    Ok(pool.begin_with(sqlx::AssertSqlSafe(format!("begin read only; {PLANS}"))).await?)
}

/// Begins a read-only transaction beside one that holds the brand's lock and has not written yet, so that both
/// see the same data. `None` if no connection is free: a caller that has a connection must not wait for another
/// one.
///
/// # Errors
/// When Postgres fails.
pub async fn try_begin_concurrent(pool: &Pool) -> Result<Option<Transaction>, StorageError> {
    Ok(pool.try_begin_with(sqlx::AssertSqlSafe(format!("begin read only; {PLANS}"))).await?)
}

/// Marks the state inside a transaction, for [`return_to_mark`].
///
/// # Errors
/// When Postgres fails.
pub async fn mark(db: &mut Connection) -> Result<(), StorageError> {
    sqlx::query("savepoint marked").execute(&mut *db).await?;
    Ok(())
}

/// Takes back what was written after [`mark`]. The transaction goes on.
///
/// # Errors
/// When Postgres fails.
pub async fn return_to_mark(db: &mut Connection) -> Result<(), StorageError> {
    sqlx::query("rollback to savepoint marked").execute(&mut *db).await?;
    Ok(())
}
