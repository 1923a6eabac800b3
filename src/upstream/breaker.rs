//! The circuit breaker of an account. After several failures in a row, calls stop for a while. Then one call checks
//! whether the source is back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::error::CallError;
use crate::jobs::tasks::BackgroundTasks;
use crate::storage::pool::Pool;
use crate::storage::upstream_accounts::{AccountKey, HealthRow, add_health};

/// The shortest time between two saves of the health of an account, unless the circuit opens or closes.
const MIN_SAVE_INTERVAL: Duration = Duration::from_secs(5);

/// The circuit breaker of an account.
pub(super) struct Breaker {
    pool: Pool,
    key: AccountKey,
    brand: String,
    background: BackgroundTasks,
    after: u32,
    open_duration: Duration,
    health: Mutex<Health>,
    /// Held while the health is written.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Health {
    failures_in_a_row: u32,
    open_until: Option<Instant>,
    is_probing: bool,
    unsaved: Unsaved,
    written_at: Option<Instant>,
    will_be_written: bool,
}

/// Results that are not saved yet.
#[derive(Default)]
struct Unsaved {
    succeeded_at: Option<Instant>,
    failed_at: Option<Instant>,
    failure: String,
}

/// The decision about a call.
pub(super) enum Admission {
    /// The circuit is closed: the call may be made.
    Granted,
    /// The call checks whether the source is back.
    Probe(Probe),
    /// The circuit is open: the call is rejected.
    Refused,
}

/// The permission to check the source. Only one exists at a time.
pub(super) struct Probe(Arc<Breaker>);

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.health.lock().is_probing = false;
    }
}

impl Breaker {
    pub(super) fn new(
        pool: &Pool,
        key: AccountKey,
        brand: &str,
        after: u32,
        open_duration: Duration,
        background: &BackgroundTasks,
    ) -> Arc<Self> {
        let (pool, brand, background) = (pool.clone(), brand.to_owned(), background.clone());
        Arc::new(Self {
            pool,
            key,
            brand,
            background,
            after,
            open_duration,
            health: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn admit(self: &Arc<Self>) -> Admission {
        let mut health = self.health.lock();
        match health.open_until {
            None => Admission::Granted,
            Some(until) if health.is_probing || Instant::now() < until => Admission::Refused,
            Some(_) => {
                health.is_probing = true;
                Admission::Probe(Probe(Arc::clone(self)))
            }
        }
    }

    /// Whether a call would be made, also as the one that checks the source.
    pub(super) fn is_closed(&self) -> bool {
        let health = self.health.lock();
        health.open_until.is_none_or(|until| !health.is_probing && Instant::now() >= until)
    }

    /// Records the result of a call.
    pub(super) fn note(self: &Arc<Self>, error: Option<&CallError>) {
        let mut health = self.health.lock();
        let was_open = health.open_until.is_some();
        match error {
            Some(error) if error.is_fault() => {
                health.failures_in_a_row = health.failures_in_a_row.saturating_add(1);
            }
            Some(error) if !error.is_answer() => return,
            _ => (health.failures_in_a_row, health.open_until) = (0, None),
        }
        let now = Instant::now();
        match error {
            Some(error) => {
                (health.unsaved.failed_at, health.unsaved.failure) = (Some(now), error.to_string());
            }
            None => health.unsaved.succeeded_at = Some(now),
        }
        if health.failures_in_a_row >= self.after {
            health.open_until = Some(now + self.open_duration);
        }
        let is_open = health.open_until.is_some();
        let (brand, source) = (self.brand.as_str(), self.key.source.as_str());
        if is_open != was_open {
            metrics::gauge!("hookpoint_circuit_open", "brand" => brand.to_owned(), "source" => source).set(f64::from(is_open));
        }
        if is_open && !was_open {
            tracing::warn!(
                brand,
                source,
                "circuit breaker opened; calls to this source fail and are stopped for a while"
            );
        } else if was_open && !is_open {
            tracing::info!(brand, source, "circuit breaker closed; this source answers again");
        }
        self.write_soon(&mut health, is_open != was_open || (is_open && error.is_some()));
    }

    fn write_soon(self: &Arc<Self>, health: &mut Health, is_change: bool) {
        if health.will_be_written && !is_change {
            return;
        }
        let due = health
            .written_at
            .filter(|_| !is_change)
            .map_or(Duration::ZERO, |at| MIN_SAVE_INTERVAL.saturating_sub(at.elapsed()));
        health.will_be_written = true;
        let breaker = Arc::clone(self);
        self.background.spawn_endless(async move {
            tokio::time::sleep(due).await;
            breaker.write().await;
        });
    }

    async fn write(&self) {
        // One after the other: an older state must not replace a newer one.
        let _in_order = self.writing.lock().await;
        // The row has times relative to now, so it must not wait for a connection.
        let Ok(mut db) = self.pool.acquire().await else {
            self.health.lock().will_be_written = false;
            return;
        };
        let row = {
            let mut health = self.health.lock();
            (health.will_be_written, health.written_at) = (false, Some(Instant::now()));
            let unsaved = std::mem::take(&mut health.unsaved);
            HealthRow {
                succeeded_ago: unsaved.succeeded_at.map(|at| at.elapsed()),
                failed_ago: unsaved.failed_at.map(|at| at.elapsed()),
                failure: unsaved.failure,
                failures_in_a_row: health.failures_in_a_row,
                open: health
                    .open_until
                    .map(|until| until.saturating_duration_since(Instant::now())),
            }
        };
        // The row is only shown to people. If this fails, the next save has newer data.
        let _ = add_health(&mut db, self.key, &row).await;
    }
}
