//! Exponential backoff: the pauses between attempts at the same work.

use std::time::Duration;

/// The pause before the next attempt. It is `first` after no earlier failure, and doubles with each one, up to `max`.
#[must_use]
pub fn exponential_backoff(first: Duration, max: Duration, earlier_failures: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(earlier_failures)).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_maximum() {
        let (first, max) = (Duration::from_millis(500), Duration::from_secs(60));
        for (earlier_failures, millis) in [(0, 500), (1, 1_000), (6, 32_000), (7, 60_000)] {
            let pause = exponential_backoff(first, max, earlier_failures);
            assert_eq!(pause, Duration::from_millis(millis), "{earlier_failures}");
        }
        assert_eq!(exponential_backoff(first, max, u32::MAX), max);
    }
}
