//! The queue for the rate limit of an account on this replica, and the number of calls in flight.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use governor::DefaultDirectRateLimiter;
use governor::clock::{Clock, DefaultClock};
use tokio::sync::oneshot;

use super::rate_limiter::Permit;
use super::{CallError, CallPriority, lock};
use crate::storage::upstream_accounts::CLASSES;

/// A caller that waits for a permit.
pub(super) struct Waiter {
    pub(super) reply_tx: oneshot::Sender<Result<Permit, CallError>>,
    /// Whether it counts as a call in flight. A token request does not, because a call that already counts needs the
    /// token.
    pub(super) takes_place: bool,
    pub(super) until: Deadline,
}

/// When the last waiting caller gives up. A caller with more time extends it.
pub(super) type Deadline = Arc<Mutex<Instant>>;

/// A time that no wait for the rate limit exceeds.
pub(super) const A_WHILE: Duration = Duration::from_secs(2 * 3_600);

/// The waiting callers by priority, and the numbers of calls in flight.
pub(super) struct Queue {
    waiting: [VecDeque<Waiter>; CLASSES],
    pub(super) is_driven: bool,
    at_once: usize,
    live_under_way: usize,
    others_under_way: usize,
}

impl Queue {
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            waiting: Default::default(),
            is_driven: false,
            at_once,
            live_under_way: 0,
            others_under_way: 0,
        }
    }

    pub(super) fn enter(&mut self, priority: CallPriority, waiter: Waiter) {
        if let Some(waiting) = self.waiting.get_mut(priority.number()) {
            waiting.push_back(waiter);
        }
    }

    /// Removes all waiting callers.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = Waiter> + use<> {
        std::mem::take(&mut self.waiting).into_iter().flatten()
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
    pub(super) fn wanted(&self, [ask_live, ask_others]: [bool; 2]) -> [u32; CLASSES] {
        let (mut free, mut free_for_live, mut free_for_others) = (
            self.at_once.saturating_sub(self.all_under_way()),
            self.free(CallPriority::Live),
            self.free(CallPriority::Backfill),
        );
        let mut wanted = [0_u32; CLASSES];
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
    pub(super) fn next(&mut self, priority: CallPriority) -> Option<Waiter> {
        let has_place = self.free(priority) > 0;
        let waiting = self.waiting.get_mut(priority.number())?;
        let is_next =
            |waiter: &Waiter| !waiter.reply_tx.is_closed() && (has_place || !waiter.takes_place);
        let at = if priority == CallPriority::Live {
            waiting.iter().rposition(is_next)
        } else {
            waiting.iter().position(is_next)
        };
        let waiter = waiting.remove(at?)?;
        let under_way = self.under_way(priority);
        *under_way = under_way.saturating_add(usize::from(waiter.takes_place));
        Some(waiter)
    }

    /// Removes the live callers whose deadline is before a time.
    pub(super) fn take_late(&mut self, at: Instant) -> Vec<Waiter> {
        let Some(waiting) = self.waiting.get_mut(CallPriority::Live.number()) else {
            return Vec::new();
        };
        let (late, others): (Vec<_>, Vec<_>) =
            std::mem::take(waiting).into_iter().partition(|waiter| *lock(&waiter.until) < at);
        *waiting = others.into();
        late
    }

    /// Releases the slot of a call.
    pub(super) fn leave(&mut self, priority: CallPriority) {
        let under_way = self.under_way(priority);
        *under_way = under_way.saturating_sub(1);
    }

    pub(super) const fn all_under_way(&self) -> usize {
        self.live_under_way.saturating_add(self.others_under_way)
    }

    /// The number of waiting callers.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.iter().flatten().filter(|waiter| !waiter.reply_tx.is_closed()).count()
    }

    const fn under_way(&mut self, priority: CallPriority) -> &mut usize {
        match priority {
            CallPriority::Live => &mut self.live_under_way,
            CallPriority::FollowUp | CallPriority::Reconcile | CallPriority::Backfill => {
                &mut self.others_under_way
            }
        }
    }

    /// The free slots for calls of a priority. Some slots are reserved for live calls, so that other calls that hang
    /// cannot take all. One slot is reserved for the others.
    fn free(&self, priority: CallPriority) -> usize {
        let free = self.at_once.saturating_sub(self.all_under_way());
        let for_live = if self.at_once < 4 { self.at_once / 2 } else { self.at_once / 4 };
        let (not_for_it, under_way) = match priority {
            CallPriority::Live => (usize::from(self.at_once > 1), self.live_under_way),
            CallPriority::FollowUp | CallPriority::Reconcile | CallPriority::Backfill => {
                (for_live, self.others_under_way)
            }
        };
        free.min(self.at_once.saturating_sub(not_for_it).saturating_sub(under_way))
    }
}

/// When the next permits can be requested, for live calls and for others.
pub(super) struct NextGrant {
    pub(super) live_at: Instant,
    pub(super) others_at: Instant,
    /// How many other calls the pacing allows, and when it allows the next one.
    paced: u32,
    paced_at: Instant,
}

impl Default for NextGrant {
    fn default() -> Self {
        let now = Instant::now();
        Self { live_at: now, others_at: now, paced: 0, paced_at: now }
    }
}

impl NextGrant {
    /// For which kinds permits can be requested now: live calls, others.
    pub(super) fn is_time(&self, now: Instant) -> [bool; 2] {
        [now >= self.live_at, now >= self.others_at]
    }

    /// Reduces the wanted calls to what the pacing allows.
    pub(super) fn limit(
        &mut self,
        wanted: &mut [u32; CLASSES],
        pace: &DefaultDirectRateLimiter,
        now: Instant,
    ) {
        let [_, others @ ..] = wanted;
        while self.paced < others.iter().sum() {
            match pace.check() {
                Ok(()) => self.paced = self.paced.saturating_add(1),
                Err(not_yet) => {
                    self.paced_at = now + not_yet.wait_time_from(DefaultClock::default().now());
                    break;
                }
            }
        }
        let mut left = self.paced;
        for number in others {
            *number = (*number).min(left);
            left = left.saturating_sub(*number);
        }
    }

    /// Subtracts granted calls from the pacing.
    pub(super) fn spend(&mut self, granted: [u32; CLASSES]) {
        let [_, others @ ..] = granted;
        self.paced = self.paced.saturating_sub(others.iter().sum());
    }

    /// When to request permits again without a notification. A kind that could already be requested lacks a free slot.
    /// A released slot sends a notification.
    pub(super) fn soonest(&self, now: Instant, [live, others]: [bool; 2]) -> Instant {
        let times =
            [live.then_some(self.live_at), others.then(|| self.others_at.max(self.paced_at))];
        let soonest = times.into_iter().flatten().filter(|at| *at > now).min();
        soonest.unwrap_or_else(|| now + Duration::from_secs(3_600))
    }
}
