//! One call for all who ask the same at the same time. It goes on when nobody waits for it any more, unless it has not begun.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{Notify, watch};

use super::breaker::{Admission, Probe};
use super::budget::Permit;
use super::client::{Answer, Body};
use super::token::Proof;
use super::{Account, CallError, Class, lock};
use crate::sources::api::{Ask, Heard, Reply, Request};

/// The calls of an account that wait or are under way.
pub(super) type Flights = Mutex<HashMap<Ask, Arc<Flight>>>;

/// How far a call is.
#[derive(Clone)]
enum Progress {
    Waiting,
    UnderWay,
    Over(Result<Arc<Heard>, CallError>),
}

/// A call, and how many wait for it.
pub(super) struct Flight {
    progress: watch::Sender<Progress>,
    /// The highest class of those who wait.
    class: watch::Sender<Class>,
    passengers: AtomicUsize,
    left: Notify,
    /// Made even if nobody waits.
    is_probe: bool,
}

/// Somebody who waits for a call.
struct Passenger(Arc<Flight>);

impl Drop for Passenger {
    fn drop(&mut self) {
        if self.0.passengers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.left.notify_one();
        }
    }
}

impl Account {
    /// Asks, and waits for what is heard: at most `patience` for the budget, and then for as long as a call may take. A call
    /// that has begun goes on when nobody waits for it any more.
    ///
    /// # Errors
    /// When nothing is heard.
    pub async fn call(self: &Arc<Self>, ask: &Ask, class: Class, patience: Duration) -> Result<Arc<Heard>, CallError> {
        let called = self.board(ask, class, patience).await;
        if let Err(error @ (CallError::NoBudget | CallError::Broken)) = &called {
            self.count(class, error.outcome());
        }
        called
    }

    async fn board(self: &Arc<Self>, ask: &Ask, class: Class, patience: Duration) -> Result<Arc<Heard>, CallError> {
        if self.background.is_ending() {
            return Err(CallError::Ending);
        }
        let probe = match self.breaker.admit() {
            Admission::Refused => return Err(CallError::Broken),
            // Whoever is on the phone doesn't wait for an account that is probably still down.
            Admission::Probe(probe) if class == Class::Live => {
                self.join(ask, class, Some(probe));
                return Err(CallError::Broken);
            }
            Admission::Probe(probe) => Some(probe),
            Admission::Granted => None,
        };
        let passenger = self.join(ask, class, probe);
        let mut progress = passenger.0.progress.subscribe();
        let begun = tokio::time::timeout(patience, progress.wait_for(|progress| !matches!(progress, Progress::Waiting))).await;
        begun.map_err(|_| CallError::NoBudget)?.map_err(|_| CallError::Ending)?;
        let over = progress.wait_for(|progress| matches!(progress, Progress::Over(_))).await.map_err(|_| CallError::Ending)?;
        match &*over {
            Progress::Over(heard) => heard.clone(),
            Progress::Waiting | Progress::UnderWay => Err(CallError::Ending),
        }
    }

    /// Joins the call for an equal question, or begins one.
    fn join(self: &Arc<Self>, ask: &Ask, class: Class, probe: Option<Probe>) -> Passenger {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.get(ask) {
            flight.passengers.fetch_add(1, Ordering::SeqCst);
            flight.class.send_if_modified(|known| class < *known && std::mem::replace(known, class) != class);
            return Passenger(Arc::clone(flight));
        }
        let flight = Arc::new(Flight {
            progress: watch::Sender::new(Progress::Waiting),
            class: watch::Sender::new(class),
            passengers: AtomicUsize::new(1),
            left: Notify::new(),
            is_probe: probe.is_some(),
        });
        flights.insert(ask.clone(), Arc::clone(&flight));
        drop(flights);
        let landing = Landing { account: Arc::clone(self), ask: ask.clone(), flight: Arc::clone(&flight) };
        self.background.spawn(landing.fly(probe));
        Passenger(flight)
    }

    /// How many calls wait or are under way. After everything has ended there is none.
    #[must_use]
    pub fn calls_under_way(&self) -> usize {
        lock(&self.flights).len().max(self.budget.count())
    }

