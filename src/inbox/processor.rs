//! Processes the deliveries of one brand: claims what is due, applies it, and finishes it.
//!
//! A claim has a lease and is committed before the work begins. If the worker dies, others take over when the lease
//! ends. A batch that fails is divided in halves and tried again, so that a bad delivery does not block the others.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use uuid::Uuid;

use super::apply::{AppliedDeliveries, apply};
use super::claimed_delivery::{ClaimedDelivery, Lease};
use super::finish::{Failure, Finisher};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::settings::file::InboxSettings;
use crate::storage::StorageError;
use crate::storage::delivery_claims::{Claim, claim_deliveries};
use crate::storage::pool::Pool;
use crate::storage::write_transaction::LOCK_TIMEOUT;
use crate::telemetry::traces::{Span, SpanName, Tracer};

/// From this number of attempts on, a delivery is applied alone: it may be the one that crashes the process or
/// Postgres.
const SINGLE_AFTER_ATTEMPTS: u32 = 4;

/// After another session wrote for the brand, the worker waits this long in the lock queue of Postgres. So a session
/// that writes batch after batch cannot keep it out.
const LOCKED_TIMEOUT: Duration = Duration::from_secs(1);

/// Processes the deliveries of one brand.
pub struct DeliveryProcessor {
    pub(super) pool: Pool,
    pub(super) brand: Arc<Brand>,
    pub(super) lease: Duration,
    clock: Clock,
    batch: u32,
    finisher: Finisher,
    // Tables have grown so much that Postgres needs new statistics.
    stats_stale: AtomicBool,
    // At the last attempt, another session wrote for the brand.
    is_locked: AtomicBool,
    tracer: Tracer,
}

/// Deliveries that a worker has claimed.
pub struct ClaimedBatch {
    // `None` if nothing was due.
    lease: Option<Lease>,
    items: Vec<ClaimedDelivery>,
}

impl DeliveryProcessor {
    /// A processor for a brand.
    #[must_use]
    pub fn new(pool: Pool, brand: Arc<Brand>, settings: &InboxSettings, clock: Clock) -> Self {
        Self {
            finisher: Finisher {
                pool: pool.clone(),
                brand: Arc::clone(&brand),
                clock: clock.clone(),
                max_attempts: settings.max_attempts,
            },
            pool,
            brand,
            clock,
            lease: Duration::from_secs(settings.lease_seconds),
            batch: settings.batch_size,
            stats_stale: AtomicBool::new(false),
            is_locked: AtomicBool::new(false),
            tracer: Tracer::default(),
        }
    }

    /// Sends traces of the batches.
    #[must_use]
    pub fn traced(self, tracer: &Tracer) -> Self {
        Self { tracer: tracer.clone(), ..self }
    }

    /// Returns whether Postgres needs new statistics, once each time.
    pub(super) fn take_stats_stale(&self) -> bool {
        self.stats_stale.swap(false, Ordering::Relaxed)
    }

    /// Tells it whether another session wrote for the brand at the last attempt.
    pub(super) fn set_locked(&self, is_locked: bool) {
        self.is_locked.store(is_locked, Ordering::Relaxed);
    }

    /// Whether a batch has as many deliveries as `inbox.batch_size` allows.
    pub(super) fn is_full(&self, count: usize) -> bool {
        u32::try_from(count).is_ok_and(|count| count >= self.batch)
    }

    /// Claims and processes one batch. Returns the number of deliveries in it.
    ///
    /// # Errors
    /// When Postgres fails. Claimed deliveries are due again when their lease ends.
    pub async fn step(&self) -> Result<usize, StorageError> {
        let claimed = self.claim().await?;
        let count = claimed.items.len();
        self.process(claimed).await?;
        Ok(count)
    }

    /// Claims due deliveries.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn claim(&self) -> Result<ClaimedBatch, StorageError> {
        let token = Uuid::new_v4();
        let (frozen_at, lease, limit) = (self.clock.frozen_at(), self.lease, self.batch);
        let claim = Claim { token, frozen_at, lease, limit };
        let rows = claim_deliveries(&self.pool, self.brand.id(), &claim).await?;
        let late = rows.iter().filter(|row| row.was_late);
        late.for_each(|row| self.finisher.count(row.source, "lease_expired"));
        Ok(ClaimedBatch {
            lease: rows.first().map(|row| Lease { token, claimed_at: row.claimed_at }),
            items: rows.into_iter().map(ClaimedDelivery::from).collect(),
        })
    }

    /// Processes claimed deliveries.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn process(&self, claimed: ClaimedBatch) -> Result<(), StorageError> {
        let ClaimedBatch { lease: Some(lease), items } = claimed else { return Ok(()) };
        let (exhausted, items): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| self.finisher.is_beyond_max(lease, item));
        for item in &exhausted {
            self.finisher.fail(lease, item, &Failure::LeaseExpiredRepeatedly).await?;
        }
        let (singles, items): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.attempts >= SINGLE_AFTER_ATTEMPTS);
        let mut parts =
            std::iter::once(items.as_slice()).chain(singles.iter().map(std::slice::from_ref));
        while let Some(part) = parts.next() {
            if let Err(error) = self.apply_or_split(lease, part).await {
                // Deliveries that were not started are released at once, and this attempt does not count for them.
                self.finisher.release(lease, parts).await?;
                return Err(error);
            }
        }
        Ok(())
    }

    async fn apply_or_split(
        &self,
        lease: Lease,
        items: &[ClaimedDelivery],
    ) -> Result<(), StorageError> {
        let mut left = vec![items];
        while let Some(items) = left.pop() {
            let Some(first) = items.first() else { continue };
            let failure = match AssertUnwindSafe(self.apply(lease, items)).catch_unwind().await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) if error.is_locked() => {
                    self.finisher.release(lease, left.into_iter().chain([items])).await?;
                    return Err(error);
                }
                Ok(Err(error)) if error.is_unavailable() => {
                    return self.finisher.postpone(lease, items, &left, error).await;
                }
                Ok(Err(error)) => Failure::Storage(error),
                Err(_) => Failure::Panicked,
            };
            if items.len() == 1 {
                self.finisher.fail(lease, first, &failure).await?;
            } else {
                let (one, other) = items.split_at_checked(items.len() / 2).unwrap_or((items, &[]));
                left.extend([other, one]);
            }
        }
        Ok(())
    }

    async fn apply(&self, lease: Lease, items: &[ClaimedDelivery]) -> Result<(), StorageError> {
        let timeout =
            if self.is_locked.load(Ordering::Relaxed) { LOCKED_TIMEOUT } else { LOCK_TIMEOUT };
        let applying = Box::pin(apply(&self.pool, &self.brand, lease, items, timeout));
        let describe = |span: Span, applied: &Result<AppliedDeliveries, StorageError>| {
            span.with("hookpoint.brand", self.brand.rules.slug.clone())
                .with("hookpoint.deliveries", items.len())
                .failed_with(applied.as_ref().err().map(error_kind))
        };
        let applied = self.tracer.trace(SpanName::InboxApply, applying, describe).await?;
        applied.lost.iter().for_each(|source| self.finisher.count(*source, "lease_expired"));
        for (source, disposition) in &applied.finished {
            self.finisher.count_disposition(*source, disposition);
        }
        self.stats_stale.fetch_or(applied.stats_stale, Ordering::Relaxed);
        Ok(())
    }
}

/// The kind of error in traces.
fn error_kind(error: &StorageError) -> &'static str {
    match error {
        error if error.is_locked() => "locked",
        error if error.is_unavailable() => "storage_unavailable",
        _ => "storage_failed",
    }
}
