//! A connection to Postgres on which every statement ends in time.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use sqlx::postgres::{
    PgArguments, PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres,
};
use sqlx::query::QueryAs;
use sqlx::{Describe, Either, Execute, Executor, FromRow, SqlStr};

use super::failure::{DatabaseFailure, breaks, cause};
use super::hosts::Hosts;

/// The longest lifetime of a connection. It limits the memory that the server keeps for it, and the age of its
/// query plans.
const MAX_LIFETIME: Duration = Duration::from_mins(30);

/// How much longer than Postgres's own statement timeout this side waits.
const TIMEOUT_MARGIN: Duration = Duration::from_millis(500);

/// A statement that was abandoned after this time counts as unanswered.
const UNANSWERED_AFTER: Duration = Duration::from_millis(500);

/// How often a waiting statement checks whether Postgres answers at all.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A connection to Postgres on which every statement ends in time.
pub struct Connection {
    raw: PgConnection,
    hosts: Arc<Hosts>,
    statement: Option<Duration>,
    made_at: Instant,
    /// When the current statement began.
    asked_at: Option<Instant>,
    /// No statement was interrupted, and the connection is not broken.
    pub(super) is_usable: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("is_usable", &self.is_usable).finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens a connection to the primary.
    pub(super) async fn open(
        hosts: &Arc<Hosts>,
        setup: &str,
        statement: Option<Duration>,
    ) -> Result<Self, sqlx::Error> {
        let raw = hosts.connect(setup).await.inspect_err(|error| {
            // A server that refuses or resets the connection has probably closed the others too. A wrong name
            // or password does not say that.
            if is_server_lost(error) {
                hosts.trust.note_break();
            }
        })?;
        let made_at = Instant::now();
        hosts.trust.note_answer(made_at);
        Ok(Self {
            raw,
            hosts: Arc::clone(hosts),
            statement,
            made_at,
            asked_at: None,
            is_usable: true,
        })
    }

    /// Whether the connection can be used again.
    pub(super) fn is_good(&self) -> bool {
        self.is_usable
            && self.made_at.elapsed() < MAX_LIFETIME
            && self.hosts.trust.trusts(self.made_at)
    }

    /// Runs a query, and passes on each row as soon as it has arrived, up to the first one that cannot be read.
    ///
    /// # Errors
    /// When Postgres fails, or a row cannot be decoded or taken. Some rows may have been passed on.
    pub async fn each_row<T, E>(
        &mut self,
        query: QueryAs<'_, Postgres, T, PgArguments>,
        mut take: impl FnMut(T) -> Result<(), E> + Send,
    ) -> Result<(), E>
    where
        T: for<'r> FromRow<'r, PgRow> + Send,
        E: From<sqlx::Error> + Send,
    {
        let taken = self.in_time(async move |raw| {
            let (mut rows, mut taken) = (raw.fetch(query), Ok(()));
            // All rows are read, so that nothing of this result is left when the connection is used again.
            while let Some(row) = rows.try_next().await? {
                if taken.is_ok() {
                    taken = T::from_row(&row).map_err(E::from).and_then(&mut take);
                }
            }
            Ok(taken)
        });
        taken.await?
    }

    /// Runs a statement and ends it if it takes too long.
    async fn in_time<T: Send>(
        &mut self,
        ask: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let began_at = Instant::now();
        self.is_usable = false;
        self.asked_at = Some(began_at);
        let asked = ask(&mut self.raw);
        tokio::pin!(asked);
        let done = loop {
            let Some(longest) =
                self.statement.map(|longest| longest.saturating_add(TIMEOUT_MARGIN))
            else {
                break asked.await;
            };
            let left = longest.saturating_sub(began_at.elapsed());
            match tokio::time::timeout(left.min(CHECK_INTERVAL), &mut asked).await {
                Ok(done) => break done,
                Err(_)
                    if left < CHECK_INTERVAL
                        || self.hosts.trust.is_given_up(self.made_at, began_at) =>
                {
                    break Err(DatabaseFailure::Silent.into());
                }
                Err(_) => {}
            }
        };
        self.asked_at = None;
        match &done {
            Ok(_) => self.hosts.trust.note_answer(self.made_at),
            Err(sqlx::Error::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut => {
                self.hosts.trust.note_silence(self.made_at, began_at);
                return done;
            }
            Err(error) if breaks(error) => {
                self.hosts.trust.note_break();
                return done;
            }
            // Postgres answered with an error, so the connection works.
            Err(sqlx::Error::Database(_)) => self.hosts.trust.note_answer(self.made_at),
            Err(_) => {}
        }
        self.is_usable = true;
        done
    }
}

/// Whether the server of the existing connections is no longer there.
fn is_server_lost(error: &sqlx::Error) -> bool {
    use std::io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, NotFound, ReadOnlyFilesystem,
    };
    match cause(error) {
        sqlx::Error::Io(error) => {
            [ConnectionAborted, ConnectionRefused, ConnectionReset, NotFound, ReadOnlyFilesystem]
                .contains(&error.kind())
        }
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("57P0") || code == "55000")
        }
        _ => false,
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.hosts.trust.note_end(self.made_at);
        // The caller stopped waiting: a lookup, for example, ends at its deadline.
        if let Some(began_at) = self.asked_at.filter(|at| at.elapsed() > UNANSWERED_AFTER) {
            self.hosts.trust.note_silence(self.made_at, began_at);
        }
    }
}

pub(super) type Rows = Vec<Either<PgQueryResult, PgRow>>;

/// Rows that have arrived completely, as the stream that the library expects.
pub(super) fn streamed<'e>(
    rows: impl Future<Output = Result<Rows, sqlx::Error>> + Send + 'e,
) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>> {
    stream::once(rows).map_ok(|rows| stream::iter(rows.into_iter().map(Ok))).try_flatten().boxed()
}

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        streamed(async move {
            self.in_time(async |raw| raw.fetch_many(query).try_collect().await).await
        })
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        async move { self.in_time(async |raw| raw.fetch_optional(query).await).await }.boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        async move { self.in_time(async |raw| raw.prepare_with(sql, parameters).await).await }
            .boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'c: 'e,
    {
        async move { self.in_time(async |raw| raw.describe(sql).await).await }.boxed()
    }
}
