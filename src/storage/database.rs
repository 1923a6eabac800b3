//! The Postgres server in use, and the pool of connections to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::StorageError;
pub use super::database_url::{Url, UrlOrigin};
use super::embedded::{Embedded, EmbeddedError, Layout};
use super::failure::DatabaseFailure;
use super::hosts::Hosts;
use super::pool::{Pool, Use};
use super::postgres_version::MIN_MAJOR;
pub use super::url_error::UrlError;
use futures_util::future::join_all;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// Where the data is stored.
#[derive(Debug, Clone)]
pub enum Place {
    /// An external server, by URL.
    Server(Url),
    /// An embedded server, with its data in a directory.
    Embedded(Layout),
}

/// How many connections, and how long to wait for one.
#[derive(Debug, Clone, Copy)]
pub struct PoolSize {
    /// At most this many.
    pub connections: usize,
    /// How long a caller waits for a free one.
    pub acquire_timeout: Duration,
    /// How long a statement may take; `None` for as long as it takes.
    pub statement: Option<Duration>,
}

/// The database: a pool, and the embedded server if there is one.
#[derive(Debug)]
pub struct Database {
    /// Connections.
    pub pool: Pool,
    embedded: Option<Embedded>,
}

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The embedded server does not start.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// The server refuses the connection, or a query failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The URL has a mistake.
    #[error("the database URL {origin} {error}")]
    Url {
        /// Where the URL comes from.
        origin: UrlOrigin,
        /// The mistake.
        error: UrlError,
    },
    /// A pooler in transaction mode is between this service and Postgres: each transaction may run in another
    /// session.
    #[error(
        "database {0}: a pooler in transaction mode cannot be used, because this service needs sessions: it listens for notifications and prepares statements. Set pool_mode = session in PgBouncer, or connect to Postgres directly"
    )]
    PooledByTransaction(String),
    /// The queries need a newer version.
    #[error("database {0}: Postgres {1} is too old: install version {MIN_MAJOR} or newer")]
    TooOld(String, u32),
}

/// The time of Postgres's clock, which all replicas share; or of the frozen clock, if there is one.
///
/// # Errors
/// When Postgres fails.
pub async fn database_now(
    pool: &Pool,
    frozen_at: Option<Timestamp>,
) -> Result<Timestamp, StorageError> {
    if let Some(frozen_at) = frozen_at {
        return Ok(frozen_at);
    }
    let (now,): (jiff_sqlx::Timestamp,) =
        sqlx::query_as("select clock_timestamp()").fetch_one(pool).await?;
    Ok(now.to_jiff())
}

/// How long the check for a pooler may take.
const POOLER_CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether a pooler gives the session to another connection when a transaction ends. Then settings, prepared
/// statements and LISTEN would get lost or mixed up.
async fn is_pooled_by_transaction(hosts: &Hosts) -> Result<bool, sqlx::Error> {
    let session = async |connection: &mut PgConnection, before: &'static str| {
        let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("{before} select pg_backend_pid()")))
            .fetch_all(connection)
            .await?;
        rows.last().ok_or(sqlx::Error::RowNotFound)?.try_get::<i32, _>(0)
    };
    let mut one = hosts.connect("select 1").await?;
    let of_one = session(&mut one, "").await?;
    let mut other = hosts.connect("select 1").await?;
    // While this transaction is open, a pooler must give the first connection another session.
    let of_other = session(&mut other, "begin;").await?;
    Ok(of_one == of_other || session(&mut one, "").await? != of_one)
}

