//! When the rate limiter of a replica asks for the next permits.

use std::time::{Duration, Instant};

use governor::DefaultDirectRateLimiter;
use governor::clock::{Clock, DefaultClock};

use crate::storage::upstream_accounts::PRIORITIES;

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
        wanted: &mut [u32; PRIORITIES],
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
    pub(super) fn spend(&mut self, granted: [u32; PRIORITIES]) {
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
