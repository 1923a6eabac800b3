//! Makes one call for all callers with the same request at the same time. A call that has started continues even if no
//! caller waits. A call that has not started is cancelled.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::error::CallError;
use super::priority::CallPriority;
use super::queue::{Deadline, MAX_WAIT};
use crate::concurrency::single_flight::{Leader, SingleFlight};
use crate::sources::api::{ApiRequest, ParsedReply};

/// The result of a call.
pub(super) type Outcome = Result<Arc<ParsedReply>, CallError>;

/// The calls of an account that wait or are in flight.
pub(super) type SharedCalls = SingleFlight<ApiRequest, SharedCall, Outcome>;

/// A call that is to be made.
pub(super) type PendingCall = Leader<ApiRequest, SharedCall, Outcome>;

/// What the callers of a call share.
pub(super) struct SharedCall {
    /// Whether the request was sent.
    pub(super) started: watch::Sender<bool>,
    /// The highest priority of the callers.
    pub(super) priority: watch::Sender<CallPriority>,
    /// When the last caller gives up waiting for its start.
    pub(super) until: Deadline,
    /// Whether it checks an open circuit. Such a call is made even if no caller waits.
    is_probe: bool,
}

impl SharedCall {
    pub(super) fn new(priority: CallPriority, until: Instant, is_probe: bool) -> Self {
        Self {
            started: watch::Sender::new(false),
            priority: watch::Sender::new(priority),
            until: Arc::new(Mutex::new(if is_probe { until + MAX_WAIT } else { until })),
            is_probe,
        }
    }

    /// Adds a caller, who may be in more of a hurry, or wait longer.
    pub(super) fn add_caller(&self, priority: CallPriority, until: Instant) {
        let mut latest = self.until.lock();
        *latest = until.max(*latest);
        drop(latest);
        self.priority.send_if_modified(|known| {
            priority < *known && std::mem::replace(known, priority) != priority
        });
    }

    /// Whether it is cancelled when no caller waits.
    pub(super) fn may_be_cancelled(&self) -> bool {
        !self.is_probe && !*self.started.borrow()
    }
}
