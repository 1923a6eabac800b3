//! Asking Postgres for a lookup: a connection, another when it breaks, until the deadline; and whether Postgres is away.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::query::Question;
use super::query_customers;
use super::query_customers::{FoundCustomer, ReadRules};
use crate::brand::Brand;
use crate::customer::model::identifier::Identifier;
use crate::storage::StorageError;
use crate::storage::pool::{Connection, Pool};

/// Where lookups are answered when nothing is remembered.
pub struct LookupRepository {
    pool: Pool,
    rules: ReadRules,
    deadline: Duration,
    // Since when nothing asked has been answered.
    unavailable_since: Mutex<Option<Instant>>,
}

/// What is asked in one go.
#[derive(Clone, Copy)]
pub enum BatchMode<'a> {
    /// Addresses of one brand: a round trip for all. What other settings rendered stays unanswered.
    Batch(&'a [&'a Identifier]),
    /// One question, whatever it takes.
    Single(&'a Question),
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryError {
    /// The store refused this, or failed at it.
    Failed,
    /// Nobody is there, or not in time.
    Unavailable,
}

/// How long to wait before Postgres, which just couldn't be reached, is tried again.
const PAUSE: Duration = Duration::from_millis(20);

impl LookupRepository {
    /// Nothing has been asked yet.
    #[must_use]
    pub const fn new(pool: Pool, rules: ReadRules, deadline: Duration) -> Self {
        Self { pool, rules, deadline, unavailable_since: Mutex::new(None) }
    }

    /// The answers, in the order of what was asked. `on_away` is called whenever Postgres turns out to be away. It is tried
    /// again until the deadline, so that nobody notices a restart; once it has been away for longer than that, not any more.
    ///
    /// # Errors
    /// When it refused or failed, or is away.
    pub async fn ask(&self, brand: &Brand, asked: BatchMode<'_>, on_away: impl Fn() + Sync) -> Result<Vec<Option<FoundCustomer>>, QueryError> {
        match tokio::time::timeout(self.deadline, self.ask_until_answered(brand, asked, &on_away)).await {
            Ok(Ok(found)) => {
                if self.unavailable_since().take().is_some() {
                    tracing::info!("the store answers lookups again");
                }
                Ok(found)
            }
            Ok(Err(unanswered)) => Err(unanswered),
            Err(_) => {
                self.note_unavailable("the store did not answer a lookup within the deadline");
                on_away();
                Err(QueryError::Unavailable)
            }
        }
    }

    async fn ask_until_answered(
        &self,
        brand: &Brand,
        asked: BatchMode<'_>,
        on_away: &(impl Fn() + Sync),
    ) -> Result<Vec<Option<FoundCustomer>>, QueryError> {
        // A server that came back leaves us with connections that are all dead: they are tried without a pause.
        let mut dead = self.pool.most();
        loop {
            let error = match self.pool.acquire().await.map_err(StorageError::from) {
                Ok(mut connection) => match self.read(&mut connection, brand, asked).await {
                    Ok(found) => return Ok(found),
                    Err(error) if error.is_unavailable() => error,
                    Err(error) => {
                        tracing::error!(%error, "the store could not answer a lookup");
                        return Err(QueryError::Failed);
                    }
                },
                Err(error) => {
                    dead = 0;
                    error
                }
            };
            let away_for = self.note_unavailable(&error.to_string());
            on_away();
            if dead == 0 {
                if away_for > self.deadline {
                    return Err(QueryError::Unavailable);
                }
                tokio::time::sleep(PAUSE).await;
            }
            dead = dead.saturating_sub(1);
        }
    }

    async fn read(&self, db: &mut Connection, brand: &Brand, asked: BatchMode<'_>) -> Result<Vec<Option<FoundCustomer>>, StorageError> {
        match asked {
            BatchMode::Batch(addresses) => query_customers::find_batch(db, brand, addresses, self.rules).await,
            BatchMode::Single(question) => query_customers::find_on(db, brand, question, self.rules).await.map(|found| vec![Some(found)]),
        }
    }

    /// For how long it has been away. Said once, not once for every lookup.
    fn note_unavailable(&self, reason: &str) -> Duration {
        let mut unavailable_since = self.unavailable_since();
        if unavailable_since.is_none() {
            tracing::error!(reason, "the store could not answer a lookup: remembered answers are given until it can");
        }
        unavailable_since.get_or_insert_with(Instant::now).elapsed()
    }

    fn unavailable_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.unavailable_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the last thing asked was not answered.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.unavailable_since().is_some()
    }

    /// The most connections there may be.
    #[must_use]
    pub fn most_connections(&self) -> usize {
        self.pool.most()
    }

    /// Connections in use, and idle.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        self.pool.counts()
    }
}
