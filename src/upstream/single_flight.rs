//! One call for all who ask the same at the same time. It goes on when nobody waits for it any more, unless it has not begun.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::{Notify, watch};

use super::breaker::Probe;
use super::queue::{A_WHILE, Deadline};
use super::{CallError, CallPriority, UpstreamClient, lock};
use crate::sources::api::{Ask, ParsedReply};

/// The calls of an account that wait or are under way.
pub(super) type SharedCalls = Mutex<HashMap<Ask, Arc<SharedCall>>>;

/// What came of a call.
pub(super) type Outcome = Result<Arc<ParsedReply>, CallError>;

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
pub(super) struct SharedCall {
    pub(super) progress: watch::Sender<Progress>,
    /// The highest class of those who wait.
    pub(super) priority: watch::Sender<CallPriority>,
    /// Until when somebody waits for it to begin.
    pub(super) until: Deadline,
    passengers: AtomicUsize,
    left: Notify,
    /// Made even if nobody waits.
    is_probe: bool,
}

/// Somebody who waits for a call.
pub(super) struct Waiter(Arc<SharedCall>);

impl Waiter {
    pub(super) fn call(&self) -> &SharedCall {
        &self.0
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.0.passengers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.left.notify_one();
        }
    }
}

impl UpstreamClient {
    /// Joins the call for an equal question, or begins one.
    pub(super) fn join(self: &Arc<Self>, ask: &Ask, priority: CallPriority, until: Instant, probe: Option<Probe>) -> Waiter {
        let mut shared_calls = lock(&self.shared_calls);
        if let Some(call) = shared_calls.get(ask) {
            call.passengers.fetch_add(1, Ordering::SeqCst);
            let mut latest = lock(&call.until);
            *latest = until.max(*latest);
            drop(latest);
            call.priority.send_if_modified(|known| priority < *known && std::mem::replace(known, priority) != priority);
            return Waiter(Arc::clone(call));
        }
        let call = Arc::new(SharedCall {
            progress: watch::Sender::new(Progress::Waiting),
            priority: watch::Sender::new(priority),
            // What finds out whether the source is back is made in any case.
            until: Arc::new(Mutex::new(if probe.is_some() { until + A_WHILE } else { until })),
            passengers: AtomicUsize::new(1),
            left: Notify::new(),
            is_probe: probe.is_some(),
        });
        shared_calls.insert(ask.clone(), Arc::clone(&call));
        drop(shared_calls);
        let journey = CallGuard { account: Arc::clone(self), ask: ask.clone(), call: Arc::clone(&call) };
        self.background.spawn(journey.run(probe));
        Waiter(call)
    }

    /// How many calls wait or are under way. After everything has ended there is none.
    #[must_use]
    pub fn calls_under_way(&self) -> usize {
        lock(&self.shared_calls).len().max(self.budget.under_way()).max(self.budget.waiting())
    }
}

/// A call on its way. However it ends, those who wait hear of it, and nobody joins it any more.
struct CallGuard {
    account: Arc<UpstreamClient>,
    ask: Ask,
    call: Arc<SharedCall>,
}

impl CallGuard {
    async fn run(self, probe: Option<Probe>) {
        let account = &self.account;
        let outcome = tokio::select! {
            outcome = account.perform(&self.ask, &self.call) => outcome,
            () = self.given_up() => return,
            () = account.background.until_ending() => Err(CallError::ShuttingDown),
        };
        account.breaker.note(outcome.as_ref().err());
        drop(probe);
        if let Err(error) = &outcome {
            // Those who waited for a budget count that themselves.
            if !matches!(error, CallError::RateLimited) {
                account.count(*self.call.priority.borrow(), error.outcome());
            }
        }
        self.complete(outcome);
    }

    /// Completes when nobody waits for a call that has not begun.
    async fn given_up(&self) {
        loop {
            self.call.left.notified().await;
            let mut shared_calls = lock(&self.account.shared_calls);
            let is_left = self.call.passengers.load(Ordering::SeqCst) == 0 && !self.call.is_probe;
            if is_left && self.call.progress.borrow().is_waiting() {
                self.remove(&mut shared_calls);
                return;
            }
        }
    }

    fn complete(&self, outcome: Outcome) {
        self.remove(&mut lock(&self.account.shared_calls));
        self.call.progress.send_replace(Progress::Over(outcome));
    }

    fn remove(&self, shared_calls: &mut HashMap<Ask, Arc<SharedCall>>) {
        if shared_calls.get(&self.ask).is_some_and(|call| Arc::ptr_eq(call, &self.call)) {
            shared_calls.remove(&self.ask);
        }
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        let is_over = self.call.progress.borrow().is_over();
        if !is_over {
            self.complete(Err(CallError::ShuttingDown));
        }
    }
}
