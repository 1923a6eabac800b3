//! Pauses after a source rejected calls and did not say for how long.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::backoff::exponential_backoff;

/// The number of 429s in a row without a stated pause.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    in_a_row: u32,
    since: Option<Instant>,
}

impl Backoff {
    /// The next pause, twice as long as the last one. `None` for a call that started before the last pause.
    pub(super) fn pause(
        &mut self,
        began: Instant,
        first: Duration,
        longest: Duration,
    ) -> Option<Duration> {
        if self.since.is_some_and(|since| began <= since) {
            return None;
        }
        let pause = exponential_backoff(first, longest, self.in_a_row);
        (self.in_a_row, self.since) = (self.in_a_row.saturating_add(1), Some(Instant::now()));
        // The random part keeps replicas from all calling at the same time.
        Some(pause.mul_f64(0.75 + 0.5 * chance()))
    }

    /// Ends the series, unless the call started before the last pause.
    pub(super) fn end(&mut self, began: Instant) {
        if self.since.is_none_or(|since| began > since) {
            *self = Self::default();
        }
    }
}

/// A random number from 0 to 1.
fn chance() -> f64 {
    let (high, _) = Uuid::new_v4().as_u64_pair();
    f64::from(u32::try_from(high >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    proptest! {
        #[test]
        fn pauses_grow_and_end(calls in 1..40_u32) {
            let mut throttled = Backoff::default();
            let (first, longest) = (seconds(5), seconds(60));
            for n in 0..calls {
                let pause = throttled.pause(Instant::now(), first, longest).unwrap();
                let expected = first.saturating_mul(1 << n.min(16)).min(longest);
                prop_assert!(pause >= expected.mul_f64(0.74) && pause <= expected.mul_f64(1.26));
            }
            throttled.end(Instant::now());
            prop_assert!(throttled.pause(Instant::now(), first, longest).unwrap() <= first.mul_f64(1.26));
        }
    }

    #[test]
    fn calls_that_were_in_flight_together_are_one_refusal() {
        let mut throttled = Backoff::default();
        let began = Instant::now();
        assert!(throttled.pause(began, seconds(5), seconds(60)).is_some());
        assert!(throttled.pause(began, seconds(5), seconds(60)).is_none());
    }
}
