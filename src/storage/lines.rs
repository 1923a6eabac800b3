//! Connections that only lookups use, so that no other work makes them wait.
//!
//! Not a pool of the library: that one asks Postgres once more whenever a connection comes back, which doubles what a lookup
//! costs, and goes on trying while Postgres is away, when a lookup wants to know that at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection, PgPool};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::StorageError;

/// A bounded number of connections, made when they are needed.
pub struct Lines {
    options: Arc<PgConnectOptions>,
    setup: String,
    most: usize,
    free: Semaphore,
    idle: Mutex<Vec<PgConnection>>,
}

/// A connection that is in use. It is closed unless it is given back: what was interrupted can't be used again.
pub struct Line<'a> {
    /// The connection.
    pub connection: PgConnection,
    lines: &'a Lines,
    _permit: SemaphorePermit<'a>,
}

impl Lines {
    /// To where the pool goes. Postgres itself ends what takes longer than `longest`.
    #[must_use]
    pub fn new(pool: &PgPool, most: usize, longest: Duration) -> Self {
        // Plans that fit any address are made once per connection.
        let setup = format!("set statement_timeout = {}; set plan_cache_mode = force_generic_plan; set jit = off", longest.as_millis());
        Self { options: pool.connect_options(), setup, most, free: Semaphore::new(most), idle: Mutex::default() }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A free connection, or a new one; waits while all are in use.
    ///
    /// # Errors
    /// When no connection can be made.
    pub async fn take(&self) -> Result<Line<'_>, StorageError> {
        let permit = self.free.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let mut connection = self.options.connect().await?;
                sqlx::raw_sql(sqlx::AssertSqlSafe(self.setup.clone())).execute(&mut connection).await?;
                connection
            }
        };
        Ok(Line { connection, lines: self, _permit: permit })
    }

    /// How many there may be.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.most
    }

    /// How many are in use, and how many are not.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.most.saturating_sub(self.free.available_permits()), self.idle().len())
    }
}

impl Line<'_> {
    /// Leaves the connection to the next one.
    pub fn give_back(self) {
        self.lines.idle().push(self.connection);
    }
}
