//! An account that fails again and again is left alone for a while; then one call finds out whether it is back.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::storage::pool::Pool;

use super::{CallError, lock};
use crate::jobs::tasks::BackgroundTasks;
use crate::storage::upstream_accounts::{AccountKey, HealthRow, add_health};

/// How often at most what happened is written down, unless it changes something.
const NEWS: Duration = Duration::from_secs(5);

/// Whether an account is called.
pub(super) struct Breaker {
    pool: Pool,
    key: AccountKey,
    brand: String,
    background: BackgroundTasks,
    after: u32,
    rest: Duration,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    failures_in_a_row: u32,
    open_until: Option<Instant>,
    is_probing: bool,
    news: News,
    written_at: Option<Instant>,
    will_be_written: bool,
}

/// What was not written down yet.
#[derive(Default)]
struct News {
    succeeded_at: Option<Instant>,
    failed_at: Option<Instant>,
    failure: String,
}

/// Whether a call may be made.
pub(super) enum Admission {
    /// As usual.
    Granted,
    /// As the one that finds out whether the account is back.
    Probe(Probe),
    /// It is left alone.
    Refused,
}

/// Only one of them is out at a time.
pub(super) struct Probe(Arc<Breaker>);

impl Drop for Probe {
    fn drop(&mut self) {
        lock(&self.0.health).is_probing = false;
    }
}

impl Breaker {
    pub(super) fn new(pool: &Pool, key: AccountKey, brand: &str, after: u32, rest: Duration, background: &BackgroundTasks) -> Arc<Self> {
        let (pool, brand, background) = (pool.clone(), brand.to_owned(), background.clone());
        Arc::new(Self { pool, key, brand, background, after, rest, health: Mutex::default() })
    }

    pub(super) fn admit(self: &Arc<Self>) -> Admission {
        let mut health = lock(&self.health);
        match health.open_until {
            None => Admission::Granted,
            Some(until) if health.is_probing || Instant::now() < until => Admission::Refused,
            Some(_) => {
                health.is_probing = true;
                Admission::Probe(Probe(Arc::clone(self)))
            }
        }
    }

    /// Whether a call would be made, or tell whether the account is back.
    pub(super) fn is_closed(&self) -> bool {
        let health = lock(&self.health);
        health.open_until.is_none_or(|until| !health.is_probing && Instant::now() >= until)
    }

    /// Takes notice of what became of a call.
    pub(super) fn note(self: &Arc<Self>, error: Option<&CallError>) {
        let mut health = lock(&self.health);
        let was_open = health.open_until.is_some();
        match error {
            Some(error) if error.is_fault() => health.failures_in_a_row = health.failures_in_a_row.saturating_add(1),
            Some(error) if !error.is_answer() => return,
            _ => (health.failures_in_a_row, health.open_until) = (0, None),
        }
        let now = Instant::now();
        match error {
            Some(error) => (health.news.failed_at, health.news.failure) = (Some(now), error.to_string()),
            None => health.news.succeeded_at = Some(now),
        }
        if health.failures_in_a_row >= self.after {
            health.open_until = Some(now + self.rest);
        }
        let is_open = health.open_until.is_some();
        let (brand, source) = (self.brand.as_str(), self.key.source.as_str());
        if is_open != was_open {
            metrics::gauge!("hookpoint_circuit_open", "brand" => brand.to_owned(), "source" => source).set(f64::from(is_open));
        }
        if is_open && !was_open {
            tracing::warn!(brand, source, "this source's API fails and is left alone for a while");
        } else if was_open && !is_open {
            tracing::info!(brand, source, "this source's API is well again");
        }
        self.write_soon(&mut health, is_open != was_open || (is_open && error.is_some()));
    }

    fn write_soon(self: &Arc<Self>, health: &mut Health, is_change: bool) {
        if health.will_be_written && !is_change {
            return;
        }
        let due = health.written_at.filter(|_| !is_change).map_or(Duration::ZERO, |at| NEWS.saturating_sub(at.elapsed()));
        health.will_be_written = true;
        let breaker = Arc::clone(self);
        self.background.spawn_endless(async move {
            tokio::time::sleep(due).await;
            breaker.write().await;
        });
    }

    async fn write(&self) {
        let row = {
            let mut health = lock(&self.health);
            (health.will_be_written, health.written_at) = (false, Some(Instant::now()));
            let news = std::mem::take(&mut health.news);
            HealthRow {
                succeeded_ago: news.succeeded_at.map(|at| at.elapsed()),
                failed_ago: news.failed_at.map(|at| at.elapsed()),
                failure: news.failure,
                failures_in_a_row: health.failures_in_a_row,
                open: health.open_until.map(|until| until.saturating_duration_since(Instant::now())),
            }
        };
        // It is for people to look at; the next one says it anew.
        let _ = add_health(&self.pool, self.key, &row).await;
    }
}
