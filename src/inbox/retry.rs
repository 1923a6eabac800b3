//! Decides between retry and dead letter, and computes the time of a retry.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::storage::StorageError;
use crate::storage::delivery_claims::Disposition;

/// The first pause. Each further one is twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Why a delivery failed when it was applied alone.
#[derive(Debug)]
pub enum Failure {
    /// Postgres rejected it.
    Storage(StorageError),
    /// The program panicked.
    Panicked,
    /// Every attempt was lost: its worker did not finish before the lease ended.
    LeaseExpiredRepeatedly,
}

impl Failure {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Storage(error) => error.is_retryable(),
            Self::Panicked => true,
            Self::LeaseExpiredRepeatedly => false,
        }
    }

    fn in_words(&self) -> String {
        match self {
            Self::Storage(error) => error.to_string(),
            Self::Panicked => "internal error (panic); please report it".to_owned(),
            Self::LeaseExpiredRepeatedly => {
                "the service stopped or took too long at every attempt".to_owned()
            }
        }
    }
}

/// Decides between retry and dead letter after a failed attempt.
#[must_use]
pub fn disposition(
    failure: &Failure,
    attempts: u32,
    max_attempts: u32,
    token: Uuid,
    now: Timestamp,
) -> Disposition {
    let words = failure.in_words();
    if !failure.is_retryable() {
        return Disposition::DeadLetter(words);
    }
    if attempts >= max_attempts {
        return Disposition::DeadLetter(format!("{words} (tried {attempts} times)"));
    }
    Disposition::Retry(due_after(attempts, token, now), words)
}

/// The time of the next attempt. The claim token serves as the random part, which spreads the retries of many
/// deliveries.
#[must_use]
pub fn due_after(attempts: u32, token: Uuid, now: Timestamp) -> Timestamp {
    let longest =
        FIRST.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(LONGEST);
    // Between half of the pause and all of it.
    let chance = u32::try_from(token.as_u128() & 0xff).unwrap_or_default();
    let pause = (longest / 512).saturating_mul(256_u32.saturating_add(chance));
    SignedDuration::try_from(pause)
        .ok()
        .and_then(|pause| now.checked_add(pause).ok())
        .unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(attempts: u32, token: Uuid) -> f64 {
        let now = Timestamp::UNIX_EPOCH;
        match disposition(&Failure::Panicked, attempts, 20, token, now) {
            Disposition::Retry(at, _) => at.duration_since(now).as_secs_f64(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pauses_grow_up_to_an_hour_and_chance_spreads_them() {
        let (least, most) = (Uuid::nil(), Uuid::max());
        for (attempts, longest) in
            [(1, 1.0), (2, 2.0), (5, 16.0), (12, 2_048.0), (13, 3_600.0), (19, 3_600.0)]
        {
            assert!((pause(attempts, least) - longest / 2.0).abs() < 0.01 * longest, "{attempts}");
            assert!(
                pause(attempts, most) <= longest && pause(attempts, most) > 0.99 * longest,
                "{attempts}"
            );
        }
    }

    #[test]
    fn what_cannot_heal_is_given_up_at_once_and_the_rest_in_the_end() {
        let given_up = |failure: &Failure, attempts| {
            matches!(
                disposition(failure, attempts, 20, Uuid::nil(), Timestamp::UNIX_EPOCH),
                Disposition::DeadLetter(_)
            )
        };
        assert!(
            given_up(&Failure::Storage(StorageError::Corrupt("records")), 1)
                && given_up(&Failure::LeaseExpiredRepeatedly, 1)
        );
        assert!(!given_up(&Failure::Panicked, 19) && given_up(&Failure::Panicked, 20));
        assert!(!given_up(&Failure::Storage(StorageError::Database(sqlx::Error::PoolTimedOut)), 1));
    }
}
