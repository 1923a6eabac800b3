//! Makes one call for all callers with the same request at the same time. A call that has started continues even if no
//! caller waits. A call that has not started is cancelled.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::{Notify, watch};

use super::breaker::Probe;
use super::queue::{A_WHILE, Deadline};
use super::{CallError, CallPriority, UpstreamClient, lock};
use crate::sources::api::{ApiRequest, ParsedReply};

/// The calls of an account that wait or are in flight.
pub(super) type SharedCalls = Mutex<HashMap<ApiRequest, Arc<SharedCall>>>;

/// The result of a call.
pub(super) type Outcome = Result<Arc<ParsedReply>, CallError>;

/// The progress of a call.
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

/// A call that several callers share.
pub(super) struct SharedCall {
    pub(super) progress: watch::Sender<Progress>,
    /// The highest priority of the callers.
    pub(super) priority: watch::Sender<CallPriority>,
    /// When the last caller gives up waiting for its start.
    pub(super) until: Deadline,
    waiters: AtomicUsize,
    left: Notify,
    /// Whether it checks an open circuit. Such a call is made even if no caller waits.
    is_probe: bool,
}

/// A caller that waits for a call, until it is dropped.
pub(super) struct Waiter(Arc<SharedCall>);

impl Waiter {
    pub(super) fn call(&self) -> &SharedCall {
        &self.0
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.0.waiters.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.left.notify_one();
        }
    }
}

impl UpstreamClient {
    /// Joins the call for the same request, or starts one.
    pub(super) fn join(
        self: &Arc<Self>,
        ask: &ApiRequest,
        priority: CallPriority,
        until: Instant,
        probe: Option<Probe>,
    ) -> Waiter {
        let mut shared_calls = lock(&self.shared_calls);
        if let Some(call) = shared_calls.get(ask) {
            call.waiters.fetch_add(1, Ordering::SeqCst);
            let mut latest = lock(&call.until);
            *latest = until.max(*latest);
            drop(latest);
            call.priority.send_if_modified(|known| {
                priority < *known && std::mem::replace(known, priority) != priority
            });
            return Waiter(Arc::clone(call));
        }
        let call = Arc::new(SharedCall {
            progress: watch::Sender::new(Progress::Waiting),
            priority: watch::Sender::new(priority),
            // A call that checks an open circuit must be made in any case.
            until: Arc::new(Mutex::new(if probe.is_some() { until + A_WHILE } else { until })),
            waiters: AtomicUsize::new(1),
            left: Notify::new(),
            is_probe: probe.is_some(),
        });
        shared_calls.insert(ask.clone(), Arc::clone(&call));
        drop(shared_calls);
        let guard =
            CallGuard { account: Arc::clone(self), ask: ask.clone(), call: Arc::clone(&call) };
        self.background.spawn(guard.run(probe));
        Waiter(call)
    }

    /// The number of calls that wait or are in flight. It is 0 after everything has ended.
    #[must_use]
    pub fn calls_under_way(&self) -> usize {
        lock(&self.shared_calls).len().max(self.budget.under_way()).max(self.budget.waiting())
    }
}

/// A running call. After any end, the callers get a result, and no caller can join it.
struct CallGuard {
    account: Arc<UpstreamClient>,
    ask: ApiRequest,
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
            // Callers that waited for the rate limit count this error themselves.
            if !matches!(error, CallError::RateLimited) {
                account.count(*self.call.priority.borrow(), error.outcome());
            }
        }
        self.complete(outcome);
    }

    /// Completes when no caller waits for a call that has not started.
    async fn given_up(&self) {
        loop {
            self.call.left.notified().await;
            let mut shared_calls = lock(&self.account.shared_calls);
            let is_left = self.call.waiters.load(Ordering::SeqCst) == 0 && !self.call.is_probe;
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

    fn remove(&self, shared_calls: &mut HashMap<ApiRequest, Arc<SharedCall>>) {
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
