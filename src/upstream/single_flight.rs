//! One call for all who ask the same at the same time. It goes on when nobody waits for it any more, unless it has not begun.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::{Notify, watch};

use super::breaker::Probe;
use super::queue::{A_WHILE, Until};
use super::{Account, CallError, Class, lock};
use crate::sources::api::{Ask, Heard};

/// The calls of an account that wait or are under way.
pub(super) type Flights = Mutex<HashMap<Ask, Arc<Flight>>>;

/// What came of a call.
pub(super) type Outcome = Result<Arc<Heard>, CallError>;

/// How far a call is.
pub(super) enum Progress {
    Waiting,
    UnderWay,
    Over(Outcome),
}

impl Progress {
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting)
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }
}

/// A call, and how many wait for it.
pub(super) struct Flight {
    pub(super) progress: watch::Sender<Progress>,
    /// The highest class of those who wait.
    pub(super) class: watch::Sender<Class>,
    /// Until when somebody waits for it to begin.
    pub(super) until: Until,
    passengers: AtomicUsize,
    left: Notify,
    /// Made even if nobody waits.
    is_probe: bool,
}

/// Somebody who waits for a call.
pub(super) struct Passenger(Arc<Flight>);

impl Passenger {
    pub(super) fn flight(&self) -> &Flight {
        &self.0
    }
}

impl Drop for Passenger {
    fn drop(&mut self) {
        if self.0.passengers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.left.notify_one();
        }
    }
}

impl Account {
    /// Joins the call for an equal question, or begins one.
    pub(super) fn join(self: &Arc<Self>, ask: &Ask, class: Class, until: Instant, probe: Option<Probe>) -> Passenger {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.get(ask) {
            flight.passengers.fetch_add(1, Ordering::SeqCst);
            let mut latest = lock(&flight.until);
            *latest = until.max(*latest);
            drop(latest);
            flight.class.send_if_modified(|known| class < *known && std::mem::replace(known, class) != class);
            return Passenger(Arc::clone(flight));
        }
        let flight = Arc::new(Flight {
            progress: watch::Sender::new(Progress::Waiting),
            class: watch::Sender::new(class),
            // What finds out whether the source is back is made in any case.
            until: Arc::new(Mutex::new(if probe.is_some() { until + A_WHILE } else { until })),
            passengers: AtomicUsize::new(1),
            left: Notify::new(),
            is_probe: probe.is_some(),
        });
        flights.insert(ask.clone(), Arc::clone(&flight));
        drop(flights);
        let journey = Journey { account: Arc::clone(self), ask: ask.clone(), flight: Arc::clone(&flight) };
        self.background.spawn(journey.fly(probe));
        Passenger(flight)
    }

    /// How many calls wait or are under way. After everything has ended there is none.
    #[must_use]
    pub fn calls_under_way(&self) -> usize {
        lock(&self.flights).len().max(self.budget.under_way()).max(self.budget.waiting())
    }
}

/// A call on its way. However it ends, those who wait hear of it, and nobody joins it any more.
struct Journey {
    account: Arc<Account>,
    ask: Ask,
    flight: Arc<Flight>,
}

impl Journey {
    async fn fly(self, probe: Option<Probe>) {
        let account = &self.account;
        let outcome = tokio::select! {
            outcome = account.make(&self.ask, &self.flight) => outcome,
            () = self.given_up() => return,
            () = account.background.until_ending() => Err(CallError::Ending),
        };
        account.breaker.note(outcome.as_ref().err());
        drop(probe);
        if let Err(error) = &outcome {
            // Those who waited for a budget count that themselves.
            if !matches!(error, CallError::NoBudget) {
                account.count(*self.flight.class.borrow(), error.outcome());
            }
        }
        self.land(outcome);
    }

    /// Completes when nobody waits for a call that has not begun.
    async fn given_up(&self) {
        loop {
            self.flight.left.notified().await;
            let mut flights = lock(&self.account.flights);
            let is_left = self.flight.passengers.load(Ordering::SeqCst) == 0 && !self.flight.is_probe;
            if is_left && self.flight.progress.borrow().is_waiting() {
                self.take_off(&mut flights);
                return;
            }
        }
    }

    fn land(&self, outcome: Outcome) {
        self.take_off(&mut lock(&self.account.flights));
        self.flight.progress.send_replace(Progress::Over(outcome));
    }

    fn take_off(&self, flights: &mut HashMap<Ask, Arc<Flight>>) {
        if flights.get(&self.ask).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            flights.remove(&self.ask);
        }
    }
}

impl Drop for Journey {
    fn drop(&mut self) {
        let is_over = self.flight.progress.borrow().is_over();
        if !is_over {
            self.land(Err(CallError::Ending));
        }
    }
}
