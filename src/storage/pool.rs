//! A bounded pool of connections to Postgres, on which every statement ends in time.
//!
//! It replaces the library's pool. That one waits forever for a connection that has fallen silent, makes a
//! round trip whenever a connection comes back, and keeps connections to a server that is no longer the
//! primary. Here every statement has a time limit, and a connection that was interrupted, broke or may lead to
//! the wrong server is closed. The library opens the sockets without keepalive, so Postgres sets it at its end.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, TryStreamExt};
use parking_lot::Mutex;
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres};
use sqlx::{Describe, Either, Execute, Executor, SqlSafeStr, SqlStr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use super::connection::Connection;
use super::connection::streamed;
use super::failure::{DatabaseFailure, cause};
use super::hosts::Hosts;
pub use super::pooled::{Pooled, Use};
use super::pooled::{Shared, setup};
pub use super::transaction::Transaction;

/// Pause before another attempt when Postgres could not be reached.
const PAUSE: Duration = Duration::from_millis(20);

/// How often to check that Postgres still works on a statement without a time limit.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// A bounded pool of connections, opened on demand.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("used", &self.0.used).finish_non_exhaustive()
    }
}

impl Pool {
    /// Creates a pool without opening a connection.
    #[must_use]
    pub fn new(hosts: Arc<Hosts>, used: Use) -> Self {
        let free = Arc::new(Semaphore::new(used.connections));
        Self(Arc::new(Shared { hosts, used, setup: setup(used), free, idle: Mutex::default() }))
    }

    /// Another pool for the same servers.
    #[must_use]
    pub fn beside(&self, used: Use) -> Self {
        Self::new(Arc::clone(&self.0.hosts), used)
    }

    /// The servers.
    #[must_use]
    pub fn hosts(&self) -> &Arc<Hosts> {
        &self.0.hosts
    }

    /// How to connect to the server that was the primary the last time.
    #[must_use]
    pub fn connect_options(&self) -> sqlx::postgres::PgConnectOptions {
        self.0.hosts.options()
    }

