//! The rate limit of an account, which all replicas share through Postgres. On each replica, one task requests permits
//! for all waiting callers, and sleeps until the result can change. It ends when no caller waits.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::error::CallError;
use super::fair_share::{Allocations, Window, share};
use super::next_grant::NextGrant;
use super::priority::CallPriority;
use super::queue::{Deadline, Queue, Waiter};
use crate::jobs::tasks::BackgroundTasks;
use crate::storage::StorageError;
use crate::storage::pool::Pool;
use crate::storage::rate_limit::{
    Counting, Grant, UsageWindow, Written, delete_old_calls, reserve_calls,
};
use crate::storage::upstream_accounts::{AccountKey, PRIORITIES};

/// The timeout of a reservation. It is longer than Postgres's own timeouts for it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// With more calls in a window than this, calls are counted in steps of 1/600 of the window. Otherwise each call would
/// be a row.
const MAX_ROWS: u32 = 600;

/// How often old calls are deleted.
const DELETE_INTERVAL: Duration = Duration::from_secs(60);

/// How long a rejection of live calls is cached. Other replicas may have newer information.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(2);

/// The limits of an account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The most calls in any window.
    pub(super) calls: u32,
    pub(super) window: Window,
    /// The most calls in flight on this replica.
    pub(super) max_concurrent: usize,
}

/// The rate limiter of an account.
pub(super) struct DistributedRateLimiter {
    pool: Pool,
    key: AccountKey,
    limits: Limits,
    background: BackgroundTasks,
    /// Spreads all calls except live ones over the window, so that they do not use up a minute's limit in its first
    /// second.
    pace: DefaultDirectRateLimiter,
    queue: Mutex<Queue<Permit>>,
    changed: Notify,
    deleted_at: Mutex<Option<Instant>>,
    /// No live call can be granted before this time, as far as this replica knows.
    live_at: Mutex<Option<Instant>>,
}

/// The permission to make one call soon. Until it is dropped, it counts as a call in flight.
pub(super) struct Permit {
    limiter: Arc<DistributedRateLimiter>,
    pub(super) priority: CallPriority,
    takes_place: bool,
    /// A local time that is not after the grant.
    pub(super) since: Instant,
    /// The time of the grant, by the clock of Postgres.
    pub(super) granted_at: Timestamp,
    /// The calls that were left after the grant.
    pub(super) free: u32,
}

impl Permit {
    /// Whether a call that starts now reaches the source within the margin of its grant.
    pub(super) fn is_fresh(&self) -> bool {
        self.since.elapsed() < self.limiter.limits.window.margin.mul_f32(0.8)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.takes_place {
            self.limiter.queue.lock().leave(self.priority);
            self.limiter.changed.notify_one();
        }
    }
}

impl DistributedRateLimiter {
    pub(super) fn new(
        pool: &Pool,
        key: AccountKey,
        limits: Limits,
        background: &BackgroundTasks,
    ) -> Arc<Self> {
        let per_call = limits.window.length / limits.calls.max(1);
        let burst = NonZeroU32::new(limits.calls / 12).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(per_call)
            .unwrap_or(Quota::per_second(NonZeroU32::MAX))
            .allow_burst(burst);
        Arc::new(Self {
            pool: pool.clone(),
            key,
            limits,
            background: background.clone(),
            pace: RateLimiter::direct(quota),
            queue: Mutex::new(Queue::new(limits.max_concurrent)),
            changed: Notify::new(),
            deleted_at: Mutex::default(),
            live_at: Mutex::default(),
        })
    }

    /// Waits for a permit without limit. A live call stops waiting when it cannot get one in time.
    ///
    /// # Errors
    /// When there is no permit in time, Postgres fails, or the service is shutting down.
    pub(super) async fn permit(
        self: &Arc<Self>,
        priority: CallPriority,
        takes_place: bool,
        until: Deadline,
    ) -> Result<Permit, CallError> {
        let (reply_tx, permit) = oneshot::channel();
        self.enter(priority, Waiter { reply_tx, takes_place, until });
        // During a shutdown the sender is dropped without an answer.
        permit.await.unwrap_or(Err(CallError::ShuttingDown))
    }

    fn enter(self: &Arc<Self>, priority: CallPriority, waiter: Waiter<Permit>) {
        let mut queue = self.queue.lock();
        queue.enter(priority, waiter);
        let needs_task = !std::mem::replace(&mut queue.is_reserving, true);
        drop(queue);
        if needs_task {
            self.background.spawn(Arc::clone(self).reserve());
        } else {
            self.changed.notify_one();
        }
    }

    /// The least time that a live call would wait. If it is too long for the caller, the call need not wait at all.
    pub(super) fn live_in(&self) -> Duration {
        self.live_at
            .lock()
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }

