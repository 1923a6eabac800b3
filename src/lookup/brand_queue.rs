//! Flights of a brand that travel together.
//!
//! While a brand's flights are under way, further ones wait at its gate and depart together when those are back: one
//! statement, one connection, however many ask. Nobody waits longer than [`SLOW_BATCH_AFTER`] for a slow batch, unless two are stuck,
//! and what fails together is asked again one by one.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use metrics::Histogram;

use super::coalescing::{InFlightGuard, InFlightLookup, InFlightMap, LookupCoalescer, LookupFailed, lock};
use super::query_customers::FoundCustomer;
use super::repository::{BatchMode, QueryError};
use crate::brand::Brand;
use crate::customer::model::identifier::Identifier;

/// How long others of the brand wait for those that are under way before they depart on a connection of their own.
const SLOW_BATCH_AFTER: Duration = Duration::from_millis(5);

/// The most that travel together.
const MAX_BATCH_SIZE: usize = 256;

/// How many batches of a brand may be under way at once: when all are stuck, other brands still get through.
const MAX_BATCHES_IN_FLIGHT: usize = 2;

/// Where a brand's flights wait for departure.
#[derive(Default)]
pub(crate) struct BrandQueue {
    pub(crate) waiting: Vec<Arc<InFlightLookup>>,
    under_way: usize,
    // A batch is under way that isn't late yet.
    is_held: bool,
}

impl BrandQueue {
    pub(crate) const fn has_slot(&self) -> bool {
        !self.is_held && self.under_way < MAX_BATCHES_IN_FLIGHT
    }

    pub(crate) const fn acquire_slot(&mut self) {
        self.is_held = true;
        self.under_way = self.under_way.saturating_add(1);
    }
}

impl LookupCoalescer {
    /// Brings those who wait at a brand's gate to the store, batch after batch, until nobody waits.
    pub(crate) fn dispatch(self: &Arc<Self>, brand: Arc<Brand>) {
        let coalescer = Arc::clone(self);
        self.background.spawn(async move {
            let mut slot = BatchSlot { coalescer: &coalescer, brand: &brand, holds_gate: true, is_over: false };
            while let Some(batch) = slot.next_batch() {
                coalescer.run_batch(&brand, batch, &mut slot).await;
            }
        });
    }

    async fn run_batch(self: &Arc<Self>, brand: &Arc<Brand>, batch: Vec<Arc<InFlightLookup>>, slot: &mut BatchSlot<'_>) {
        let mut journey = InFlightGuard::begin(self, brand, batch);
        let alone = match self.query_batch(brand, &journey.coalescer, slot).await {
            Ok(found) => {
                let landing = journey.coalescer.drain(..).zip(found);
                let (landed, others): (Vec<_>, Vec<_>) = landing.partition(|(_, found)| found.is_some());
                landed.into_iter().for_each(|(lookup, found)| self.complete(&lookup, journey.generation, found.ok_or(LookupFailed::Failed)));
                others.into_iter().map(|(lookup, _)| lookup).collect()
            }
            // Perhaps only one of them can't be answered.
            Err(QueryError::Failed) if journey.coalescer.len() > 1 => std::mem::take(&mut journey.coalescer),
            Err(QueryError::Failed | QueryError::Unavailable) => Vec::new(),
        };
        alone.into_iter().for_each(|lookup| self.run_single(Arc::clone(brand), lookup));
    }

    async fn query_batch(
        self: &Arc<Self>,
        brand: &Arc<Brand>,
        coalescer: &[Arc<InFlightLookup>],
        slot: &mut BatchSlot<'_>,
    ) -> Result<Vec<Option<FoundCustomer>>, QueryError> {
        let started_at = Instant::now();
        let addresses: Vec<&Identifier> = coalescer.iter().filter_map(|lookup| lookup.question.address()).collect();
        let asking = self.store.ask(brand, BatchMode::Batch(&addresses), || release_those_with_stale(coalescer));
        tokio::pin!(asking);
        let found = match tokio::time::timeout(SLOW_BATCH_AFTER, &mut asking).await {
            Ok(found) => found,
            Err(_) => {
                slot.release_early();
                asking.await
            }
        };
        let metrics = batch_metrics();
        metrics.lookups.record(f64::from(u32::try_from(coalescer.len()).unwrap_or(u32::MAX)));
        metrics.seconds.record(started_at.elapsed().as_secs_f64());
        found
    }

