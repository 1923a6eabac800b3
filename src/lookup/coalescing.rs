//! Lookups of the store that are under way: equal questions are one flight, and an answer that was overtaken by a change is
//! given but not remembered.

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

/// An answer from the store.
#[derive(Clone)]
pub struct LookupResult {
    /// The response body.
    pub body: Bytes,
    /// Whether anybody was found.
    pub found: bool,
    /// The sources that may know more.
    pub sources_to_query: Arc<[Source]>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupFailed {
    /// The store failed or took too long.
    Failed,
    /// Too many are waiting already.
    Overloaded,
    /// The service is ending.
    ShuttingDown,
}

/// A question under way, with those who wait for its answer.
pub(crate) struct InFlightLookup {
    pub(crate) key: CacheKey,
    pub(crate) question: Question,
    pub(crate) waiters: Mutex<Vec<Waiter>>,
}

pub(crate) struct Waiter {
    pub(crate) reply_tx: oneshot::Sender<Result<LookupResult, LookupFailed>>,
    // Has an old answer to fall back on, and won't wait while the store is away.
    pub(crate) has_stale: bool,
}

/// Which flights there are.
#[derive(Default)]
pub(crate) struct InFlightMap {
    // Those that nothing has overtaken yet.
    pub(crate) in_air: HashMap<CacheKey, Arc<InFlightLookup>>,
    pub(crate) queues: HashMap<i32, BrandQueue>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks the store, once per question at a time.
pub struct LookupCoalescer {
    pub(crate) store: LookupRepository,
    cache: Arc<AnswerCache>,
    pub(crate) background: BackgroundTasks,
    limits: CoalescingLimits,
    waiting: AtomicU64,
    // Those that need more than a seat in a batch must not take every connection.
    pub(crate) alone: Semaphore,
    pub(crate) in_flight: Mutex<InFlightMap>,
}

/// How the store is asked.
#[derive(Debug, Clone, Copy)]
pub struct CoalescingLimits {
    /// How long a lookup may take.
    pub deadline: Duration,
    /// How many lookups may wait at once.
    pub max_waiting: u64,
}

impl LookupCoalescer {
    /// Nothing is under way.
    #[must_use]
    pub fn new(store: LookupRepository, cache: Arc<AnswerCache>, background: BackgroundTasks, limits: CoalescingLimits) -> Arc<Self> {
        let alone = Semaphore::new((store.most_connections() / 2).max(1));
        Arc::new(Self { store, cache, background, limits, waiting: AtomicU64::new(0), alone, in_flight: Mutex::default() })
    }

    /// The answer to a question, within the deadline. Who has an old answer gets none while the store is away, and doesn't
    /// wait to learn it.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ask(self: &Arc<Self>, key: CacheKey, brand: &Arc<Brand>, question: Question, has_stale: bool) -> Result<LookupResult, LookupFailed> {
        if self.background.is_ending() {
            return Err(LookupFailed::ShuttingDown);
        }
        if has_stale && self.store.is_unavailable() {
            self.check_database(key, brand, question);
            return Err(LookupFailed::Failed);
        }
        let _waiting = Waiting::enter(self)?;
        let (reply_tx, landing) = oneshot::channel();
        self.enqueue(key, brand, question, Some(Waiter { reply_tx, has_stale }));
        match tokio::time::timeout(self.limits.deadline, landing).await {
            Ok(Ok(landed)) => landed,
            Ok(Err(_)) | Err(_) => Err(LookupFailed::Failed),
        }
    }

    /// Finds out whether the store is back: by one flight at a time, for which nobody waits.
    fn check_database(self: &Arc<Self>, key: CacheKey, brand: &Arc<Brand>, question: Question) {
        if lock(&self.in_flight).in_air.is_empty() {
            self.enqueue(key, brand, question, None);
        }
    }

    /// Joins the flight of an equal question, or starts one.
    fn enqueue(self: &Arc<Self>, key: CacheKey, brand: &Arc<Brand>, question: Question, waiter: Option<Waiter>) {
        let mut in_flight = lock(&self.in_flight);
        if let Some(lookup) = in_flight.in_air.get(&key) {
            lock(&lookup.waiters).extend(waiter);
            return;
        }
        let needs_own = matches!(question, Question::Id(_));
        let lookup = Arc::new(InFlightLookup { key, question, waiters: Mutex::new(waiter.into_iter().collect()) });
        in_flight.in_air.insert(key, Arc::clone(&lookup));
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

    /// Brings the passengers home. What was asked for in an older epoch, or changed meanwhile, is not remembered.
    pub(crate) fn complete(&self, lookup: &Arc<InFlightLookup>, generation: CacheGeneration, found: Result<FoundCustomer, LookupFailed>) {
        let may_be_cached = found.as_ref().is_ok_and(|found| found.may_be_cached);
        let landed = found.map(|found| LookupResult {
            found: found.customers > 0,
            body: Bytes::from(found.body),
            sources_to_query: found.sources_to_query.into(),
        });
        // Invalidations take the same lock: either they find the flight, or what it left in the cache.
        let mut in_flight = lock(&self.in_flight);
        let is_current = in_flight.in_air.get(&lookup.key).is_some_and(|current| Arc::ptr_eq(current, lookup));
        if is_current {
            in_flight.in_air.remove(&lookup.key);
            if let (Ok(landed), true) = (&landed, may_be_cached && generation == self.cache.generation(lookup.key.0)) {
                self.cache.store(lookup.key, landed.body.clone(), landed.found, generation);
            }
        }
        drop(in_flight);
        for waiter in lock(&lookup.waiters).drain(..) {
            let _ = waiter.reply_tx.send(landed.clone());
        }
    }

    /// Forgets what changed. A flight that this overtakes brings its passengers home, but what it brings is not remembered,
    /// and whoever asks from now on takes a new one.
    pub fn invalidate(&self, invalidation: &Invalidation) {
        let mut in_flight = lock(&self.in_flight);
        self.cache.invalidate(invalidation);
        match &invalidation.hashes {
            Some(hashes) => hashes.iter().for_each(|hash| drop(in_flight.in_air.remove(&(invalidation.brand_id, *hash)))),
            None => in_flight.in_air.retain(|(brand_id, _), _| *brand_id != invalidation.brand_id),
        }
    }

    /// Whether the store is away.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.store.is_unavailable()
    }

    /// How many lookups wait.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Connections in use, and idle.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        self.store.connections()
    }
}

impl InFlightLookup {
    /// Whether somebody waits still, or nobody ever did: then it is to find out whether the store is back.
    pub(crate) fn is_wanted(&self) -> bool {
        let waiters = lock(&self.waiters);
        waiters.is_empty() || waiters.iter().any(|waiter| !waiter.reply_tx.is_closed())
    }
}

/// Flights on their way, with the epoch in which they departed. Those that don't land crash when it ends.
pub(crate) struct InFlightGuard<'a> {
    of: &'a LookupCoalescer,
    pub(crate) generation: CacheGeneration,
    pub(crate) coalescer: Vec<Arc<InFlightLookup>>,
}

impl<'a> InFlightGuard<'a> {
    pub(crate) fn begin(of: &'a LookupCoalescer, brand: &Brand, coalescer: Vec<Arc<InFlightLookup>>) -> Self {
        Self { of, generation: of.cache.generation(brand.id()), coalescer }
    }
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        for lookup in self.coalescer.drain(..) {
            self.of.complete(&lookup, self.generation, Err(LookupFailed::Failed));
        }
    }
}

/// One of the lookups that wait.
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