    /// The number of calls in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.queue.lock().all_in_flight()
    }

    /// The number of waiting callers.
    pub(super) fn waiting(&self) -> usize {
        self.queue.lock().waiting()
    }

    async fn reserve(self: Arc<Self>) {
        let mut task = ReservationTask { limiter: &self, is_over: false };
        let mut next = NextGrant::default();
        loop {
            let now = Instant::now();
            let Some((wanted, kinds)) = self.wanted(now, &mut next) else {
                task.is_over = true;
                return;
            };
            if wanted != [0; PRIORITIES] {
                match tokio::time::timeout(WRITE_TIMEOUT, self.write(wanted)).await {
                    Ok(Ok((written, shares))) => {
                        let is_short = wanted.first() > shares.granted.first();
                        *self.live_at.lock() =
                            is_short.then(|| Instant::now() + shares.live_in.min(MAX_RETRY_AFTER));
                        self.hand_out(written, &shares, is_short, &mut next);
                    }
                    Ok(Err(error)) => self.refuse(error),
                    Err(_) => self.refuse(StorageError::Database(sqlx::Error::PoolTimedOut)),
                }
                continue;
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep_until(next.soonest(now, kinds).into()) => {}
                () = self.background.until_ending() => return,
            }
        }
    }

    /// The permits to request now, and which kinds wait. `None` if no caller waits.
    fn wanted(&self, now: Instant, next: &mut NextGrant) -> Option<([u32; PRIORITIES], [bool; 2])> {
        let mut queue = self.queue.lock();
        if !queue.is_wanted() {
            queue.is_reserving = false;
            return None;
        }
        let mut wanted = queue.wanted(next.is_time(now));
        next.limit(&mut wanted, &self.pace, now);
        Some((wanted, queue.kinds()))
    }

    async fn write(
        &self,
        wanted: [u32; PRIORITIES],
    ) -> Result<(Written, Allocations), StorageError> {
        let Limits { calls, window, .. } = self.limits;
        let step = if calls > MAX_ROWS { window.length / MAX_ROWS } else { Duration::ZERO };
        let mut shares = Allocations::default();
        let decide = |usage: &UsageWindow| {
            shares = share(usage, calls, window, wanted);
            let [live, others @ ..] = std::array::from_fn::<_, PRIORITIES, _>(|priority| {
                wanted.get(priority) > shares.granted.get(priority)
            });
            let is_old = |ago: Option<Duration>| ago.is_none_or(|ago| ago > window.memory() / 4);
            let (live_wanted, other_wanted) = (
                live && is_old(usage.live_wanted),
                others.contains(&true) && is_old(usage.other_wanted),
            );
            Grant { granted: shares.granted, live_wanted, other_wanted }
        };
        let written =
            reserve_calls(&self.pool, self.key, Counting { time: window.counted(), step }, decide)
                .await?;
        self.delete_old_grants();
        Ok((written, shares))
    }

    fn hand_out(
        self: &Arc<Self>,
        written: Written,
        shares: &Allocations,
        is_short: bool,
        next: &mut NextGrant,
    ) {
        let now = Instant::now();
        (next.live_at, next.others_at) =
            (now + self.limits.pause(shares.live_in), now + self.limits.pause(shares.others_in));
        next.spend(shares.granted);
        let mut handed = Vec::new();
        let mut queue = self.queue.lock();
        for (priority, number) in CallPriority::ALL.into_iter().zip(shares.granted) {
            for _ in 0..number {
                let Some(Waiter { reply_tx, takes_place, .. }) = queue.next(priority) else {
                    break;
                };
                let (since, granted_at) = (written.since, written.granted_at);
                handed.push((
                    reply_tx,
                    Permit {
                        limiter: Arc::clone(self),
                        priority,
                        takes_place,
                        since,
                        granted_at,
                        free: shares.free,
                    },
                ));
            }
        }
        // Live calls that cannot get a permit in time stop waiting.
        let late = if is_short { queue.take_late(now + shares.live_in) } else { Vec::new() };
        drop(queue);
        for (reply_tx, permit) in handed {
            let _ = reply_tx.send(Ok(permit));
        }
        for waiter in late {
            let _ = waiter.reply_tx.send(Err(CallError::RateLimited));
        }
    }

    /// Ends the wait of all callers with an error.
    fn refuse(&self, error: StorageError) {
        let error = CallError::Storage(Arc::new(error));
        let waiting = self.queue.lock().clear();
        waiting.for_each(|waiter| drop(waiter.reply_tx.send(Err(error.clone()))));
    }

    fn delete_old_grants(&self) {
        let mut deleted_at = self.deleted_at.lock();
        if deleted_at.is_none_or(|at| at.elapsed() > DELETE_INTERVAL) {
            *deleted_at = Some(Instant::now());
            let (pool, key) = (self.pool.clone(), self.key);
            // If this fails, the next run deletes them.
            self.background.spawn_endless(async move { drop(delete_old_calls(&pool, key).await) });
        }
    }
}

impl Limits {
    /// Limits the sleep before the next request to Postgres, where a waiting call is recorded only for a short time.
    fn pause(self, time: Duration) -> Duration {
        time.min(self.window.memory() * 2 / 5)
    }
}

/// Marks the task as running, so that another one can start after any end.
struct ReservationTask<'a> {
    limiter: &'a DistributedRateLimiter,
    is_over: bool,
}

impl Drop for ReservationTask<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            // Dropping the senders ends the wait of all callers.
            let mut queue = self.limiter.queue.lock();
            queue.is_reserving = false;
            let waiting = queue.clear();
            drop(queue);
            drop(waiting);
        }
    }
}
