//! Runs the lookups of a brand in batches.
//!
//! While a batch of a brand runs, further lookups wait and form the next batch: one statement on one connection. After
//! [`SLOW_BATCH_AFTER`], a second batch starts. At most [`MAX_BATCHES_IN_FLIGHT`] run per brand. If a batch fails, its
//! lookups run one by one.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use metrics::Histogram;

use super::coalescing::{
    InFlightGuard, InFlightLookup, InFlightMap, LookupCoalescer, LookupFailed, lock,
};
use super::query_customers::FoundCustomer;
use super::repository::{BatchMode, QueryError};
use crate::brand::Brand;
use crate::customer::model::identifier::Identifier;

/// If a batch takes longer than this, the next one starts on another connection.
const SLOW_BATCH_AFTER: Duration = Duration::from_millis(5);

/// The most lookups in a batch.
const MAX_BATCH_SIZE: usize = 256;

/// The most batches of a brand in flight. If all are stuck, other brands still have connections.
const MAX_BATCHES_IN_FLIGHT: usize = 2;

/// The lookups of a brand that wait for a batch.
#[derive(Default)]
pub(crate) struct BrandQueue {
    pub(crate) waiting: Vec<Arc<InFlightLookup>>,
    under_way: usize,
    // A batch is in flight that is not slow yet. The next batch waits for it.
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
    /// Runs batches of a brand until no lookup waits.
    pub(crate) fn dispatch(self: &Arc<Self>, brand: Arc<Brand>) {
        let coalescer = Arc::clone(self);
        self.background.spawn(async move {
            let mut slot = BatchSlot {
                coalescer: &coalescer,
                brand: &brand,
                holds_next: true,
                is_over: false,
            };
            while let Some(batch) = slot.next_batch() {
                coalescer.run_batch(&brand, batch, &mut slot).await;
            }
        });
    }

    async fn run_batch(
        self: &Arc<Self>,
        brand: &Arc<Brand>,
        batch: Vec<Arc<InFlightLookup>>,
        slot: &mut BatchSlot<'_>,
    ) {
        let mut guard = InFlightGuard::begin(self, brand, batch);
        let alone = match self.query_batch(brand, &guard.lookups, slot).await {
            Ok(found) => {
                let results = guard.lookups.drain(..).zip(found);
                let (answered, others): (Vec<_>, Vec<_>) =
                    results.partition(|(_, found)| found.is_some());
                answered.into_iter().for_each(|(lookup, found)| {
                    self.complete(&lookup, guard.generation, found.ok_or(LookupFailed::Failed))
                });
                others.into_iter().map(|(lookup, _)| lookup).collect()
            }
            // Perhaps only one lookup causes the failure.
            Err(QueryError::Failed) if guard.lookups.len() > 1 => {
                std::mem::take(&mut guard.lookups)
            }
            Err(QueryError::Failed | QueryError::Unavailable) => Vec::new(),
        };
        alone.into_iter().for_each(|lookup| self.run_single(Arc::clone(brand), lookup));
    }

    async fn query_batch(
        self: &Arc<Self>,
        brand: &Arc<Brand>,
        lookups: &[Arc<InFlightLookup>],
        slot: &mut BatchSlot<'_>,
    ) -> Result<Vec<Option<FoundCustomer>>, QueryError> {
        let started_at = Instant::now();
        let addresses: Vec<&Identifier> =
            lookups.iter().filter_map(|lookup| lookup.question.address()).collect();
        let asking = self
            .store
            .ask(brand, BatchMode::Batch(&addresses), || release_those_with_stale(lookups));
        tokio::pin!(asking);
        let found = match tokio::time::timeout(SLOW_BATCH_AFTER, &mut asking).await {
            Ok(found) => found,
            Err(_) => {
                slot.release_early();
                asking.await
            }
        };
        let metrics = batch_metrics();
        metrics.lookups.record(f64::from(u32::try_from(lookups.len()).unwrap_or(u32::MAX)));
        metrics.seconds.record(started_at.elapsed().as_secs_f64());
        found
    }

    pub(crate) fn run_single(self: &Arc<Self>, brand: Arc<Brand>, lookup: Arc<InFlightLookup>) {
        let coalescer = Arc::clone(self);
        self.background.spawn(async move {
            let _permit = coalescer.single_slots.acquire().await;
            let mut guard = InFlightGuard::begin(&coalescer, &brand, vec![lookup]);
            let Some(lookup) = guard.lookups.first().filter(|lookup| lookup.is_wanted()) else {
                return;
            };
            let asking = coalescer.store.ask(&brand, BatchMode::Single(&lookup.question), || {
                release_those_with_stale(&guard.lookups)
            });
            let Ok(found) = asking.await else { return };
            let results: Vec<_> = guard.lookups.drain(..).zip(found).collect();
            results.into_iter().for_each(|(lookup, found)| {
                coalescer.complete(&lookup, guard.generation, found.ok_or(LookupFailed::Failed))
            });
        });
    }
}

/// A slot for a batch of a brand in flight.
struct BatchSlot<'a> {
    coalescer: &'a Arc<LookupCoalescer>,
    brand: &'a Arc<Brand>,
    // Whether further lookups of the brand wait for this batch.
    holds_next: bool,
    is_over: bool,
}

impl BatchSlot<'_> {
    /// Takes the next batch, of at most [`MAX_BATCH_SIZE`] lookups. `None` if no lookup waits, or another batch has
    /// started meanwhile. Then the slot is released.
    fn next_batch(&mut self) -> Option<Vec<Arc<InFlightLookup>>> {
        let mut in_flight = lock(&self.coalescer.in_flight);
        let InFlightMap { joinable, queues } = &mut *in_flight;
        let queue = queues.entry(self.brand.id()).or_default();
        while (self.holds_next || !queue.is_held) && !queue.waiting.is_empty() {
            let seats = queue.waiting.len().min(MAX_BATCH_SIZE);
            let (batch, unwanted): (Vec<_>, Vec<_>) =
                queue.waiting.drain(..seats).partition(|lookup| lookup.is_wanted());
            for lookup in unwanted {
                if joinable.get(&lookup.key).is_some_and(|current| Arc::ptr_eq(current, &lookup)) {
                    joinable.remove(&lookup.key);
                }
            }
            if !batch.is_empty() {
                (queue.is_held, self.holds_next) = (true, true);
                return Some(batch);
            }
        }
        self.release(queue);
        None
    }

    /// Lets the next batch start, because Postgres is slow to answer this one.
    fn release_early(&mut self) {
        self.holds_next = false;
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
            queue.is_held &= !self.holds_next;
        }
    }
}

impl Drop for BatchSlot<'_> {
    /// Releases the slot after any end, also after a panic, so that the queue is never blocked.
    fn drop(&mut self) {
        let mut in_flight = lock(&self.coalescer.in_flight);
        self.release(in_flight.queues.entry(self.brand.id()).or_default());
    }
}

/// While Postgres is unavailable, lookups with an expired cached answer stop waiting and return it.
fn release_those_with_stale(lookups: &[Arc<InFlightLookup>]) {
    for lookup in lookups {
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
    let register = || BatchMetrics {
        lookups: metrics::histogram!("hookpoint_batch_lookups"),
        seconds: metrics::histogram!("hookpoint_batch_duration_seconds"),
    };
    METRICS.get_or_init(register)
}
