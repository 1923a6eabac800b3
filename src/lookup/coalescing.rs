//! Coalesces identical in-flight lookups. A result that was invalidated meanwhile is returned but not cached.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::web::Bytes;
use tokio::sync::{Semaphore, oneshot};

use super::brand_queue::BrandQueue;
use super::cache::{AnswerCache, CacheGeneration, CacheKey};
use super::query::Question;
use super::query_customers::FoundCustomer;
use super::repository::LookupRepository;
use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::jobs::tasks::BackgroundTasks;
use crate::storage::invalidation::Invalidation;

/// An answer from Postgres.
#[derive(Clone)]
pub struct LookupResult {
    /// The response body.
    pub body: Bytes,
    /// Whether the lookup found a customer.
    pub found: bool,
    /// The sources that may have more data.
    pub sources_to_query: Arc<[Source]>,
}

/// Why a lookup has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupFailed {
    /// Postgres failed or took too long.
    Failed,
    /// Too many lookups are waiting.
    Overloaded,
    /// The service is shutting down.
    ShuttingDown,
}

/// A lookup in flight, with the requests that wait for its answer.
pub(crate) struct InFlightLookup {
    pub(crate) key: CacheKey,
    pub(crate) question: Question,
    pub(crate) waiters: Mutex<Vec<Waiter>>,
}

pub(crate) struct Waiter {
    pub(crate) reply_tx: oneshot::Sender<Result<LookupResult, LookupFailed>>,
    // The request has an expired cached answer. It stops waiting while Postgres is unavailable.
    pub(crate) has_stale: bool,
}

/// All lookups in flight.
#[derive(Default)]
pub(crate) struct InFlightMap {
    // The lookups that were not invalidated since they started. A new request can join them.
    pub(crate) joinable: HashMap<CacheKey, Arc<InFlightLookup>>,
    pub(crate) queues: HashMap<i32, BrandQueue>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends lookups to Postgres, once for identical ones.
pub struct LookupCoalescer {
    pub(crate) store: LookupRepository,
    cache: Arc<AnswerCache>,
    pub(crate) background: BackgroundTasks,
    limits: CoalescingLimits,
    waiting: AtomicU64,
    // Limits the lookups outside of batches, so that they cannot take every connection.
    pub(crate) single_slots: Semaphore,
    pub(crate) in_flight: Mutex<InFlightMap>,
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
    /// A coalescer with no lookup in flight.
    #[must_use]
    pub fn new(
        store: LookupRepository,
        cache: Arc<AnswerCache>,
        background: BackgroundTasks,
        limits: CoalescingLimits,
    ) -> Arc<Self> {
        let single_slots = Semaphore::new((store.most_connections() / 2).max(1));
        Arc::new(Self {
            store,
            cache,
            background,
            limits,
            waiting: AtomicU64::new(0),
            single_slots,
            in_flight: Mutex::default(),
        })
    }

    /// Answers a lookup within the deadline. A request with an expired cached answer fails at once while Postgres is
    /// unavailable, so that it can return that answer.
    ///
    /// # Errors
    /// When there is no answer within the deadline, too many lookups wait, or the service is shutting down.
    pub async fn ask(
        self: &Arc<Self>,
        key: CacheKey,
        brand: &Arc<Brand>,
        question: Question,
        has_stale: bool,
    ) -> Result<LookupResult, LookupFailed> {
        if self.background.is_ending() {
            return Err(LookupFailed::ShuttingDown);
        }
        if has_stale && self.store.is_unavailable() {
            self.check_database(key, brand, question);
            return Err(LookupFailed::Failed);
        }
        let _waiting = Waiting::enter(self)?;
        let (reply_tx, reply_rx) = oneshot::channel();
        self.enqueue(key, brand, question, Some(Waiter { reply_tx, has_stale }));
        match tokio::time::timeout(self.limits.deadline, reply_rx).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(LookupFailed::Failed),
        }
    }

    /// Checks whether Postgres answers again, with one lookup at a time. No request waits for it.
    fn check_database(self: &Arc<Self>, key: CacheKey, brand: &Arc<Brand>, question: Question) {
        if lock(&self.in_flight).joinable.is_empty() {
            self.enqueue(key, brand, question, None);
        }
    }

