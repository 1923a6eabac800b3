//! The budget of an account, as far as this replica goes: who waits for a call, in which order, and how many may be under way.
//!
//! One task asks Postgres for all who wait, and sleeps until there can be another answer; it ends when nobody waits.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use sqlx::PgPool;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::share::{Shares, Window, share};
use super::{CallError, Class, lock};
use crate::background::Background;
use crate::storage::StorageError;
use crate::storage::accounts::{AccountKey, CLASSES, Entry, Ledger, Written, write_ledger};

/// Longer than any of Postgres's own limits for it.
const LONGEST_WRITE: Duration = Duration::from_secs(5);

/// What an account may spend.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Calls in any window.
    pub(super) calls: u32,
    pub(super) window: Window,
    /// How many may be under way at once.
    pub(super) at_once: usize,
}

/// The budget of an account.
pub(super) struct Budget {
    pool: PgPool,
    key: AccountKey,
    brand: String,
    limits: Limits,
    background: Background,
    /// Spreads all but live calls over the time, so that they don't spend a minute's budget in its first second.
    pace: DefaultDirectRateLimiter,
    queue: Mutex<Queue>,
    changed: Notify,
}

/// Who waits, and what is under way.
#[derive(Default)]
struct Queue {
    waiting: [VecDeque<Waiter>; CLASSES],
    is_driven: bool,
    live_under_way: usize,
    others_under_way: usize,
}

struct Waiter {
    seat: oneshot::Sender<Result<Permit, CallError>>,
    takes_slot: bool,
}

/// The right to make one call, soon; and, until it is dropped, a place among those under way.
pub(super) struct Permit {
    budget: Arc<Budget>,
    class: Class,
    takes_slot: bool,
    /// A time before which it was not granted.
    pub(super) since: Instant,
    pub(super) grant_id: Uuid,
    /// Calls that were left when it was granted.
    pub(super) free: u32,
}

impl Permit {
    /// Whether the call, if it begins now, reaches the source before its grant stops to count.
    pub(super) fn is_fresh(&self) -> bool {
        self.since.elapsed() < self.budget.limits.window.margin.mul_f32(0.8)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.takes_slot {
            let mut queue = lock(&self.budget.queue);
            let count = queue.under_way(self.class);
            *count = count.saturating_sub(1);
            drop(queue);
            self.budget.changed.notify_one();
        }
    }
}

