//! Lookups of the store that are under way: equal questions are one flight, and an answer that was overtaken by a change is
//! given but not remembered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::web::Bytes;
use tokio::sync::{Semaphore, oneshot};

use super::brand_queue::Gate;
use super::cache::{AnswerCache, CacheKey, Epoch};
use super::query::Question;
use super::query_customers::Found;
use super::repository::Store;
use crate::app::tasks::Background;
use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::storage::invalidation::Invalidation;

/// An answer from the store.
#[derive(Clone)]
pub struct Landed {
    /// The response body.
    pub body: Bytes,
    /// Whether anybody was found.
    pub found: bool,
    /// The sources that may know more.
    pub needs: Arc<[Source]>,
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
pub(crate) struct Flight {
    pub(crate) key: CacheKey,
    pub(crate) question: Question,
    pub(crate) passengers: Mutex<Vec<Passenger>>,
}

pub(crate) struct Passenger {
    pub(crate) seat: oneshot::Sender<Result<Landed, Crashed>>,
    // Has an old answer to fall back on, and won't wait while the store is away.
    pub(crate) has_old: bool,
}

/// Which flights there are.
#[derive(Default)]
pub(crate) struct Tower {
    // Those that nothing has overtaken yet.
    pub(crate) in_air: HashMap<CacheKey, Arc<Flight>>,
    pub(crate) gates: HashMap<i32, Gate>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks the store, once per question at a time.
pub struct Flights {
    pub(crate) store: Store,
    cache: Arc<AnswerCache>,
    pub(crate) background: Background,
    limits: FlightLimits,
    waiting: AtomicU64,
    // Those that need more than a seat in a batch must not take every connection.
    pub(crate) alone: Semaphore,
    pub(crate) tower: Mutex<Tower>,
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
    pub fn new(store: Store, cache: Arc<AnswerCache>, background: Background, limits: FlightLimits) -> Arc<Self> {
        let alone = Semaphore::new((store.most_connections() / 2).max(1));
        Arc::new(Self { store, cache, background, limits, waiting: AtomicU64::new(0), alone, tower: Mutex::default() })
    }

    /// The answer to a question, within the deadline. Who has an old answer gets none while the store is away, and doesn't
    /// wait to learn it.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ask(self: &Arc<Self>, key: CacheKey, brand: &Arc<Brand>, question: Question, has_old: bool) -> Result<Landed, Crashed> {
        if self.background.is_ending() {
            return Err(Crashed::ShuttingDown);
        }
        if has_old && self.store.is_away() {
            self.probe(key, brand, question);
            return Err(Crashed::Failed);
        }
        let _waiting = Waiting::enter(self)?;
        let (seat, landing) = oneshot::channel();
        self.book(key, brand, question, Some(Passenger { seat, has_old }));
        match tokio::time::timeout(self.limits.deadline, landing).await {
            Ok(Ok(landed)) => landed,
            Ok(Err(_)) | Err(_) => Err(Crashed::Failed),
        }
    }

    /// Finds out whether the store is back: by one flight at a time, for which nobody waits.
    fn probe(self: &Arc<Self>, key: CacheKey, brand: &Arc<Brand>, question: Question) {
        if lock(&self.tower).in_air.is_empty() {
            self.book(key, brand, question, None);
        }
    }

    /// Joins the flight of an equal question, or starts one.
    fn book(self: &Arc<Self>, key: CacheKey, brand: &Arc<Brand>, question: Question, passenger: Option<Passenger>) {
        let mut tower = lock(&self.tower);
        if let Some(flight) = tower.in_air.get(&key) {
            lock(&flight.passengers).extend(passenger);
            return;
        }
        let needs_own = matches!(question, Question::Id(_));
        let flight = Arc::new(Flight { key, question, passengers: Mutex::new(passenger.into_iter().collect()) });
        tower.in_air.insert(key, Arc::clone(&flight));
        if needs_own {
            drop(tower);
            return self.depart_alone(Arc::clone(brand), flight);
        }
        let gate = tower.gates.entry(key.0).or_default();
        gate.waiting.push(flight);
        if gate.may_depart() {
            gate.hold();
            drop(tower);
            self.depart(Arc::clone(brand));
        }
    }

    /// Brings the passengers home. What was asked for in an older epoch, or changed meanwhile, is not remembered.
    pub(crate) fn land(&self, flight: &Arc<Flight>, epoch: Epoch, found: Result<Found, Crashed>) {
        let may_be_cached = found.as_ref().is_ok_and(|found| found.may_be_cached);
        let landed = found.map(|found| Landed { found: found.customers > 0, body: Bytes::from(found.body), needs: found.needs.into() });
        // Invalidations take the same lock: either they find the flight, or what it left in the cache.
        let mut tower = lock(&self.tower);
        let is_current = tower.in_air.get(&flight.key).is_some_and(|current| Arc::ptr_eq(current, flight));
        if is_current {
            tower.in_air.remove(&flight.key);
            if let (Ok(landed), true) = (&landed, may_be_cached && epoch == self.cache.epoch(flight.key.0)) {
                self.cache.store(flight.key, landed.body.clone(), landed.found, epoch);
            }
        }
        drop(tower);
        for passenger in lock(&flight.passengers).drain(..) {
            let _ = passenger.seat.send(landed.clone());
        }
    }

    /// Forgets what changed. A flight that this overtakes brings its passengers home, but what it brings is not remembered,
    /// and whoever asks from now on takes a new one.
    pub fn invalidate(&self, invalidation: &Invalidation) {
        let mut tower = lock(&self.tower);
        self.cache.invalidate(invalidation);
        match &invalidation.hashes {
            Some(hashes) => hashes.iter().for_each(|hash| drop(tower.in_air.remove(&(invalidation.brand_id, *hash)))),
            None => tower.in_air.retain(|(brand_id, _), _| *brand_id != invalidation.brand_id),
        }
    }

    /// Whether the store is away.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.store.is_away()
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

impl Flight {
    /// Whether somebody waits still, or nobody ever did: then it is to find out whether the store is back.
    pub(crate) fn is_wanted(&self) -> bool {
        let passengers = lock(&self.passengers);
        passengers.is_empty() || passengers.iter().any(|passenger| !passenger.seat.is_closed())
    }
}

/// Flights on their way, with the epoch in which they departed. Those that don't land crash when it ends.
pub(crate) struct Journey<'a> {
    of: &'a Flights,
    pub(crate) epoch: Epoch,
    pub(crate) flights: Vec<Arc<Flight>>,
}

impl<'a> Journey<'a> {
    pub(crate) fn begin(of: &'a Flights, brand: &Brand, flights: Vec<Arc<Flight>>) -> Self {
        Self { of, epoch: of.cache.epoch(brand.id()), flights }
    }
}

impl Drop for Journey<'_> {
    fn drop(&mut self) {
        for flight in self.flights.drain(..) {
            self.of.land(&flight, self.epoch, Err(Crashed::Failed));
        }
    }
}

/// One of the lookups that wait.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn enter(flights: &'a Flights) -> Result<Self, Crashed> {
        if flights.waiting.fetch_add(1, Ordering::Relaxed) >= flights.limits.max_waiting {
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