    /// Joins the lookup in flight for the same question, or starts one.
    fn enqueue(
        self: &Arc<Self>,
        key: CacheKey,
        brand: &Arc<Brand>,
        question: Question,
        waiter: Option<Waiter>,
    ) {
        let mut in_flight = lock(&self.in_flight);
        if let Some(lookup) = in_flight.joinable.get(&key) {
            lock(&lookup.waiters).extend(waiter);
            return;
        }
        let needs_own = matches!(question, Question::Id(_));
        let lookup = Arc::new(InFlightLookup {
            key,
            question,
            waiters: Mutex::new(waiter.into_iter().collect()),
        });
        in_flight.joinable.insert(key, Arc::clone(&lookup));
        if needs_own {
            drop(in_flight);
            return self.run_single(Arc::clone(brand), lookup);
        }
        let queue = in_flight.queues.entry(key.0).or_default();
        queue.waiting.push(lookup);
        if queue.has_slot() {
            queue.acquire_slot();
            drop(in_flight);
            self.dispatch(Arc::clone(brand));
        }
    }

    /// Sends the answer to all waiting requests. It is cached only if it was not invalidated since the query started.
    pub(crate) fn complete(
        &self,
        lookup: &Arc<InFlightLookup>,
        generation: CacheGeneration,
        found: Result<FoundCustomer, LookupFailed>,
    ) {
        let may_be_cached = found.as_ref().is_ok_and(|found| found.may_be_cached);
        let result = found.map(|found| LookupResult {
            found: found.customers > 0,
            body: Bytes::from(found.body),
            sources_to_query: found.sources_to_query.into(),
        });
        // Invalidations take the same lock. So they find either the lookup in flight or its cached answer.
        let mut in_flight = lock(&self.in_flight);
        let is_current =
            in_flight.joinable.get(&lookup.key).is_some_and(|current| Arc::ptr_eq(current, lookup));
        if is_current {
            in_flight.joinable.remove(&lookup.key);
            if let (Ok(result), true) =
                (&result, may_be_cached && generation == self.cache.generation(lookup.key.0))
            {
                self.cache.store(lookup.key, result.body.clone(), result.found, generation);
            }
        }
        drop(in_flight);
        for waiter in lock(&lookup.waiters).drain(..) {
            let _ = waiter.reply_tx.send(result.clone());
        }
    }

    /// Removes cached answers. A lookup in flight that this invalidates is still answered, but not cached. Later
    /// requests start a new one.
    pub fn invalidate(&self, invalidation: &Invalidation) {
        let mut in_flight = lock(&self.in_flight);
        self.cache.invalidate(invalidation);
        match &invalidation.hashes {
            Some(hashes) => hashes
                .iter()
                .for_each(|hash| drop(in_flight.joinable.remove(&(invalidation.brand_id, *hash)))),
            None => {
                in_flight.joinable.retain(|(brand_id, _), _| *brand_id != invalidation.brand_id)
            }
        }
    }

    /// Whether Postgres is unavailable.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.store.is_unavailable()
    }

    /// The number of waiting lookups.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The number of connections in use, and of idle ones.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        self.store.connections()
    }
}

impl InFlightLookup {
    /// Whether a request still waits. Also true if none ever did, because such a lookup checks whether Postgres is
    /// back.
    pub(crate) fn is_wanted(&self) -> bool {
        let waiters = lock(&self.waiters);
        waiters.is_empty() || waiters.iter().any(|waiter| !waiter.reply_tx.is_closed())
    }
}

/// Lookups that are being queried, with the cache generation at the start. Those without a result fail when the guard
/// is dropped.
pub(crate) struct InFlightGuard<'a> {
    of: &'a LookupCoalescer,
    pub(crate) generation: CacheGeneration,
    pub(crate) lookups: Vec<Arc<InFlightLookup>>,
}

impl<'a> InFlightGuard<'a> {
    pub(crate) fn begin(
        of: &'a LookupCoalescer,
        brand: &Brand,
        lookups: Vec<Arc<InFlightLookup>>,
    ) -> Self {
        Self { of, generation: of.cache.generation(brand.id()), lookups }
    }
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        for lookup in self.lookups.drain(..) {
            self.of.complete(&lookup, self.generation, Err(LookupFailed::Failed));
        }
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