    /// Asks, reads what comes back, and takes notice of it.
    async fn make(self: &Arc<Self>, ask: &Ask, flight: &Flight) -> Result<Arc<Heard>, CallError> {
        let request = self.api().request(ask).ok_or(CallError::Unaskable)?;
        let url = self.places.find(&request.target)?;
        let (mut was_lost, mut was_refused) = (false, false);
        let answer = loop {
            let proof = self.prover.proof().await?;
            let permit = self.permit(flight).await?;
            flight.progress.send_if_modified(|progress| std::mem::replace(progress, Progress::UnderWay).is_waiting());
            match self.send(url.clone(), &request, &proof, &permit).await {
                Err(lost) if lost.is_broken && request.is_repeatable && !was_lost => was_lost = true,
                Err(lost) => return Err(lost.error),
                Ok(answer) if answer.status == 401 && !was_refused && self.prover.reject(&proof) => was_refused = true,
                Ok(answer) => break answer,
            }
        };
        let is_missing = matches!(answer.status, 404 | 410);
        let body = match answer.status {
            200..300 => answer.body?,
            404 | 410 => Value::Null,
            300..400 => return Err(CallError::Redirected),
            status => return Err(CallError::Status(status)),
        };
        let reply = Reply { body, is_missing, received_at: self.clock.now() };
        Ok(Arc::new(self.api().read(ask, &reply)?))
    }

    async fn send(&self, url: reqwest::Url, request: &Request, proof: &Proof, permit: &Permit) -> Result<Answer, super::client::Lost> {
        let _ = permit;
        let began = Instant::now();
        let body = request.body.as_ref().map_or(Body::Nothing, Body::Json);
        let sent = self.client.send(url, body, Some(proof.header.clone())).await;
        metrics::histogram!("hookpoint_call_seconds", "source" => self.source.as_str()).record(began.elapsed().as_secs_f64());
        sent
    }

    /// Waits for the budget in the class of whoever waits; when somebody of a higher one joins, in that.
    async fn permit(&self, flight: &Flight) -> Result<Permit, CallError> {
        let began = Instant::now();
        let mut class = flight.class.subscribe();
        loop {
            let now = *class.borrow_and_update();
            let permit = tokio::select! {
                permit = self.budget.permit(now, true) => permit?,
                _ = class.changed() => continue,
            };
            if permit.is_fresh() {
                let waited = began.elapsed().as_secs_f64();
                metrics::histogram!("hookpoint_call_waits_seconds", "source" => self.source.as_str(), "class" => now.as_str()).record(waited);
                return Ok(permit);
            }
        }
    }

    fn count(&self, class: Class, outcome: &'static str) {
        let (brand, source) = (self.brand.rules.slug.clone(), self.source.as_str());
        metrics::counter!("hookpoint_calls_total", "brand" => brand, "source" => source, "class" => class.as_str(), "outcome" => outcome)
            .increment(1);
    }
}

impl Progress {
    const fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting)
    }
}

/// A call on its way. However it ends, those who wait hear of it, and nobody joins it any more.
struct Landing {
    account: Arc<Account>,
    ask: Ask,
    flight: Arc<Flight>,
}

impl Landing {
    async fn fly(self, probe: Option<Probe>) {
        let account = Arc::clone(&self.account);
        let heard = tokio::select! {
            heard = account.make(&self.ask, &self.flight) => heard,
            () = self.given_up() => return,
            () = account.background.until_ending() => Err(CallError::Ending),
        };
        account.breaker.note(heard.as_ref().err());
        drop(probe);
        account.count(*self.flight.class.borrow(), heard.as_ref().err().map_or("answered", CallError::outcome));
        self.land(heard);
    }

    /// Completes when nobody waits for a call that has not begun.
    async fn given_up(&self) {
        loop {
            self.flight.left.notified().await;
            let mut flights = lock(&self.account.flights);
            let is_empty = self.flight.passengers.load(Ordering::SeqCst) == 0 && !self.flight.is_probe;
            if is_empty && self.flight.progress.borrow().is_waiting() {
                self.take_off(&mut flights);
                return;
            }
        }
    }

    fn land(&self, heard: Result<Arc<Heard>, CallError>) {
        self.take_off(&mut lock(&self.account.flights));
        self.flight.progress.send_replace(Progress::Over(heard));
    }

    fn take_off(&self, flights: &mut HashMap<Ask, Arc<Flight>>) {
        if flights.get(&self.ask).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            flights.remove(&self.ask);
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let is_over = matches!(*self.flight.progress.borrow(), Progress::Over(_));
        if !is_over {
            self.land(Err(CallError::Ending));
        }
    }
}
