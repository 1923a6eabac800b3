//! Queries Postgres for lookups: gets a connection, retries on another one if it breaks, until the deadline. It also
//! knows whether Postgres is unavailable.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::query::Question;
use super::query_customers;
use super::query_customers::{FoundCustomer, ReadRules};
use crate::brand::Brand;
use crate::customer::model::identifier::Identifier;
use crate::storage::StorageError;
use crate::storage::pool::{Connection, Pool};

/// Answers lookups from Postgres if the cache has no answer.
pub struct LookupRepository {
    pool: Pool,
    rules: ReadRules,
    deadline: Duration,
    // Since when no query was answered.
    unavailable_since: watch::Sender<Option<Instant>>,
}

/// Takes the answer to a lookup, by its number in the query, as soon as it has arrived. `None` stands for an answer that
/// other settings rendered.
pub type TakeAnswer<'a> = dyn FnMut(usize, Option<FoundCustomer>) + Send + 'a;

/// The lookups of one query.
#[derive(Clone, Copy)]
pub enum BatchMode<'a> {
    /// Addresses of one brand, in one round trip.
    Batch(&'a [Identifier]),
    /// One lookup, with as many round trips as it needs.
    Single(&'a Question),
}

/// Why a query failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryError {
    /// Postgres rejected the query, or failed.
    Failed,
    /// Postgres cannot be reached, or did not answer in time.
    Unavailable,
}

/// The pause before Postgres is tried again after a failed connection.
const PAUSE: Duration = Duration::from_millis(20);

impl LookupRepository {
    /// A repository that has made no query.
    #[must_use]
    pub fn new(pool: Pool, rules: ReadRules, deadline: Duration) -> Self {
        Self { pool, rules, deadline, unavailable_since: watch::Sender::new(None) }
    }

    /// Passes on the answers in the order of the lookups. If Postgres is unavailable, it retries until the deadline, so
    /// that a restart of Postgres goes unnoticed; lookups that are answered are not asked again. If Postgres has been
    /// unavailable for longer than the deadline, it does not retry.
    ///
    /// # Errors
    /// When Postgres failed or is unavailable. Some answers may have been passed on.
    pub async fn ask(
        &self,
        brand: &Brand,
        asked: BatchMode<'_>,
        take: &mut TakeAnswer<'_>,
    ) -> Result<(), QueryError> {
        let asking = self.ask_until_answered(brand, asked, take);
        match tokio::time::timeout(self.deadline, asking).await {
            Ok(Ok(())) => {
                self.note_available();
                Ok(())
            }
            Ok(Err(unanswered)) => Err(unanswered),
            Err(_) => {
                self.note_unavailable("no answer within the deadline");
                Err(QueryError::Unavailable)
            }
        }
    }

    async fn ask_until_answered(
        &self,
        brand: &Brand,
        asked: BatchMode<'_>,
        take: &mut TakeAnswer<'_>,
    ) -> Result<(), QueryError> {
        // After a restart of Postgres, all pooled connections may be dead. They are tried without a pause.
        let mut dead = self.pool.most();
        let mut answered = 0;
        loop {
            let error = match self.pool.acquire().await.map_err(StorageError::from) {
                Ok(mut db) => match self.read(&mut db, brand, asked, &mut answered, take).await {
                    Ok(()) => return Ok(()),
                    Err(error) if error.is_unavailable() => error,
                    Err(error) => {
                        tracing::error!(%error, "lookup query failed");
                        return Err(QueryError::Failed);
                    }
                },
                Err(error) => {
                    dead = 0;
                    error
                }
            };
            let away_for = self.note_unavailable(&error.to_string());
            if dead == 0 {
                if away_for > self.deadline {
                    return Err(QueryError::Unavailable);
                }
                tokio::time::sleep(PAUSE).await;
            }
            dead = dead.saturating_sub(1);
        }
    }

    /// Passes on the answers to the lookups that are not answered yet. `answered` says how many of a batch are: always the
    /// first ones.
    async fn read(
        &self,
        db: &mut Connection,
        brand: &Brand,
        asked: BatchMode<'_>,
        answered: &mut usize,
        take: &mut TakeAnswer<'_>,
    ) -> Result<(), StorageError> {
        match asked {
            BatchMode::Batch(addresses) => {
                let first = *answered;
                let others = addresses.get(first..).unwrap_or_default();
                query_customers::find_batch(db, brand, others, self.rules, |n, found| {
                    let n = first.saturating_add(n);
                    *answered = n.saturating_add(1);
                    take(n, found);
                })
                .await
            }
            BatchMode::Single(question) => {
                let found = query_customers::find_on(db, brand, question, self.rules).await?;
                take(0, Some(found));
                Ok(())
            }
        }
    }

    fn note_available(&self) {
        if self.is_unavailable() && self.unavailable_since.send_replace(None).is_some() {
            tracing::info!("Postgres answers lookups again");
        }
    }

    /// Records that Postgres is unavailable, and returns for how long. It is logged once, not at every lookup.
    fn note_unavailable(&self, reason: &str) -> Duration {
        let now = Instant::now();
        let is_first = self.unavailable_since.send_if_modified(|since| {
            let is_first = since.is_none();
            since.get_or_insert(now);
            is_first
        });
        if is_first {
            tracing::error!(
                reason,
                "Postgres does not answer lookups; expired cached answers are returned"
            );
        }
        self.unavailable_since.borrow().unwrap_or(now).elapsed()
    }

    /// Whether the last query was not answered.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.unavailable_since.borrow().is_some()
    }

    /// Completes as soon as Postgres is unavailable.
    pub async fn until_unavailable(&self) {
        // The channel cannot close, because `self` holds its sender.
        let _ = self.unavailable_since.subscribe().wait_for(Option::is_some).await;
    }

    /// The largest number of connections.
    #[must_use]
    pub fn most_connections(&self) -> usize {
        self.pool.most()
    }

    /// The number of connections in use, and of idle ones.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        self.pool.counts()
    }
}
