//! Finishes deliveries that were not applied: retry, dead letter, or released for the next claim.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::claimed_delivery::{ClaimedDelivery, IGNORED, Lease};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::jobs::retry::{AfterFailure, Attempt, PANICKED};
use crate::storage::StorageError;
use crate::storage::database::database_now;
use crate::storage::delivery_claims::{Disposition, finish_deliveries};
use crate::storage::pool::Pool;

/// Why a delivery failed when it was applied alone.
#[derive(Debug)]
pub(super) enum Failure {
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
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::Panicked => f.write_str(PANICKED),
            Self::LeaseExpiredRepeatedly => {
                f.write_str("the service stopped or took too long at every attempt")
            }
        }
    }
}

/// Decides between retry and dead letter after a failed attempt.
fn disposition(failure: &Failure, attempt: Attempt, now: Timestamp) -> Disposition {
    match attempt.after(failure, failure.is_retryable(), now) {
        AfterFailure::Retry(at, words) => Disposition::Retry(at, words),
        AfterFailure::GiveUp(words) => Disposition::DeadLetter(words),
    }
}

/// Finishes the deliveries of one brand.
pub(super) struct Finisher {
    pub(super) pool: Pool,
    pub(super) brand: Arc<Brand>,
    pub(super) clock: Clock,
    pub(super) max_attempts: u32,
}

impl Finisher {
    const fn attempt(&self, lease: Lease, item: &ClaimedDelivery) -> Attempt {
        Attempt { number: item.attempts, max: self.max_attempts, token: lease.token }
    }

    /// Whether every attempt at a delivery was lost.
    pub(super) const fn is_beyond_max(&self, lease: Lease, item: &ClaimedDelivery) -> bool {
        self.attempt(lease, item).is_beyond_max()
    }

    /// Schedules a failed delivery for another attempt, or makes it a dead letter.
    pub(super) async fn fail(
        &self,
        lease: Lease,
        item: &ClaimedDelivery,
        failure: &Failure,
    ) -> Result<(), StorageError> {
        let now = database_now(&self.pool, self.clock.frozen_at()).await?;
        let disposition = disposition(failure, self.attempt(lease, item), now);
        self.count_disposition(item.source, &disposition);
        self.finish(Lease { claimed_at: now, ..lease }, &[(item.id, disposition)]).await
    }

    /// Schedules all deliveries for another attempt, because Postgres is unavailable. Those that were not started are
    /// released at once.
    pub(super) async fn postpone(
        &self,
        lease: Lease,
        started: &[ClaimedDelivery],
        others: &[&[ClaimedDelivery]],
        error: StorageError,
    ) -> Result<(), StorageError> {
        let failure = Failure::Storage(error);
        let started = started.iter().map(|item| {
            let attempt = self.attempt(lease, item);
            (item.id, disposition(&failure, attempt, lease.claimed_at))
        });
        let others = others.iter().flat_map(|items| items.iter());
        let released = others.map(|item| (item.id, Disposition::Released));
        self.finish(lease, &started.chain(released).collect::<Vec<_>>()).await?;
        match failure {
            Failure::Storage(error) => Err(error),
            Failure::Panicked | Failure::LeaseExpiredRepeatedly => Ok(()),
        }
    }

    /// Releases claimed deliveries that were not started. The attempt does not count.
    pub(super) async fn release(
        &self,
        lease: Lease,
        items: impl Iterator<Item = &[ClaimedDelivery]>,
    ) -> Result<(), StorageError> {
        let released: Vec<_> =
            items.flatten().map(|item| (item.id, Disposition::Released)).collect();
        self.finish(lease, &released).await
    }

    async fn finish(
        &self,
        lease: Lease,
        dispositions: &[(Uuid, Disposition)],
    ) -> Result<(), StorageError> {
        let mut connection = self.pool.acquire().await?;
        let Lease { token, claimed_at } = lease;
        finish_deliveries(&mut connection, self.brand.id(), token, claimed_at, dispositions).await
    }

    pub(super) fn count_disposition(&self, source: Source, disposition: &Disposition) {
        let outcome = match disposition {
            Disposition::Done(note) if note.starts_with(IGNORED) => "ignored",
            Disposition::Done(_) => "applied",
            Disposition::DeadLetter(_) => "dead",
            Disposition::Retry(..) => "retried",
            Disposition::Erased => "erased",
            Disposition::Released => return,
        };
        self.count(source, outcome);
    }

    pub(super) fn count(&self, source: Source, outcome: &'static str) {
        let brand = self.brand.rules.slug.clone();
        metrics::counter!("hookpoint_deliveries_total", "brand" => brand, "source" => source.as_str(), "outcome" => outcome).increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_heal_becomes_a_dead_letter_at_once() {
        let is_dead = |failure: &Failure| {
            let attempt = Attempt { number: 1, max: 20, token: Uuid::nil() };
            let disposition = disposition(failure, attempt, Timestamp::UNIX_EPOCH);
            matches!(disposition, Disposition::DeadLetter(_))
        };
        assert!(is_dead(&Failure::Storage(StorageError::Corrupt("records"))));
        assert!(is_dead(&Failure::LeaseExpiredRepeatedly));
        assert!(!is_dead(&Failure::Panicked));
        assert!(!is_dead(&Failure::Storage(StorageError::Database(sqlx::Error::PoolTimedOut))));
    }
}
