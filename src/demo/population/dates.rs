//! When records are created and changed.

use jiff::Timestamp;

use super::seeded_rng::SeededRng;

/// The span of time in which customers register, in seconds: July 2017 to January 2026.
pub(super) const FIRST_DAY: i64 = 1_500_000_000;
pub(super) const DAYS: usize = 3_100;

/// A random time in the whole span.
pub(super) fn some_time(rng: &mut SeededRng) -> Timestamp {
    time_within(rng, 0, DAYS)
}

/// A time in the first half of the span, before the person's changes.
pub(super) fn before_the_change(rng: &mut SeededRng) -> Timestamp {
    time_within(rng, 0, DAYS / 2)
}

/// A time in the second half of the span. From then on, records contain reassigned numbers.
pub(super) fn after_the_change(rng: &mut SeededRng) -> Timestamp {
    time_within(rng, DAYS / 2, DAYS)
}

fn time_within(rng: &mut SeededRng, first_day: usize, end: usize) -> Timestamp {
    let day = i64::try_from(first_day + rng.below(end - first_day)).unwrap_or_default();
    let second = i64::try_from(rng.below(86_400)).unwrap_or_default();
    Timestamp::from_second(FIRST_DAY + day * 86_400 + second).unwrap_or_default()
}
