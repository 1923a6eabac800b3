//! Lookups of the store that are under way: equal questions travel as one, and an answer that was overtaken by a change
//! is given but not remembered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::web::Bytes;
use sqlx::PgPool;
use tokio::sync::oneshot;

use super::cache::{AnswerCache, CacheKey};
use super::query::Question;
use super::read::{self, Found, ReadRules};
use crate::background::Background;
use crate::brand::Brand;
use crate::storage::StorageError;
use crate::storage::invalidation::Invalidation;

/// An answer from the store.
#[derive(Clone)]
pub struct Landed {
    /// The response body.
    pub body: Bytes,
    /// Whether anybody was found.
    pub found: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crashed {
    /// The store failed or took too long.
    Failed,
    /// Too many are waiting already.
    Overloaded,
    /// The service is ending.
    ShuttingDown,
}

/// A question under way, with those who wait for its answer.
#[derive(Default)]
struct Flight {
    waiting: Mutex<Vec<oneshot::Sender<Result<Landed, Crashed>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks the store, once per question at a time.
pub struct Flights {
    pool: PgPool,
    cache: Arc<AnswerCache>,
    background: Background,
    rules: ReadRules,
    deadline: Duration,
    max_waiting: u64,
    waiting: AtomicU64,
    // Flights that nothing has overtaken yet.
    in_air: Mutex<HashMap<CacheKey, Arc<Flight>>>,
    // Whether the last question to the store failed.
    degraded: AtomicBool,
}

/// How the store is asked.
#[derive(Debug, Clone, Copy)]
pub struct FlightLimits {
    /// How long a lookup may take.
    pub deadline: Duration,
    /// How many lookups may wait at once.
    pub max_waiting: u64,
}

impl Flights {
    /// Nothing is under way.
    #[must_use]
    pub fn new(pool: PgPool, cache: Arc<AnswerCache>, background: Background, rules: ReadRules, limits: FlightLimits) -> Arc<Self> {
        let FlightLimits { deadline, max_waiting } = limits;
        let (waiting, in_air, degraded) = (AtomicU64::new(0), Mutex::default(), AtomicBool::new(false));
        Arc::new(Self { pool, cache, background, rules, deadline, max_waiting, waiting, in_air, degraded })
    }

    /// The answer to a question, within the deadline.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ask(self: &Arc<Self>, key: CacheKey, brand: Arc<Brand>, question: Question) -> Result<Landed, Crashed> {
        if self.background.is_ending() {
            return Err(Crashed::ShuttingDown);
        }
        let _waiting = Waiting::enter(self)?;
        let landing = self.board(key, brand, question);
        match tokio::time::timeout(self.deadline, landing).await {
            Ok(Ok(landed)) => landed,
            Ok(Err(_)) | Err(_) => Err(Crashed::Failed),
        }
    }

    /// Joins the flight of an equal question, or starts one.
    fn board(self: &Arc<Self>, key: CacheKey, brand: Arc<Brand>, question: Question) -> oneshot::Receiver<Result<Landed, Crashed>> {
        let (sender, receiver) = oneshot::channel();
        let mut in_air = lock(&self.in_air);
        if let Some(flight) = in_air.get(&key) {
            lock(&flight.waiting).push(sender);
            return receiver;
        }
        let flight = Arc::new(Flight { waiting: Mutex::new(vec![sender]) });
        in_air.insert(key, Arc::clone(&flight));
        drop(in_air);
        let flights = Arc::clone(self);
        self.background.spawn(async move { flights.fly(key, &flight, &brand, &question).await });
        receiver
    }

    async fn fly(&self, key: CacheKey, flight: &Arc<Flight>, brand: &Brand, question: &Question) {
        let mut landing = Landing { flights: self, key, flight, result: Err(Crashed::Failed) };
        let epoch = self.cache.epoch(key.0);
        let result = self.read(brand, question).await;
        let may_be_cached = result.as_ref().is_ok_and(|found| found.may_be_cached);
        landing.result = result.map(Landed::from);
        // Invalidations take the same lock: either they find the flight, or what it left in the cache.
        let in_air = lock(&self.in_air);
        let overtaken = !in_air.get(&key).is_some_and(|current| Arc::ptr_eq(current, flight)) || epoch != self.cache.epoch(key.0);
        if let (Ok(landed), true) = (&landing.result, may_be_cached && !overtaken) {
            self.cache.store(key, landed.body.clone(), landed.found, epoch);
        }
    }

    async fn read(&self, brand: &Brand, question: &Question) -> Result<Found, Crashed> {
        let reading = tokio::time::timeout(self.deadline, read::find(&self.pool, brand, question, self.rules)).await;
        self.degraded.store(!matches!(reading, Ok(Ok(_))), Ordering::Relaxed);
        match reading {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(StorageError::Database(sqlx::Error::PoolClosed))) => Err(Crashed::ShuttingDown),
            Ok(Err(error)) => {
                tracing::error!(%error, "the store could not answer a lookup");
                Err(Crashed::Failed)
            }
            Err(_) => {
                tracing::error!("the store did not answer a lookup within the deadline");
                Err(Crashed::Failed)
            }
        }
    }

    /// Forgets what changed. A flight that this overtakes brings its passengers home, but what it brings is not remembered,
    /// and whoever asks from now on takes a new one.
    pub fn invalidate(&self, invalidation: &Invalidation) {
        let mut in_air = lock(&self.in_air);
        self.cache.invalidate(invalidation);
        match &invalidation.hashes {
            Some(hashes) => hashes.iter().for_each(|hash| drop(in_air.remove(&(invalidation.brand_id, *hash)))),
            None => in_air.retain(|(brand_id, _), _| *brand_id != invalidation.brand_id),
        }
    }

    /// Whether the last question to the store failed.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.degraded.load(Ordering::Relaxed)
    }
}

/// Brings the passengers home, whatever becomes of the flight.
struct Landing<'a> {
    flights: &'a Flights,
    key: CacheKey,
    flight: &'a Arc<Flight>,
    result: Result<Landed, Crashed>,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let mut in_air = lock(&self.flights.in_air);
        if in_air.get(&self.key).is_some_and(|current| Arc::ptr_eq(current, self.flight)) {
            in_air.remove(&self.key);
        }
        drop(in_air);
        for passenger in lock(&self.flight.waiting).drain(..) {
            let _ = passenger.send(self.result.clone());
        }
    }
}

impl From<Found> for Landed {
    fn from(found: Found) -> Self {
        Self { found: found.customers > 0, body: Bytes::from(found.body) }
    }
}

/// One of the lookups that wait.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn enter(flights: &'a Flights) -> Result<Self, Crashed> {
        if flights.waiting.fetch_add(1, Ordering::Relaxed) >= flights.max_waiting {
            flights.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Crashed::Overloaded);
        }
        Ok(Self(&flights.waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
