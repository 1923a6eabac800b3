//! The rate limit of an account: permits for calls, corrected by what the source's replies say. Another client may use the
//! same limit, so the source knows best.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::backoff::Backoff;
use super::fair_share::Window;
use super::rate_limit_headers::RateLimitHeaders;
use super::rate_limiter::{DistributedRateLimiter, Limits, Permit};
use crate::jobs::tasks::BackgroundTasks;
use crate::storage::StorageError;
use crate::storage::pool::Pool;
use crate::storage::rate_limit::{Allowance, block_account, postpone_call, set_allowance};
use crate::storage::upstream_accounts::AccountKey;

/// How long a reply may wait for the saving of its limits.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// The rate limit of an account.
pub(super) struct AccountRateLimit {
    pub(super) limiter: Arc<DistributedRateLimiter>,
    pool: Pool,
    key: AccountKey,
    window: Window,
    backoff: Mutex<Backoff>,
}

impl AccountRateLimit {
    pub(super) fn new(
        pool: &Pool,
        key: AccountKey,
        limits: Limits,
        background: &BackgroundTasks,
    ) -> Arc<Self> {
        Arc::new(Self {
            limiter: DistributedRateLimiter::new(pool, key, limits, background),
            pool: pool.clone(),
            key,
            window: limits.window,
            backoff: Mutex::default(),
        })
    }

    /// Saves the limits of a reply, if they allow less than was assumed.
    pub(super) async fn correct(&self, permit: &Permit, reported: RateLimitHeaders) {
        let in_flight = u32::try_from(self.limiter.in_flight()).unwrap_or(u32::MAX);
        // Calls in flight may have been counted by the source before this call, though they were granted after it.
        let is_less = |allowance: &Allowance| {
            allowance.left == 0 || allowance.left.saturating_add(in_flight) < permit.free
        };
        match (self.pause(permit, reported), reported.allowance.filter(is_less)) {
            (Some(pause), _) => self.save(block_account(&self.pool, self.key, pause)).await,
            // This call itself counts as granted since then, so it is added.
            (None, Some(Allowance { left, lasts })) => {
                let allowance = Allowance { left: left.saturating_add(1), lasts };
                self.save(set_allowance(&self.pool, self.key, permit.granted_at, allowance)).await;
            }
            (None, None) => {}
        }
    }

    /// The pause that the source demands, or a growing one after a 429 that names none.
    fn pause(&self, permit: &Permit, reported: RateLimitHeaders) -> Option<Duration> {
        let (first, longest) = (self.window.memory(), self.window.length);
        let mut backoff = self.backoff.lock();
        match reported.pause {
            Some(pause) => Some(pause),
            None if reported.is_throttled => backoff.pause(permit.since, first, longest),
            None => {
                backoff.end(permit.since);
                None
            }
        }
    }

    /// Records when a call was sent at the latest. A call that waited for its connection reaches the source later than
    /// its grant assumes.
    pub(super) async fn note_sent(&self, permit: &Permit, sent_by: Option<Instant>) {
        let is_late =
            |sent_by: Instant| sent_by.saturating_duration_since(permit.since) > self.window.margin;
        if sent_by.is_some_and(is_late) {
            let priority = permit.priority.number();
            self.save(postpone_call(&self.pool, self.key, permit.granted_at, priority)).await;
        }
    }

    /// Waits only for a limited time, because a caller waits for the reply.
    async fn save(&self, writing: impl Future<Output = Result<(), StorageError>>) {
        let source = self.key.source.as_str();
        match tokio::time::timeout(WRITE_TIMEOUT, writing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(source, %error, "failed to save the rate limit reported by a source");
            }
            Err(_) => {
                tracing::warn!(source, "timed out saving the rate limit reported by a source");
            }
        }
    }
}