impl Database {
    /// Opens the database. A command beside a running service (`attach`) uses the service's embedded server and
    /// does not start its own.
    ///
    /// # Errors
    /// When the server cannot be started or reached.
    pub async fn open(place: &Place, size: PoolSize, attach: bool) -> Result<Self, OpenError> {
        let (hosts, embedded) = match place {
            Place::Server(url) => {
                let hosts = Hosts::of_url(url)
                    .map_err(|error| OpenError::Url { origin: url.1.clone(), error })?;
                (hosts, None)
            }
            Place::Embedded(layout) => {
                if attach {
                    Self::attach_or_start(layout).await?
                } else {
                    let embedded = Self::start_with_retries(layout).await?;
                    (Hosts::embedded(embedded.connect_options()), Some(embedded))
                }
            }
        };
        let hosts = Arc::new(hosts);
        // One attempt without a timeout: after retries, the error would only be "no connection in time".
        let used =
            Use { connections: 1, timeout: Duration::ZERO, statement: size.statement, setup: "" };
        let (version,): (String,) = sqlx::query_as("show server_version_num")
            .fetch_one(&Pool::new(Arc::clone(&hosts), used))
            .await
            .map_err(|error| StorageError::from(hosts.name_in(error)))?;
        let major = version.parse::<u32>().unwrap_or_default() / 10_000;
        if major < MIN_MAJOR {
            return Err(OpenError::TooOld(hosts.name().to_owned(), major));
        }
        if embedded.is_none() {
            let tried =
                tokio::time::timeout(POOLER_CHECK_TIMEOUT, is_pooled_by_transaction(&hosts)).await;
            if tried
                .unwrap_or_else(|_| Err(DatabaseFailure::Silent.into()))
                .map_err(|error| StorageError::from(hosts.name_in(error)))?
            {
                return Err(OpenError::PooledByTransaction(hosts.name().to_owned()));
            }
        }
        let pool = Pool::new(
            hosts,
            Use { connections: size.connections, timeout: size.acquire_timeout, ..used },
        );
        Ok(Self { pool, embedded })
    }

    /// Starts an embedded server. It waits while a short command uses the data directory.
    async fn start_with_retries(layout: &Layout) -> Result<Embedded, EmbeddedError> {
        let mut retries_left = 50_u32;
        loop {
            match Embedded::start(layout.clone()).await {
                Err(EmbeddedError::InUse(_)) if retries_left > 0 => {
                    retries_left = retries_left.saturating_sub(1);
                }
                done => return done,
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Uses the embedded server of the running service, or starts one. It waits while another short command
    /// uses the data directory.
    async fn attach_or_start(layout: &Layout) -> Result<(Hosts, Option<Embedded>), EmbeddedError> {
        let mut timeout = 100_u32;
        loop {
            if let Some(options) = Embedded::find_running(layout) {
                return Ok((Hosts::embedded(options), None));
            }
            match Embedded::start(layout.clone()).await {
                Ok(embedded) => {
                    return Ok((Hosts::embedded(embedded.connect_options()), Some(embedded)));
                }
                Err(EmbeddedError::InUse(_)) if timeout > 0 => {
                    timeout = timeout.saturating_sub(1);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The number of connections that are possible, if it is smaller than the number needed. Only an external
    /// server may have too few.
    pub async fn lacks_connections(&self, needed: usize) -> Option<usize> {
        if self.embedded.is_some() {
            return None;
        }
        let hosts = self.pool.hosts();
        let had = join_all((0..needed).map(|_| hosts.connect("select 1")))
            .await
            .into_iter()
            .filter(Result::is_ok)
            .count();
        (had < needed).then_some(had)
    }

    /// What an attacker in the network could do, if anything.
    #[must_use]
    pub fn exposure(&self) -> Option<&'static str> {
        self.pool.hosts().exposure()
    }

    /// Whether an external server writes personal data into its log: slow statements with their parameters, or
    /// plans with values. Only a superuser can change that.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn logs_values(&self) -> Result<bool, StorageError> {
        if self.embedded.is_some() {
            return Ok(false);
        }
        let query = sqlx::query_as(
            "select (current_setting('log_min_duration_statement') <> '-1' or current_setting('log_min_duration_sample') <> '-1'
                or current_setting('log_statement') in ('mod', 'all')) and current_setting('log_parameter_max_length') <> '0'
            or coalesce(current_setting('auto_explain.log_min_duration', true), '-1') not in ('', '-1')",
        );
        let (logs,) = query.fetch_one(&self.pool).await?;
        Ok(logs)
    }

    /// The directory of the embedded server's data.
    #[must_use]
    pub fn data_dir(&self) -> Option<PathBuf> {
        self.embedded.as_ref().map(|embedded| embedded.layout().data_dir.clone())
    }

    /// Closes the pool, and stops the embedded server.
    pub async fn close(self) {
        self.pool.close();
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}
