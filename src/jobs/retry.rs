//! Whether a failed attempt is repeated or given up, and when.

use std::fmt::Display;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::backoff::exponential_backoff;
use crate::counted::counted;

/// The pause after the first failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(3_600);

/// What people read about work that panicked.
pub const PANICKED: &str = "internal error (panic); please report it";

/// One of several attempts at the same work.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// The most attempts.
    pub max: u32,
    /// The token of its claim. It serves as the random part of pauses, which spreads the retries of much work.
    pub token: Uuid,
}

/// What follows from a failed attempt, with the reason in words.
#[derive(Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// It is repeated at this time.
    Retry(Timestamp, String),
    /// It is given up.
    GiveUp(String),
}

impl Attempt {
    /// Whether all attempts were lost: the claim of each ended before the work did.
    #[must_use]
    pub const fn is_beyond_max(&self) -> bool {
        self.number > self.max
    }

    /// Decides between a retry and giving up.
    #[must_use]
    pub fn after(self, failure: &impl Display, is_retryable: bool, now: Timestamp) -> AfterFailure {
        if !is_retryable {
            AfterFailure::GiveUp(failure.to_string())
        } else if self.number >= self.max {
            AfterFailure::GiveUp(format!(
                "{failure} (tried {})",
                counted(self.number, "time", "times")
            ))
        } else {
            AfterFailure::Retry(self.due_after(now), failure.to_string())
        }
    }

    /// The time of the next attempt.
    fn due_after(self, now: Timestamp) -> Timestamp {
        let longest = exponential_backoff(FIRST_PAUSE, MAX_PAUSE, self.number.saturating_sub(1));
        // Between half of the pause and all of it.
        let chance = u32::try_from(self.token.as_u128() & 0xff).unwrap_or_default();
        let pause = (longest / 512).saturating_mul(256_u32.saturating_add(chance));
        SignedDuration::try_from(pause)
            .ok()
            .and_then(|pause| now.checked_add(pause).ok())
            .unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(number: u32, token: Uuid, is_retryable: bool) -> AfterFailure {
        Attempt { number, max: 20, token }.after(&PANICKED, is_retryable, Timestamp::UNIX_EPOCH)
    }

    fn pause(number: u32, token: Uuid) -> f64 {
        match after(number, token, true) {
            AfterFailure::Retry(at, _) => at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64(),
            given_up @ AfterFailure::GiveUp(_) => panic!("{given_up:?}"),
        }
    }

    #[test]
    fn pauses_grow_up_to_an_hour_and_chance_spreads_them() {
        let (least, most) = (Uuid::nil(), Uuid::max());
        for (number, longest) in
            [(1, 1.0), (2, 2.0), (5, 16.0), (12, 2_048.0), (13, 3_600.0), (19, 3_600.0)]
        {
            assert!((pause(number, least) - longest / 2.0).abs() < 0.01 * longest, "{number}");
            assert!(
                pause(number, most) <= longest && pause(number, most) > 0.99 * longest,
                "{number}"
            );
        }
    }

    #[test]
    fn what_cannot_heal_is_given_up_at_once_and_the_rest_in_the_end() {
        let is_given_up = |number, is_retryable| {
            matches!(after(number, Uuid::nil(), is_retryable), AfterFailure::GiveUp(_))
        };
        assert!(is_given_up(1, false));
        assert!(!is_given_up(19, true) && is_given_up(20, true));
        assert_eq!(
            after(20, Uuid::nil(), true),
            AfterFailure::GiveUp(format!("{PANICKED} (tried 20 times)"))
        );
    }
}