impl Budget {
    pub(super) fn new(pool: &PgPool, key: AccountKey, brand: &str, limits: Limits, background: &Background) -> Arc<Self> {
        let per_call = limits.window.length / limits.calls.max(1);
        let burst = NonZeroU32::new(limits.calls / 12).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(per_call).unwrap_or(Quota::per_second(NonZeroU32::MAX)).allow_burst(burst);
        Arc::new(Self {
            pool: pool.clone(),
            key,
            brand: brand.to_owned(),
            limits,
            background: background.clone(),
            pace: RateLimiter::direct(quota),
            queue: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Waits for the right to make a call, for as long as it takes. A token's call needs no place of its own: it is made for one
    /// that has it.
    ///
    /// # Errors
    /// When the budget isn't known, or the service is ending.
    pub(super) async fn permit(self: &Arc<Self>, class: Class, takes_slot: bool) -> Result<Permit, CallError> {
        let (seat, permit) = oneshot::channel();
        self.enter(class, Waiter { seat, takes_slot });
        // Nobody answers when the service is ending.
        permit.await.unwrap_or(Err(CallError::Ending))
    }

    fn enter(self: &Arc<Self>, class: Class, waiter: Waiter) {
        let mut queue = lock(&self.queue);
        if let Some(waiting) = queue.waiting.get_mut(class.number()) {
            waiting.push_back(waiter);
        }
        let needs_driver = !std::mem::replace(&mut queue.is_driven, true);
        drop(queue);
        if needs_driver {
            self.background.spawn(Arc::clone(self).drive());
        } else {
            self.changed.notify_one();
        }
    }

    /// How many wait or are under way.
    pub(super) fn count(&self) -> usize {
        let queue = lock(&self.queue);
        let waiting = queue.waiting.iter().flatten().filter(|waiter| !waiter.seat.is_closed()).count();
        waiting.saturating_add(queue.live_under_way).saturating_add(queue.others_under_way)
    }

    async fn drive(self: Arc<Self>) {
        let mut driver = Driver { budget: &self, is_over: false };
        let mut next = Next::default();
        loop {
            let now = Instant::now();
            let Some(wanted) = self.wanted(now, &mut next) else {
                driver.is_over = true;
                return;
            };
            if wanted != [0; CLASSES] {
                match tokio::time::timeout(LONGEST_WRITE, self.write(wanted)).await {
                    Ok(Ok((written, shares))) => {
                        next.live_at = Instant::now() + self.limits.pause(shares.live_in);
                        next.others_at = Instant::now() + self.limits.pause(shares.others_in);
                        next.paced = next.paced.saturating_sub(shares.granted.iter().skip(1).sum());
                        self.hand_out(&written, &shares);
                        metrics::gauge!("hookpoint_budget_used_ratio", "brand" => self.brand.clone(), "source" => self.key.source.as_str())
                            .set(1.0 - f64::from(shares.free) / f64::from(self.limits.calls.max(1)));
                    }
                    Ok(Err(error)) => self.refuse(&CallError::Storage(Arc::new(error))),
                    Err(_) => self.refuse(&CallError::Storage(Arc::new(StorageError::Database(sqlx::Error::PoolTimedOut)))),
                }
                continue;
            }
            let until = next.soonest(now, self.queued());
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep_until(until.into()) => {}
                () = self.background.until_ending() => return,
            }
        }
    }

    /// What is to be asked for now; `None` when nobody waits any more.
    fn wanted(&self, now: Instant, next: &mut Next) -> Option<[u32; CLASSES]> {
        let mut queue = lock(&self.queue);
        queue.waiting.iter_mut().for_each(|waiting| waiting.retain(|waiter| !waiter.seat.is_closed()));
        if queue.waiting.iter().all(VecDeque::is_empty) {
            queue.is_driven = false;
            return None;
        }
        let mut free = queue.free_slots(Class::Live, self.limits.at_once);
        let mut free_for_others = queue.free_slots(Class::Backfill, self.limits.at_once);
        let mut wanted = [0_u32; CLASSES];
        for ((class, waiting), wanted) in Class::ALL.into_iter().zip(&queue.waiting).zip(&mut wanted) {
            for waiter in waiting {
                let slots = if class == Class::Live { free } else { free.min(free_for_others) };
                if waiter.takes_slot && slots == 0 {
                    continue;
                }
                let taken = usize::from(waiter.takes_slot);
                free = free.saturating_sub(taken);
                free_for_others = free_for_others.saturating_sub(if class == Class::Live { 0 } else { taken });
                *wanted = wanted.saturating_add(1);
            }
        }
        let [live, others @ ..] = &mut wanted;
        if now < next.live_at {
            *live = 0;
        }
        if now < next.others_at {
            *others = [0; CLASSES - 1];
        }
        next.pace(&self.pace, others, now);
        Some(wanted)
    }

    /// Whether live calls wait, and whether others do.
    fn queued(&self) -> [bool; 2] {
        let queue = lock(&self.queue);
        let [live, others @ ..] = &queue.waiting;
        [!live.is_empty(), others.iter().any(|waiting| !waiting.is_empty())]
    }

    async fn write(&self, wanted: [u32; CLASSES]) -> Result<(Written, Shares), StorageError> {
        let Limits { calls, window, .. } = self.limits;
        let mut shares = Shares::default();
        let decide = |ledger: &Ledger| {
            shares = share(ledger, calls, window, wanted);
            let [live, others @ ..] = std::array::from_fn::<_, CLASSES, _>(|class| wanted.get(class) > shares.granted.get(class));
            let is_old = |ago: Option<Duration>| ago.is_none_or(|ago| ago > window.memory() / 4);
            let (live_wanted, other_wanted) = (live && is_old(ledger.live_wanted), others.contains(&true) && is_old(ledger.other_wanted));
            Entry { granted: shares.granted, live_wanted, other_wanted }
        };
        let written = write_ledger(&self.pool, self.key, window.counted(), decide).await?;
        Ok((written, shares))
    }

    fn hand_out(self: &Arc<Self>, written: &Written, shares: &Shares) {
        let mut handed = Vec::new();
        let mut queue = lock(&self.queue);
        for ((class, number), grant_id) in Class::ALL.into_iter().zip(shares.granted).zip(written.ids) {
            for _ in 0..number {
                let Some(waiter) = queue.next_waiter(class, self.limits.at_once) else { break };
                let permit =
                    Permit { budget: Arc::clone(self), class, takes_slot: waiter.takes_slot, since: written.since, grant_id, free: shares.free };
                handed.push((waiter.seat, permit));
            }
        }
        drop(queue);
        for (seat, permit) in handed {
            let _ = seat.send(Ok(permit));
        }
    }

    /// Tells all who wait that there is nothing to wait for.
    fn refuse(&self, error: &CallError) {
        let waiting = std::mem::take(&mut lock(&self.queue).waiting);
        for waiter in waiting.into_iter().flatten() {
            let _ = waiter.seat.send(Err(error.clone()));
        }
    }
}

impl Limits {
    /// How long to sleep at most before Postgres is asked again: it must not forget that somebody waits.
    fn pause(self, time: Duration) -> Duration {
        time.min(self.window.memory() * 2 / 5)
    }

    /// How many of the places live calls have for themselves.
    const fn live_slots(at_once: usize) -> usize {
        if at_once < 4 { at_once / 2 } else { at_once / 4 }
    }
}

impl Queue {
    const fn under_way(&mut self, class: Class) -> &mut usize {
        match class {
            Class::Live => &mut self.live_under_way,
            Class::FollowUp | Class::Reconcile | Class::Backfill => &mut self.others_under_way,
        }
    }

    fn free_slots(&self, class: Class, at_once: usize) -> usize {
        let free = at_once.saturating_sub(self.live_under_way).saturating_sub(self.others_under_way);
        match class {
            Class::Live => free,
            Class::FollowUp | Class::Reconcile | Class::Backfill => {
                free.min(at_once.saturating_sub(Limits::live_slots(at_once)).saturating_sub(self.others_under_way))
            }
        }
    }

    /// Who is next of a class: of live ones the newest, who has the most of its time left, of others the oldest.
    fn next_waiter(&mut self, class: Class, at_once: usize) -> Option<Waiter> {
        let has_slot = self.free_slots(class, at_once) > 0;
        let waiting = self.waiting.get_mut(class.number())?;
        let is_next = |waiter: &Waiter| !waiter.seat.is_closed() && (has_slot || !waiter.takes_slot);
        let at = if class == Class::Live { waiting.iter().rposition(is_next) } else { waiting.iter().position(is_next) };
        let waiter = waiting.remove(at?)?;
        let count = self.under_way(class);
        *count = count.saturating_add(usize::from(waiter.takes_slot));
        Some(waiter)
    }
}

/// When what can be asked for next.
struct Next {
    live_at: Instant,
    others_at: Instant,
    /// How many others the pace lets through, and when it will let one through.
    paced: u32,
    paced_at: Instant,
}

impl Default for Next {
    fn default() -> Self {
        let now = Instant::now();
        Self { live_at: now, others_at: now, paced: 0, paced_at: now }
    }
}

impl Next {
    /// Takes away what the pace doesn't let through.
    fn pace(&mut self, pace: &DefaultDirectRateLimiter, others: &mut [u32; CLASSES - 1], now: Instant) {
        let wanted: u32 = others.iter().sum();
        while self.paced < wanted {
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

    /// When to look again, without being told to. What could be asked for already lacks a free place: that is told.
    fn soonest(&self, now: Instant, [live, others]: [bool; 2]) -> Instant {
        let times = [live.then_some(self.live_at), others.then(|| self.others_at.max(self.paced_at))];
        let soonest = times.into_iter().flatten().filter(|at| *at > now).min();
        soonest.unwrap_or_else(|| now + Duration::from_secs(3_600))
    }
}

/// However the driver ends, another one can begin.
struct Driver<'a> {
    budget: &'a Budget,
    is_over: bool,
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            // Whoever still waits hears that nobody will answer.
            let mut queue = lock(&self.budget.queue);
            queue.is_driven = false;
            let waiting = std::mem::take(&mut queue.waiting);
            drop(queue);
            drop(waiting);
        }
    }
}
