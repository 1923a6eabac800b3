//! Flights of a brand that travel together.
//!
//! While a brand's flights are under way, further ones wait at its gate and depart together when those are back: one
//! statement, one connection, however many ask. Nobody waits longer than [`PATIENCE`] for a slow batch, unless two are stuck,
//! and what fails together is asked again one by one.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use metrics::Histogram;

use super::coalescing::{Crashed, Flight, Flights, Journey, Tower, lock};
use super::query_customers::Found;
use super::repository::{Asked, Unanswered};
use crate::brand::Brand;
use crate::customer::model::identifier::Identifier;

/// How long others of the brand wait for those that are under way before they depart on a connection of their own.
const PATIENCE: Duration = Duration::from_millis(5);

/// The most that travel together.
const SEATS: usize = 256;

/// How many batches of a brand may be under way at once: when all are stuck, other brands still get through.
const MOST_UNDER_WAY: usize = 2;

/// Where a brand's flights wait for departure.
#[derive(Default)]
pub(crate) struct Gate {
    pub(crate) waiting: Vec<Arc<Flight>>,
    under_way: usize,
    // A batch is under way that isn't late yet.
    is_held: bool,
}

impl Gate {
    pub(crate) const fn may_depart(&self) -> bool {
        !self.is_held && self.under_way < MOST_UNDER_WAY
    }

    pub(crate) const fn hold(&mut self) {
        self.is_held = true;
        self.under_way = self.under_way.saturating_add(1);
    }
}

impl Flights {
    /// Brings those who wait at a brand's gate to the store, batch after batch, until nobody waits.
    pub(crate) fn depart(self: &Arc<Self>, brand: Arc<Brand>) {
        let flights = Arc::clone(self);
        self.background.spawn(async move {
            let mut departure = Departure { flights: &flights, brand: &brand, holds_gate: true, is_over: false };
            while let Some(batch) = departure.next_batch() {
                flights.fly_together(&brand, batch, &mut departure).await;
            }
        });
    }

    async fn fly_together(self: &Arc<Self>, brand: &Arc<Brand>, batch: Vec<Arc<Flight>>, departure: &mut Departure<'_>) {
        let mut journey = Journey::begin(self, brand, batch);
        let alone = match self.ask_together(brand, &journey.flights, departure).await {
            Ok(found) => {
                let landing = journey.flights.drain(..).zip(found);
                let (landed, others): (Vec<_>, Vec<_>) = landing.partition(|(_, found)| found.is_some());
                landed.into_iter().for_each(|(flight, found)| self.land(&flight, journey.epoch, found.ok_or(Crashed::Failed)));
                others.into_iter().map(|(flight, _)| flight).collect()
            }
            // Perhaps only one of them can't be answered.
            Err(Unanswered::Failed) if journey.flights.len() > 1 => std::mem::take(&mut journey.flights),
            Err(Unanswered::Failed | Unanswered::Away) => Vec::new(),
        };
        alone.into_iter().for_each(|flight| self.depart_alone(Arc::clone(brand), flight));
    }

    async fn ask_together(
        self: &Arc<Self>,
        brand: &Arc<Brand>,
        flights: &[Arc<Flight>],
        departure: &mut Departure<'_>,
    ) -> Result<Vec<Option<Found>>, Unanswered> {
        let started_at = Instant::now();
        let addresses: Vec<&Identifier> = flights.iter().filter_map(|flight| flight.question.address()).collect();
        let asking = self.store.ask(brand, Asked::Together(&addresses), || release_those_with_old(flights));
        tokio::pin!(asking);
        let found = match tokio::time::timeout(PATIENCE, &mut asking).await {
            Ok(found) => found,
            Err(_) => {
                departure.let_others_go();
                asking.await
            }
        };
        let metrics = batch_metrics();
        metrics.lookups.record(f64::from(u32::try_from(flights.len()).unwrap_or(u32::MAX)));
        metrics.seconds.record(started_at.elapsed().as_secs_f64());
        found
    }

    pub(crate) fn depart_alone(self: &Arc<Self>, brand: Arc<Brand>, flight: Arc<Flight>) {
        let flights = Arc::clone(self);
        self.background.spawn(async move {
            let _permit = flights.alone.acquire().await;
            let mut journey = Journey::begin(&flights, &brand, vec![flight]);
            let Some(flight) = journey.flights.first().filter(|flight| flight.is_wanted()) else { return };
            let asking = flights.store.ask(&brand, Asked::Alone(&flight.question), || release_those_with_old(&journey.flights));
            let Ok(found) = asking.await else { return };
            let landing: Vec<_> = journey.flights.drain(..).zip(found).collect();
            landing.into_iter().for_each(|(flight, found)| flights.land(&flight, journey.epoch, found.ok_or(Crashed::Failed)));
        });
    }
}

/// A place among a brand's batches that are under way.
struct Departure<'a> {
    flights: &'a Arc<Flights>,
    brand: &'a Arc<Brand>,
    // Whether further flights of the brand wait for this one.
    holds_gate: bool,
    is_over: bool,
}

impl Departure<'_> {
    /// Who waits, at most [`SEATS`]. `None` when nobody does, or others have departed meanwhile; then the place is given up.
    fn next_batch(&mut self) -> Option<Vec<Arc<Flight>>> {
        let mut tower = lock(&self.flights.tower);
        let Tower { in_air, gates } = &mut *tower;
        let gate = gates.entry(self.brand.id()).or_default();
        while (self.holds_gate || !gate.is_held) && !gate.waiting.is_empty() {
            let seats = gate.waiting.len().min(SEATS);
            let (batch, unwanted): (Vec<_>, Vec<_>) = gate.waiting.drain(..seats).partition(|flight| flight.is_wanted());
            for flight in unwanted {
                if in_air.get(&flight.key).is_some_and(|current| Arc::ptr_eq(current, &flight)) {
                    in_air.remove(&flight.key);
                }
            }
            if !batch.is_empty() {
                (gate.is_held, self.holds_gate) = (true, true);
                return Some(batch);
            }
        }
        self.give_up(gate);
        None
    }

    /// The store takes its time: others go without waiting for us.
    fn let_others_go(&mut self) {
        self.holds_gate = false;
        let mut tower = lock(&self.flights.tower);
        let gate = tower.gates.entry(self.brand.id()).or_default();
        gate.is_held = false;
        if !gate.waiting.is_empty() && gate.may_depart() {
            gate.hold();
            drop(tower);
            self.flights.depart(Arc::clone(self.brand));
        }
    }

    fn give_up(&mut self, gate: &mut Gate) {
        if !self.is_over {
            self.is_over = true;
            gate.under_way = gate.under_way.saturating_sub(1);
            gate.is_held &= !self.holds_gate;
        }
    }
}

impl Drop for Departure<'_> {
    /// However it ended: a bug must not close the gate for good.
    fn drop(&mut self) {
        let mut tower = lock(&self.flights.tower);
        self.give_up(tower.gates.entry(self.brand.id()).or_default());
    }
}

/// While the store is away, an old answer now is better than perhaps a new one later.
fn release_those_with_old(flights: &[Arc<Flight>]) {
    for flight in flights {
        for passenger in lock(&flight.passengers).extract_if(.., |passenger| passenger.has_old) {
            let _ = passenger.seat.send(Err(Crashed::Failed));
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
        || BatchMetrics { lookups: metrics::histogram!("hookpoint_batch_lookups"), seconds: metrics::histogram!("hookpoint_batch_seconds") };
    METRICS.get_or_init(register)
}