    pub(crate) fn run_single(self: &Arc<Self>, brand: Arc<Brand>, lookup: Arc<InFlightLookup>) {
        let coalescer = Arc::clone(self);
        self.background.spawn(async move {
            let _permit = coalescer.alone.acquire().await;
            let mut journey = InFlightGuard::begin(&coalescer, &brand, vec![lookup]);
            let Some(lookup) = journey.coalescer.first().filter(|lookup| lookup.is_wanted()) else { return };
            let asking = coalescer.store.ask(&brand, BatchMode::Single(&lookup.question), || release_those_with_stale(&journey.coalescer));
            let Ok(found) = asking.await else { return };
            let landing: Vec<_> = journey.coalescer.drain(..).zip(found).collect();
            landing.into_iter().for_each(|(lookup, found)| coalescer.complete(&lookup, journey.generation, found.ok_or(LookupFailed::Failed)));
        });
    }
}

/// A place among a brand's batches that are under way.
struct BatchSlot<'a> {
    coalescer: &'a Arc<LookupCoalescer>,
    brand: &'a Arc<Brand>,
    // Whether further flights of the brand wait for this one.
    holds_gate: bool,
    is_over: bool,
}

impl BatchSlot<'_> {
    /// Who waits, at most [`MAX_BATCH_SIZE`]. `None` when nobody does, or others have departed meanwhile; then the place is given up.
    fn next_batch(&mut self) -> Option<Vec<Arc<InFlightLookup>>> {
        let mut in_flight = lock(&self.coalescer.in_flight);
        let InFlightMap { in_air, queues } = &mut *in_flight;
        let queue = queues.entry(self.brand.id()).or_default();
        while (self.holds_gate || !queue.is_held) && !queue.waiting.is_empty() {
            let seats = queue.waiting.len().min(MAX_BATCH_SIZE);
            let (batch, unwanted): (Vec<_>, Vec<_>) = queue.waiting.drain(..seats).partition(|lookup| lookup.is_wanted());
            for lookup in unwanted {
                if in_air.get(&lookup.key).is_some_and(|current| Arc::ptr_eq(current, &lookup)) {
                    in_air.remove(&lookup.key);
                }
            }
            if !batch.is_empty() {
                (queue.is_held, self.holds_gate) = (true, true);
                return Some(batch);
            }
        }
        self.release(queue);
        None
    }

    /// The store takes its time: others go without waiting for us.
    fn release_early(&mut self) {
        self.holds_gate = false;
        let mut in_flight = lock(&self.coalescer.in_flight);
        let queue = in_flight.queues.entry(self.brand.id()).or_default();
        queue.is_held = false;
        if !queue.waiting.is_empty() && queue.has_slot() {
            queue.acquire_slot();
            drop(in_flight);
            self.coalescer.dispatch(Arc::clone(self.brand));
        }
    }

    fn release(&mut self, queue: &mut BrandQueue) {
        if !self.is_over {
            self.is_over = true;
            queue.under_way = queue.under_way.saturating_sub(1);
            queue.is_held &= !self.holds_gate;
        }
    }
}

impl Drop for BatchSlot<'_> {
    /// However it ended: a bug must not close the gate for good.
    fn drop(&mut self) {
        let mut in_flight = lock(&self.coalescer.in_flight);
        self.release(in_flight.queues.entry(self.brand.id()).or_default());
    }
}

/// While the store is away, an old answer now is better than perhaps a new one later.
fn release_those_with_stale(coalescer: &[Arc<InFlightLookup>]) {
    for lookup in coalescer {
        for waiter in lock(&lookup.waiters).extract_if(.., |waiter| waiter.has_stale) {
            let _ = waiter.reply_tx.send(Err(LookupFailed::Failed));
        }
    }
}

struct BatchMetrics {
    lookups: Histogram,
    seconds: Histogram,
}

fn batch_metrics() -> &'static BatchMetrics {
    static METRICS: OnceLock<BatchMetrics> = OnceLock::new();
    let register =
        || BatchMetrics { lookups: metrics::histogram!("hookpoint_batch_lookups"), seconds: metrics::histogram!("hookpoint_batch_duration_seconds") };
    METRICS.get_or_init(register)
}
