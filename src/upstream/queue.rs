//! The queue for the rate limit of an account on this replica, and the number of calls in flight.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::error::CallError;
use super::priority::CallPriority;
use crate::storage::upstream_accounts::PRIORITIES;

/// A caller that waits for a permit.
pub(super) struct Waiter<P> {
    pub(super) reply_tx: oneshot::Sender<Result<P, CallError>>,
    /// Whether it counts as a call in flight. A token request does not, because a call that already counts needs the
    /// token.
    pub(super) takes_place: bool,
    pub(super) until: Deadline,
}

/// When the last waiting caller gives up. A caller with more time extends it.
pub(super) type Deadline = Arc<Mutex<Instant>>;

/// A time that no wait for the rate limit exceeds.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(2 * 3_600);

/// The waiting callers by priority, and the numbers of calls in flight.
pub(super) struct Queue<P> {
    waiting: [VecDeque<Waiter<P>>; PRIORITIES],
    pub(super) is_reserving: bool,
    max_concurrent: usize,
    live_in_flight: usize,
    others_in_flight: usize,
}

impl<P> Queue<P> {
    pub(super) fn new(max_concurrent: usize) -> Self {
        Self {
            waiting: std::array::from_fn(|_| VecDeque::new()),
            is_reserving: false,
            max_concurrent,
            live_in_flight: 0,
            others_in_flight: 0,
        }
    }

    pub(super) fn enter(&mut self, priority: CallPriority, waiter: Waiter<P>) {
        if let Some(waiting) = self.waiting.get_mut(priority.number()) {
            waiting.push_back(waiter);
        }
    }

    /// Removes all waiting callers.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = Waiter<P>> + use<P> {
        std::mem::replace(&mut self.waiting, std::array::from_fn(|_| VecDeque::new()))
            .into_iter()
            .flatten()
    }

    /// Removes callers that have stopped waiting. Returns whether any are left.
    pub(super) fn is_wanted(&mut self) -> bool {
        self.waiting
            .iter_mut()
            .for_each(|waiting| waiting.retain(|waiter| !waiter.reply_tx.is_closed()));
        self.waiting.iter().any(|waiting| !waiting.is_empty())
    }

    /// The number of calls by priority that could start if they were granted. It counts only the kinds that may be
    /// requested now.
    pub(super) fn wanted(&self, [ask_live, ask_others]: [bool; 2]) -> [u32; PRIORITIES] {
        let (mut free, mut free_for_live, mut free_for_others) = (
            self.max_concurrent.saturating_sub(self.all_in_flight()),
            self.free(CallPriority::Live),
            self.free(CallPriority::Backfill),
        );
        let mut wanted = [0_u32; PRIORITIES];
        for ((priority, waiting), wanted) in
            CallPriority::ALL.into_iter().zip(&self.waiting).zip(&mut wanted)
        {
            let (is_asked, free_for_kind) = if priority == CallPriority::Live {
                (ask_live, &mut free_for_live)
            } else {
                (ask_others, &mut free_for_others)
            };
            for waiter in waiting.iter().filter(|_| is_asked) {
                if waiter.takes_place && free.min(*free_for_kind) == 0 {
                    continue;
                }
                let taken = usize::from(waiter.takes_place);
                (free, *free_for_kind) =
                    (free.saturating_sub(taken), free_for_kind.saturating_sub(taken));
                *wanted = wanted.saturating_add(1);
            }
        }
        wanted
    }

    /// Whether live calls wait, and whether other calls wait.
    pub(super) fn kinds(&self) -> [bool; 2] {
        let [live, others @ ..] = &self.waiting;
        [!live.is_empty(), others.iter().any(|waiting| !waiting.is_empty())]
    }

    /// Takes the next caller of a priority for which a slot is free. For live calls that is the newest, which has the
    /// most time left. For others it is the oldest.
    pub(super) fn next(&mut self, priority: CallPriority) -> Option<Waiter<P>> {
        let has_place = self.free(priority) > 0;
        let waiting = self.waiting.get_mut(priority.number())?;
        let is_next =
            |waiter: &Waiter<P>| !waiter.reply_tx.is_closed() && (has_place || !waiter.takes_place);
        let at = if priority == CallPriority::Live {
            waiting.iter().rposition(is_next)
        } else {
            waiting.iter().position(is_next)
        };
        let waiter = waiting.remove(at?)?;
        let in_flight = self.in_flight(priority);
        *in_flight = in_flight.saturating_add(usize::from(waiter.takes_place));
        Some(waiter)
    }

    /// Removes the live callers whose deadline is before a time.
    pub(super) fn take_late(&mut self, at: Instant) -> Vec<Waiter<P>> {
        let Some(waiting) = self.waiting.get_mut(CallPriority::Live.number()) else {
            return Vec::new();
        };
        let (late, others): (Vec<_>, Vec<_>) =
            std::mem::take(waiting).into_iter().partition(|waiter| *waiter.until.lock() < at);
        *waiting = others.into();
        late
    }

    /// Releases the slot of a call.
    pub(super) fn leave(&mut self, priority: CallPriority) {
        let in_flight = self.in_flight(priority);
        *in_flight = in_flight.saturating_sub(1);
    }

    pub(super) const fn all_in_flight(&self) -> usize {
        self.live_in_flight.saturating_add(self.others_in_flight)
    }

    /// The number of waiting callers.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.iter().flatten().filter(|waiter| !waiter.reply_tx.is_closed()).count()
    }

    const fn in_flight(&mut self, priority: CallPriority) -> &mut usize {
        match priority {
            CallPriority::Live => &mut self.live_in_flight,
            CallPriority::FollowUp | CallPriority::Reconcile | CallPriority::Backfill => {
                &mut self.others_in_flight
            }
        }
    }

    /// The free slots for calls of a priority. Some slots are reserved for live calls, so that other calls that hang
    /// cannot take all. One slot is reserved for the others.
    fn free(&self, priority: CallPriority) -> usize {
        let free = self.max_concurrent.saturating_sub(self.all_in_flight());
        let for_live =
            if self.max_concurrent < 4 { self.max_concurrent / 2 } else { self.max_concurrent / 4 };
        let (not_for_it, in_flight) = match priority {
            CallPriority::Live => (usize::from(self.max_concurrent > 1), self.live_in_flight),
            CallPriority::FollowUp | CallPriority::Reconcile | CallPriority::Backfill => {
                (for_live, self.others_in_flight)
            }
        };
        free.min(self.max_concurrent.saturating_sub(not_for_it).saturating_sub(in_flight))
    }
}
