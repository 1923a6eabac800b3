//! A connection to Postgres, and an end to everything that is asked on it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres};
use sqlx::{Describe, Either, Execute, Executor, SqlStr};

use super::failure::{DatabaseFailure, breaks};
use super::hosts::Hosts;

/// How long the oldest connection lives: the server's memory of it and a forgotten plan end with it.
const LONGEST_LIFE: Duration = Duration::from_mins(30);

/// How much longer than Postgres itself is waited for its word that a statement took too long.
const GRACE: Duration = Duration::from_millis(500);

/// What nobody waits for any more after that long counts as unanswered.
const UNANSWERED: Duration = Duration::from_millis(500);

/// How often it is looked whether Postgres answers anything at all, while a statement is waited for.
const LOOK: Duration = Duration::from_secs(1);

/// A connection to Postgres on which every statement ends in time.
pub struct Connection {
    raw: PgConnection,
    hosts: Arc<Hosts>,
    statement: Option<Duration>,
    made_at: Instant,
    /// Since when a statement is under way.
    asked_at: Option<Instant>,
    /// None was interrupted, and nothing broke.
    pub(super) is_usable: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("is_usable", &self.is_usable).finish_non_exhaustive()
    }
}

impl Connection {
    /// A new one, to the primary.
    pub(super) async fn open(hosts: &Arc<Hosts>, setup: &str, statement: Option<Duration>) -> Result<Self, sqlx::Error> {
        let raw = hosts.connect(setup).await.inspect_err(|error| {
            // What does not let us in any more has thrown us out; that it can't be found or refuses a password says nothing of that.
            if is_deleted(error) {
                hosts.note_break();
            }
        })?;
        let made_at = Instant::now();
        hosts.note_answer(made_at);
        Ok(Self { raw, hosts: Arc::clone(hosts), statement, made_at, asked_at: None, is_usable: true })
    }

    /// Whether it may be used once more.
    pub(super) fn is_good(&self) -> bool {
        self.is_usable && self.made_at.elapsed() < LONGEST_LIFE && self.hosts.trusts(self.made_at)
    }

    /// Does something on it, that is ended if it takes too long.
    async fn in_time<T: Send>(&mut self, ask: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        let began_at = Instant::now();
        self.is_usable = false;
        self.asked_at = Some(began_at);
        let asked = ask(&mut self.raw);
        tokio::pin!(asked);
        let done = loop {
            let Some(longest) = self.statement.map(|longest| longest.saturating_add(GRACE)) else { break asked.await };
            let left = longest.saturating_sub(began_at.elapsed());
            match tokio::time::timeout(left.min(LOOK), &mut asked).await {
                Ok(done) => break done,
                Err(_) if left < LOOK || self.hosts.is_given_up(self.made_at, began_at) => break Err(DatabaseFailure::Silent.into()),
                Err(_) => {}
            }
        };
        self.asked_at = None;
        match &done {
            Ok(_) => self.hosts.note_answer(self.made_at),
            Err(sqlx::Error::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut => {
                self.hosts.note_silence(self.made_at, began_at);
                return done;
            }
            Err(error) if breaks(error) => {
                self.hosts.note_break();
                return done;
            }
            // Postgres itself says no: it is there.
            Err(sqlx::Error::Database(_)) => self.hosts.note_answer(self.made_at),
            Err(_) => {}
        }
        self.is_usable = true;
        done
    }
}

/// Whether the server went away that there are connections to.
fn is_deleted(error: &sqlx::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, NotFound, ReadOnlyFilesystem};
    match error {
        sqlx::Error::Io(error) => [ConnectionAborted, ConnectionRefused, ConnectionReset, NotFound, ReadOnlyFilesystem].contains(&error.kind()),
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P0") || code == "55000"),
        _ => false,
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.hosts.note_end(self.made_at);
        // Whoever asked waited no longer: a lookup, for one, ends at its deadline.
        if let Some(began_at) = self.asked_at.filter(|at| at.elapsed() > UNANSWERED) {
            self.hosts.note_silence(self.made_at, began_at);
        }
    }
}

pub(super) type Rows = Vec<Either<PgQueryResult, PgRow>>;

/// Rows that are all here, as the library wants them.
pub(super) fn streamed<'e>(
    rows: impl Future<Output = Result<Rows, sqlx::Error>> + Send + 'e,
) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>> {
    stream::once(rows).map_ok(|rows| stream::iter(rows.into_iter().map(Ok))).try_flatten().boxed()
}

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        streamed(async move { self.in_time(async |raw| raw.fetch_many(query).try_collect().await).await })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        async move { self.in_time(async |raw| raw.fetch_optional(query).await).await }.boxed()
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        async move { self.in_time(async |raw| raw.prepare_with(sql, parameters).await).await }.boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'c: 'e,
    {
        async move { self.in_time(async |raw| raw.describe(sql).await).await }.boxed()
    }
}
