//! A bounded pool of connections to Postgres, on which every statement ends in time.
//!
//! It replaces the library's pool. That one waits forever for a connection that has fallen silent, makes a
//! round trip whenever a connection comes back, and keeps connections to a server that is no longer the
//! primary. Here every statement has a time limit, and a connection that was interrupted, broke or may lead to
//! the wrong server is closed. The library opens the sockets without keepalive, so Postgres sets it at its end.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, TryStreamExt};
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres};
use sqlx::{Describe, Either, Execute, Executor, SqlSafeStr, SqlStr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use super::connection::Connection;
use super::connection::streamed;
use super::failure::{DatabaseFailure, breaks};
use super::hosts::Hosts;

/// Pause before another attempt when Postgres could not be reached.
const PAUSE: Duration = Duration::from_millis(20);

/// How often to check that Postgres still works on a statement without a time limit.
const AT_WORK: Duration = Duration::from_secs(5);

/// The limits of a pool's connections.
#[derive(Debug, Clone, Copy)]
pub struct Use {
    /// The most connections.
    pub connections: usize,
    /// How long a caller waits for a free connection, and for Postgres to come back; zero for a single attempt.
    pub timeout: Duration,
    /// How long a statement may take; `None` for no limit.
    pub statement: Option<Duration>,
    /// Further statements to set up each connection.
    pub setup: &'static str,
}

/// A bounded pool of connections, opened on demand.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    hosts: Arc<Hosts>,
    used: Use,
    setup: String,
    free: Arc<Semaphore>,
    // The connection that was used last is used first, so that unneeded ones grow old.
    idle: Mutex<Vec<Connection>>,
}

/// A connection in use. It returns to its pool unless it is unusable.
pub struct Pooled {
    // Taken on drop.
    connection: Option<Connection>,
    pool: Arc<Inner>,
    _permit: OwnedSemaphorePermit,
}

/// A transaction. If it is neither committed nor rolled back, its connection is closed.
#[must_use]
pub struct Transaction {
    pooled: Pooled,
    is_open: bool,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("used", &self.0.used).finish_non_exhaustive()
    }
}

/// The settings of every connection. Postgres gives up by itself on statements whose client has gone, idle
/// transactions, and silent connections; earlier, if an operator configured that. Acknowledged commits must be
/// on the disk, whatever the server's default is.
fn setup(used: Use) -> String {
    let statement = used.statement.map_or(String::new(), |longest| {
        format!("('statement_timeout', {}), ", longest.as_millis())
    });
    format!(
        "select set_config(ours.name, ours.value::text, false)
        from (values {statement}('idle_in_transaction_session_timeout', 8000), ('client_connection_check_interval', 2000),
            ('tcp_keepalives_idle', 5), ('tcp_keepalives_interval', 2), ('tcp_keepalives_count', 3), ('tcp_user_timeout', 10000))
            as ours (name, value)
        join pg_settings as theirs on theirs.name = ours.name and (theirs.setting::bigint = 0 or theirs.setting::bigint > ours.value);
        select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'; {}",
        if used.setup.is_empty() { "select 1" } else { used.setup }
    )
}

impl Pool {
    /// Creates a pool without opening a connection.
    #[must_use]
    pub fn new(hosts: Arc<Hosts>, used: Use) -> Self {
        let free = Arc::new(Semaphore::new(used.connections));
        Self(Arc::new(Inner { hosts, used, setup: setup(used), free, idle: Mutex::default() }))
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
        Ok(Pooled { connection: Some(connection), pool: Arc::clone(&self.0), _permit: permit })
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
        let (backend,) =
            tokio::time::timeout(AT_WORK, asked).await.map_err(|_| DatabaseFailure::Silent)??;
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
        let mut doubts = 0_u32;
        loop {
            if let Ok(done) = tokio::time::timeout(AT_WORK, &mut work).await {
                return Ok(done);
            }
            let at_work = sqlx::query_as::<_, (bool,)>(query).bind(backend).fetch_one(self).await;
            doubts = if matches!(at_work, Ok((true,))) { 0 } else { doubts.saturating_add(1) };
            if doubts >= 3 {
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

/// Whether Postgres may be back soon.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => !matches!(error.kind(), std::io::ErrorKind::PermissionDenied),
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("57P") || code == "53300")
        }
        _ => false,
    }
}

impl Inner {
    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle();
        idle.retain(Connection::is_good);
        idle.pop()
    }

    async fn connect(&self) -> Result<Connection, sqlx::Error> {
        Connection::open(&self.hosts, &self.setup, self.used.statement).await
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(Connection::is_good)
            && !self.pool.free.is_closed()
        {
            self.pool.idle().push(connection);
        }
    }
}

impl Deref for Pooled {
    type Target = Connection;

    #[expect(clippy::expect_used, reason = "the connection is only taken on drop")]
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a connection until it is dropped")
    }
}

impl DerefMut for Pooled {
    #[expect(clippy::expect_used, reason = "the connection is only taken on drop")]
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a connection until it is dropped")
    }
}

impl Transaction {
    async fn begin(pooled: Pooled, statements: SqlStr) -> Result<Self, sqlx::Error> {
        let mut transaction = Self { pooled, is_open: true };
        match transaction.execute(statements).await {
            Ok(_) => Ok(transaction),
            Err(error) => {
                // Another session held a lock: the connection is still usable.
                if !breaks(&error) {
                    let _ = transaction.rollback().await;
                }
                Err(error)
            }
        }
    }

    /// Commits.
    ///
    /// # Errors
    /// When Postgres fails. Unless the error comes from Postgres itself, it is unknown whether the commit
    /// succeeded.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.end("commit").await
    }

    /// Rolls back.
    ///
    /// # Errors
    /// When Postgres fails. Nothing is committed then either.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.end("rollback").await
    }

    async fn end(mut self, how: &'static str) -> Result<(), sqlx::Error> {
        (&mut *self.pooled).execute(how).await?;
        self.is_open = false;
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.is_open {
            self.pooled.is_usable = false;
        }
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.pooled
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.pooled
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