    /// A free connection, or a new one. It waits while all are in use or Postgres is not reachable, up to the
    /// pool's timeout.
    ///
    /// # Errors
    /// When no connection is available in time.
    pub async fn acquire(&self) -> Result<Pooled, sqlx::Error> {
        let timeout = self.0.used.timeout;
        if timeout.is_zero() {
            return self.try_to_acquire().await;
        }
        let mut failure = None;
        let acquired = tokio::time::timeout(timeout, async {
            loop {
                match self.try_to_acquire().await {
                    // Only an error that may end soon is worth a retry.
                    Err(error) if is_passing(&error) => failure = Some(error),
                    done => return done,
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        match acquired.await {
            Ok(done) => done,
            Err(_) => Err(failure.unwrap_or(sqlx::Error::PoolTimedOut)),
        }
    }

    async fn try_to_acquire(&self) -> Result<Pooled, sqlx::Error> {
        let permit =
            Arc::clone(&self.0.free).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        self.with(permit).await
    }

    async fn with(&self, permit: OwnedSemaphorePermit) -> Result<Pooled, sqlx::Error> {
        let connection = match self.0.take_idle() {
            Some(connection) => connection,
            None => self.0.connect().await?,
        };
        Ok(Pooled::new(connection, Arc::clone(&self.0), permit))
    }

    /// A separate connection without a statement timeout, closed at the end, and the process id of its backend.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn acquire_within(&self) -> Result<(PgConnection, i32), sqlx::Error> {
        let mut connection =
            self.0.hosts.connect(&setup(Use { statement: None, ..self.0.used })).await?;
        let asked =
            sqlx::query_as::<_, (i32,)>("select pg_backend_pid()").fetch_one(&mut connection);
        let (backend,) = tokio::time::timeout(CHECK_INTERVAL, asked)
            .await
            .map_err(|_| DatabaseFailure::Silent)??;
        Ok((connection, backend))
    }

    /// Waits for the work of a backend of Postgres, as long as the backend is active. The reply may get lost on
    /// the network; without this check the wait would never end.
    ///
    /// # Errors
    /// When the backend has done nothing for a while, or its state cannot be read.
    pub async fn while_at_work<T>(
        &self,
        backend: i32,
        work: impl Future<Output = T>,
    ) -> Result<T, sqlx::Error> {
        let query = "select exists (select from pg_stat_activity where pid = $1 and (state = 'active' or state_change > clock_timestamp() - interval '5 seconds'))";
        tokio::pin!(work);
        let mut idle_checks = 0_u32;
        loop {
            if let Ok(done) = tokio::time::timeout(CHECK_INTERVAL, &mut work).await {
                return Ok(done);
            }
            let at_work = sqlx::query_as::<_, (bool,)>(query).bind(backend).fetch_one(self).await;
            idle_checks =
                if matches!(at_work, Ok((true,))) { 0 } else { idle_checks.saturating_add(1) };
            if idle_checks >= 3 {
                return Err(DatabaseFailure::Silent.into());
            }
        }
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        self.begin_with("begin").await
    }

    /// Begins a transaction with some statements; the first one is `begin`.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn begin_with(
        &self,
        statements: impl SqlSafeStr,
    ) -> Result<Transaction, sqlx::Error> {
        Transaction::begin(self.acquire().await?, statements.into_sql_str()).await
    }

    /// Like [`begin_with`](Self::begin_with); `None` if no connection is free.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn try_begin_with(
        &self,
        statements: impl SqlSafeStr,
    ) -> Result<Option<Transaction>, sqlx::Error> {
        let Ok(permit) = Arc::clone(&self.0.free).try_acquire_owned() else { return Ok(None) };
        Transaction::begin(self.with(permit).await?, statements.into_sql_str()).await.map(Some)
    }

    /// The most connections.
    #[must_use]
    pub fn most(&self) -> usize {
        self.0.used.connections
    }

    /// How many connections are in use, and how many are idle.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.most().saturating_sub(self.0.free.available_permits()), self.0.idle().len())
    }

    /// Closes the pool: no new connections, and idle ones are closed.
    pub fn close(&self) {
        self.0.free.close();
        self.0.idle().clear();
    }
}

/// Further pools for the servers of a pool. As long as a pool with the wanted limits is in use, it is shared, so that
/// nobody needs more connections than the settings say.
pub struct FurtherPools {
    pool: Pool,
    open: Mutex<Vec<Weak<Shared>>>,
}

impl FurtherPools {
    /// No further pool.
    #[must_use]
    pub fn of(pool: &Pool) -> Self {
        Self { pool: pool.clone(), open: Mutex::default() }
    }

    /// The pool with these limits.
    #[must_use]
    pub fn with(&self, used: Use) -> Pool {
        let mut open = self.open.lock();
        open.retain(|pool| pool.strong_count() > 0);
        if let Some(pool) = open.iter().filter_map(Weak::upgrade).find(|pool| pool.used == used) {
            return Pool(pool);
        }
        let pool = self.pool.beside(used);
        open.push(Arc::downgrade(&pool.0));
        pool
    }
}

/// Whether Postgres may be back soon.
fn is_passing(error: &sqlx::Error) -> bool {
    match cause(error) {
        sqlx::Error::Io(error) => !matches!(error.kind(), std::io::ErrorKind::PermissionDenied),
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("57P") || code == "53300")
        }
        _ => false,
    }
}

impl<'p> Executor<'p> for &'p Pool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        streamed(async move { (&mut *self.acquire().await?).fetch_many(query).try_collect().await })
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        async move { (&mut *self.acquire().await?).fetch_optional(query).await }.boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'p: 'e,
    {
        async move { (&mut *self.acquire().await?).prepare_with(sql, parameters).await }.boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'p: 'e,
    {
        async move { (&mut *self.acquire().await?).describe(sql).await }.boxed()
    }
}
