//! Which Postgres, and the pool of connections to it.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};

use super::StorageError;
use super::embedded::{Embedded, EmbeddedError, Layout};

/// Where the data is kept.
#[derive(Debug, Clone)]
pub enum Place {
    /// A server that somebody else runs, by URL.
    Server(Url),
    /// A server of our own, with its data in a directory.
    Embedded(Layout),
}

/// A connection URL, which may hold a password.
#[derive(Clone)]
pub struct Url(pub String);

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// How many connections, and how long to wait for one.
#[derive(Debug, Clone, Copy)]
pub struct PoolSize {
    /// At most this many.
    pub connections: u32,
    /// How long a caller waits for a free one.
    pub acquire_timeout: Duration,
}

/// The store: a pool, and the server behind it if it is ours.
#[derive(Debug)]
pub struct Database {
    /// Connections.
    pub pool: PgPool,
    embedded: Option<Embedded>,
}

/// The store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Our own server doesn't start.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// The server refuses, or is too old.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Postgres 15 is the oldest that the queries are written for.
    #[error("Postgres {0} is too old: 15 or newer is needed")]
    TooOld(i32),
}

/// Now, by Postgres's clock, which all replicas share; by a frozen one where there is one.
///
/// # Errors
/// When Postgres fails.
pub async fn database_now(pool: &PgPool, frozen_at: Option<Timestamp>) -> Result<Timestamp, StorageError> {
    if let Some(frozen_at) = frozen_at {
        return Ok(frozen_at);
    }
    let (now,): (jiff_sqlx::Timestamp,) = sqlx::query_as("select clock_timestamp()").fetch_one(pool).await?;
    Ok(now.to_jiff())
}

impl Database {
    /// Opens the store. A command beside a running service (`attach`) uses the service's embedded server instead of
    /// starting one.
    ///
    /// # Errors
    /// When the server can't be started or reached.
    pub async fn open(place: &Place, size: PoolSize, attach: bool) -> Result<Self, OpenError> {
        let (options, embedded) = match place {
            Place::Server(Url(url)) => (PgConnectOptions::from_str(url).map_err(StorageError::from)?, None),
            Place::Embedded(layout) => {
                if attach {
                    Self::attach_or_start(layout).await?
                } else {
                    let embedded = Embedded::start(layout.clone()).await?;
                    (embedded.connect_options(), Some(embedded))
                }
            }
        };
        // One connection first: a pool would go on trying, and say in the end only that it took too long.
        let mut first = options.connect().await.map_err(StorageError::from)?;
        let (version,): (String,) = sqlx::query_as("show server_version_num").fetch_one(&mut first).await.map_err(StorageError::from)?;
        let _ = first.close().await;
        let major = version.parse::<i32>().unwrap_or_default() / 10_000;
        if major < 15 {
            return Err(OpenError::TooOld(major));
        }
        let pool = connect(options, size).await?;
        Ok(Self { pool, embedded })
    }

    /// The server of the running service, or one of our own; another short command is waited for.
    async fn attach_or_start(layout: &Layout) -> Result<(PgConnectOptions, Option<Embedded>), EmbeddedError> {
        let mut patience = 100_u32;
        loop {
            if let Some(options) = Embedded::find_running(layout) {
                return Ok((options, None));
            }
            match Embedded::start(layout.clone()).await {
                Ok(embedded) => return Ok((embedded.connect_options(), Some(embedded))),
                Err(EmbeddedError::InUse(_)) if patience > 0 => {
                    patience = patience.saturating_sub(1);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether somebody else's server writes into its log what customers are known by: a slow statement with its parameters,
    /// or a plan with its values. Only a superuser can change that.
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

    /// Closes the pool, and stops the server if it is ours.
    pub async fn close(self) {
        // A server that hangs must not keep us from ending.
        let _ = tokio::time::timeout(Duration::from_secs(5), self.pool.close()).await;
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// A pool over some options.
///
/// # Errors
/// When no connection can be made.
pub async fn connect(options: PgConnectOptions, size: PoolSize) -> Result<PgPool, StorageError> {
    // Statements are not logged: their text is ours, but a slow one's log line would carry nothing an operator can use.
    let options = options.disable_statement_logging().application_name("hookpoint");
    let pool = PgPoolOptions::new()
        .max_connections(size.connections)
        .acquire_timeout(size.acquire_timeout)
        // A ping before every query would double the round trips of a lookup; a dead connection fails and is replaced.
        .test_before_acquire(false)
        // An acknowledged webhook must be on the disk, whatever the server's default.
        .after_connect(|connection, _| {
            let durable = "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";
            Box::pin(async move { sqlx::query(durable).execute(connection).await.map(drop) })
        });
    Ok(pool.connect_with(options).await?)
}
