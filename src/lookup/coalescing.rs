//! Coalesces identical in-flight lookups, and sends lookups of a brand to Postgres in batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::cache::{AnswerCache, CacheKey};
use super::query::Question;
use super::query_runner::{
    BATCH_LIMITS, BrandRunner, LookupRequest, LookupWaiter, LookupsInFlight, PendingLookup,
    QueryRunner,
};
use super::repository::LookupRepository;
use super::result::{LookupFailed, LookupResult};
use crate::brand::Brand;
use crate::concurrency::batcher::Batcher;
use crate::concurrency::single_flight::SingleFlight;
use crate::jobs::tasks::BackgroundTasks;
use crate::storage::invalidation::Invalidation;

/// Sends lookups to Postgres, once for identical ones.
pub struct LookupCoalescer {
    runner: Arc<QueryRunner>,
    cache: Arc<AnswerCache>,
    background: BackgroundTasks,
    limits: CoalescingLimits,
    waiting: AtomicU64,
    // Those that were not invalidated since they started. A new request can join them.
    in_flight: Arc<LookupsInFlight>,
    batchers: HashMap<i32, Arc<Batcher<PendingLookup>>>,
}

/// The limits of lookups.
#[derive(Debug, Clone, Copy)]
pub struct CoalescingLimits {
    /// The deadline of a lookup.
    pub deadline: Duration,
    /// The most lookups that wait at once.
    pub max_waiting: u64,
}

impl LookupCoalescer {
    /// A coalescer with no lookup in flight, for these brands.
    #[must_use]
    pub fn new(
        repository: LookupRepository,
        cache: Arc<AnswerCache>,
        background: BackgroundTasks,
        limits: CoalescingLimits,
        brands: impl IntoIterator<Item = i32>,
    ) -> Self {
        let runner = QueryRunner::new(repository, Arc::clone(&cache), background.clone());
        Self {
            runner: Arc::new(runner),
            cache,
            background,
            limits,
            waiting: AtomicU64::new(0),
            in_flight: SingleFlight::new(),
            batchers: brands
                .into_iter()
                .map(|brand_id| (brand_id, Batcher::new(BATCH_LIMITS)))
                .collect(),
        }
    }

    /// Answers a lookup within the deadline. A request with an expired cached answer fails at once while Postgres is
    /// unavailable, so that it can return that answer.
    ///
    /// # Errors
    /// When there is no answer within the deadline, too many lookups wait, or the service is shutting down.
    pub async fn ask(
        &self,
        key: CacheKey,
        brand: &Arc<Brand>,
        question: Question,
        has_stale: bool,
    ) -> Result<LookupResult, LookupFailed> {
        if self.background.is_ending() {
            return Err(LookupFailed::ShuttingDown);
        }
        if has_stale && self.runner.repository.is_unavailable() {
            self.check_database(key, brand, question);
            return Err(LookupFailed::Failed);
        }
        let _waiting = Waiting::enter(self)?;
        let mut waiter = self.start(key, brand, LookupRequest { question, is_check: false });
        let answered = async {
            tokio::select! {
                biased;
                result = waiter.result() => result.unwrap_or(Err(LookupFailed::Failed)),
                () = self.runner.repository.until_unavailable(), if has_stale => {
                    Err(LookupFailed::Failed)
                }
            }
        };
        tokio::time::timeout(self.limits.deadline, answered)
            .await
            .unwrap_or(Err(LookupFailed::Failed))
    }

    /// Checks whether Postgres answers again, with one lookup at a time. No request waits for it.
    fn check_database(&self, key: CacheKey, brand: &Arc<Brand>, question: Question) {
        if self.in_flight.is_empty() {
            drop(self.start(key, brand, LookupRequest { question, is_check: true }));
        }
    }

    /// Joins the lookup in flight for the same question, or starts one.
    fn start(&self, key: CacheKey, brand: &Arc<Brand>, request: LookupRequest) -> LookupWaiter {
        let (waiter, lookup) = self.in_flight.join(key, || request);
        let Some(lookup) = lookup else { return waiter };
        let batcher = self.batchers.get(&key.0);
        match batcher.filter(|_| matches!(lookup.shared().question, Question::Address(_))) {
            Some(batcher) => batcher.push(lookup, &self.background, || {
                Arc::new(BrandRunner { runner: Arc::clone(&self.runner), brand: Arc::clone(brand) })
            }),
            None => self.runner.start_single(Arc::clone(brand), lookup),
        }
        waiter
    }

    /// Removes cached answers. A lookup in flight that this invalidates is still answered, but not cached. Later
    /// requests start a new one.
    pub fn invalidate(&self, invalidation: &Invalidation) {
        // Results are cached under the same lock. So this finds either the lookup in flight or its cached answer.
        let mut in_flight = self.in_flight.lock();
        self.cache.invalidate(invalidation);
        match &invalidation.hashes {
            Some(hashes) => {
                hashes.iter().for_each(|hash| in_flight.forget(&(invalidation.brand_id, *hash)));
            }
            None => in_flight.retain(|(brand_id, _)| *brand_id != invalidation.brand_id),
        }
    }

    /// Whether Postgres is unavailable.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.runner.repository.is_unavailable()
    }

    /// The number of waiting lookups.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The number of connections in use, and of idle ones.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        self.runner.repository.connections()
    }
}

/// Counts one waiting lookup, until it is dropped.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn enter(coalescer: &'a LookupCoalescer) -> Result<Self, LookupFailed> {
        if coalescer.waiting.fetch_add(1, Ordering::Relaxed) >= coalescer.limits.max_waiting {
            coalescer.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(LookupFailed::Overloaded);
        }
        Ok(Self(&coalescer.waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
