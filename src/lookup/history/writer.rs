//! Writes answered lookups, in batches: at most [`MAX_ROWS`] in [`BATCH_WAIT`], so that it leaves Postgres to lookups and
//! changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::answered_lookup::AnsweredLookup;
use crate::jobs::tasks::BackgroundTasks;
use crate::storage::StorageError;
use crate::storage::lookup_history::insert_lookups;
use crate::storage::pool::Pool;
use crate::storage::suppressions::SuppressionHasher;

/// The most lookups in a batch.
pub const MAX_ROWS: usize = 100;

/// The pause between two batches. Lookups that are answered meanwhile form the next one.
pub const BATCH_WAIT: Duration = Duration::from_millis(200);

/// The most lookups in a batch during a shutdown.
const LAST_ROWS: usize = 1_000;

/// How long a shutdown waits for the last lookups. All background tasks together may take two seconds.
const LAST_WRITE: Duration = Duration::from_secs(1);

pub(super) struct HistoryWriter {
    pool: Pool,
    waiting: mpsc::Receiver<AnsweredLookup>,
    batch: Vec<AnsweredLookup>,
    // A failure is logged once, not at every batch.
    is_failing: bool,
}

impl HistoryWriter {
    pub(super) const fn new(pool: Pool, waiting: mpsc::Receiver<AnsweredLookup>) -> Self {
        Self { pool, waiting, batch: Vec::new(), is_failing: false }
    }

    /// Writes lookups until the shutdown, and then those that wait.
    pub(super) async fn run(mut self, background: BackgroundTasks) {
        let writing = async {
            while self.collect().await {
                self.write().await;
            }
        };
        tokio::select! {
            () = writing => {}
            () = background.until_ending() => {}
        }
        // A batch that was interrupted is written again.
        let _ = timeout(LAST_WRITE, self.write_rest()).await;
        let left = self.batch.len().saturating_add(self.waiting.len());
        count_dropped("shutdown", number(left));
    }

    /// Waits for a lookup, and then a moment for further ones. False if there will be none.
    async fn collect(&mut self) -> bool {
        if self.batch.is_empty() {
            let Some(first) = self.waiting.recv().await else { return false };
            self.batch.push(first);
        }
        sleep(BATCH_WAIT).await;
        self.fill(MAX_ROWS);
        true
    }

    /// Adds lookups that wait.
    fn fill(&mut self, most: usize) {
        while self.batch.len() < most {
            let Ok(next) = self.waiting.try_recv() else { break };
            self.batch.push(next);
        }
    }

    async fn write_rest(&mut self) {
        loop {
            self.fill(LAST_ROWS);
            if self.batch.is_empty() || !self.write().await {
                return;
            }
        }
    }

    /// Writes the batch. While Postgres is unavailable, the batch waits for the next attempt: people ask most about what
    /// agents saw meanwhile. Then this is false. A batch that Postgres would always reject is dropped.
    async fn write(&mut self) -> bool {
        while let Some(brand) = self.batch.first().map(|lookup| Arc::clone(&lookup.key.brand)) {
            let is_of_brand = |lookup: &AnsweredLookup| lookup.key.brand.id() == brand.id();
            let hasher = SuppressionHasher::new(&brand.suppression_key);
            let of_brand = self.batch.iter().filter(|lookup| is_of_brand(lookup));
            let rows: Vec<_> = of_brand.map(|lookup| lookup.row(&hasher)).collect();
            let lookups = number(rows.len());
            let written = insert_lookups(&self.pool, brand.id(), &rows).await;
            drop(rows);
            if !self.note(lookups, written) {
                return false;
            }
            self.batch.retain(|lookup| !is_of_brand(lookup));
        }
        true
    }

    /// Counts lookups that were to be written, and logs when it begins to fail and when it works again. False if they
    /// are to be written again.
    fn note(&mut self, lookups: u64, written: Result<u64, StorageError>) -> bool {
        let error = match written {
            Ok(written) => {
                metrics::counter!("hookpoint_lookup_history_written_total").increment(written);
                count_dropped("erased", lookups.saturating_sub(written));
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!("the lookup history is written again");
                }
                return true;
            }
            Err(error) => error,
        };
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(%error, "the lookup history cannot be written");
        }
        if error.is_retryable() {
            return false;
        }
        count_dropped("write_failed", lookups);
        true
    }
}

fn number(lookups: usize) -> u64 {
    u64::try_from(lookups).unwrap_or(u64::MAX)
}

/// Counts lookups that are not written.
pub(super) fn count_dropped(reason: &'static str, lookups: u64) {
    metrics::counter!("hookpoint_lookup_history_dropped_total", "reason" => reason)
        .increment(lookups);
}
