//! Connections to Postgres, a bounded number of them, and an end to everything that is asked on them.
//!
//! Not the library's pool: that one waits for ever for a connection that has fallen silent, asks Postgres once more whenever a
//! connection comes back, and keeps connections that lead to a server that is the primary no more. Here every statement ends in
//! time by itself, and what was interrupted, broke or may lead to the wrong server is closed. The sockets are made by the library,
//! which sets no keepalive on them; Postgres is told to set it on its own end.

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

/// How long to wait before Postgres, which just couldn't be reached, is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// How often it is looked whether Postgres still works on what may take as long as it takes.
const AT_WORK: Duration = Duration::from_secs(5);

/// How a pool's connections are used.
#[derive(Debug, Clone, Copy)]
pub struct Use {
    /// At most so many.
    pub connections: usize,
    /// How long a caller waits for a free one, and for Postgres to be back; zero for no second try.
    pub timeout: Duration,
    /// How long a statement may take; `None` for as long as it takes.
    pub statement: Option<Duration>,
    /// What is set on each of them besides.
    pub setup: &'static str,
}

/// A bounded number of connections, made when they are needed.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    hosts: Arc<Hosts>,
    used: Use,
    setup: String,
    free: Arc<Semaphore>,
    // The one that was used last is used first, so that those that are not needed grow old.
    idle: Mutex<Vec<Connection>>,
}

/// A connection in use. It goes back to its pool unless it can't be used again.
pub struct Pooled {
    // Taken when it is dropped.
    connection: Option<Connection>,
    pool: Arc<Inner>,
    _permit: OwnedSemaphorePermit,
}

/// A transaction. Unless it is ended, it ends with its connection.
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

/// What is set on every connection. Postgres is to give up by itself whatever hangs at our end: a statement whose client is gone, a
/// transaction that nobody goes on with, a connection on which nothing arrives; sooner, where an operator wants that. What is
/// acknowledged must be on the disk, whatever the server's default.
fn setup(used: Use) -> String {
    let statement = used.statement.map_or(String::new(), |longest| format!("('statement_timeout', {}), ", longest.as_millis()));
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
    /// No connection is made yet.
    #[must_use]
    pub fn new(hosts: Arc<Hosts>, used: Use) -> Self {
        let free = Arc::new(Semaphore::new(used.connections));
        Self(Arc::new(Inner { hosts, used, setup: setup(used), free, idle: Mutex::default() }))
    }

    /// Another one to the same servers.
    #[must_use]
    pub fn beside(&self, used: Use) -> Self {
        Self::new(Arc::clone(&self.0.hosts), used)
    }

    /// The servers.
    #[must_use]
    pub fn hosts(&self) -> &Arc<Hosts> {
        &self.0.hosts
    }

    /// How to connect to the server that was the primary when it was last asked.
    #[must_use]
    pub fn connect_options(&self) -> sqlx::postgres::PgConnectOptions {
        self.0.hosts.options()
    }

    /// A free connection, or a new one; waits while all are in use, or Postgres is away, as long as its use allows.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn acquire(&self) -> Result<Pooled, sqlx::Error> {
        let timeout = self.0.used.timeout;
        if timeout.is_zero() {
            return self.try_to_acquire().await;
        }
        let mut failure = None;
        let acquired = tokio::time::timeout(timeout, async {
            loop {
                match self.try_to_acquire().await {
                    // Only what may be over in a moment is worth the wait.
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
        let permit = Arc::clone(&self.0.free).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        self.with(permit).await
    }

    async fn with(&self, permit: OwnedSemaphorePermit) -> Result<Pooled, sqlx::Error> {
        let connection = match self.0.take_idle() {
            Some(connection) => connection,
            None => self.0.connect().await?,
        };
        Ok(Pooled { connection: Some(connection), pool: Arc::clone(&self.0), _permit: permit })
    }

    /// A connection of its own, closed in the end, on which a statement may take as long as it takes, and the number of the process
    /// that serves it.
    ///
    /// # Errors
    /// When none can be made.
    pub async fn acquire_within(&self) -> Result<(PgConnection, i32), sqlx::Error> {
        let mut connection = self.0.hosts.connect(&setup(Use { statement: None, ..self.0.used })).await?;
        let asked = sqlx::query_as::<_, (i32,)>("select pg_backend_pid()").fetch_one(&mut connection);
        let (backend,) = tokio::time::timeout(AT_WORK, asked).await.map_err(|_| DatabaseFailure::Silent)??;
        Ok((connection, backend))
    }

    /// Waits for what a process of Postgres does for us, as long as it does something: what comes back may have been lost on the way,
    /// and then nothing ever would.
    ///
    /// # Errors
    /// When it has done nothing for a while, or can't be asked about.
    pub async fn while_at_work<T>(&self, backend: i32, work: impl Future<Output = T>) -> Result<T, sqlx::Error> {
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

    /// Begins a transaction with some statements, of which the first is `begin`.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn begin_with(&self, statements: impl SqlSafeStr) -> Result<Transaction, sqlx::Error> {
        Transaction::begin(self.acquire().await?, statements.into_sql_str()).await
    }

    /// Like [`begin_with`](Self::begin_with); `None` when no connection is free.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn try_begin_with(&self, statements: impl SqlSafeStr) -> Result<Option<Transaction>, sqlx::Error> {
        let Ok(permit) = Arc::clone(&self.0.free).try_acquire_owned() else { return Ok(None) };
        Transaction::begin(self.with(permit).await?, statements.into_sql_str()).await.map(Some)
    }

    /// How many there may be.
    #[must_use]
    pub fn most(&self) -> usize {
        self.0.used.connections
    }

    /// How many are in use, and how many are not.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.most().saturating_sub(self.0.free.available_permits()), self.0.idle().len())
    }

    /// Gives no connection any more, and closes those that are not in use.
    pub fn close(&self) {
        self.0.free.close();
        self.0.idle().clear();
    }
}

/// Whether Postgres may be back in a moment.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => !matches!(error.kind(), std::io::ErrorKind::PermissionDenied),
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P") || code == "53300"),
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

    #[expect(clippy::expect_used, reason = "it is taken when this is dropped, and not before")]
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a connection until it is dropped")
    }
}

impl DerefMut for Pooled {
    #[expect(clippy::expect_used, reason = "it is taken when this is dropped, and not before")]
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
                // Another session was in the way: the connection is as good as before.
                if !breaks(&error) {
                    let _ = transaction.rollback().await;
                }
                Err(error)
            }
        }
    }

    /// Keeps what was done.
    ///
    /// # Errors
    /// When Postgres fails: whether it is kept is not known then, unless the error is Postgres's own.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.end("commit").await
    }

    /// Undoes what was done.
    ///
    /// # Errors
    /// When Postgres fails; nothing is kept then either.
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

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        streamed(async move { (&mut *self.acquire().await?).fetch_many(query).try_collect().await })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        async move { (&mut *self.acquire().await?).fetch_optional(query).await }.boxed()
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
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
