//! The worker of the inbox. It claims the due deliveries of a brand, and applies and finishes them in one transaction.
//!
//! A claim has a lease and is committed before the work begins. If the worker dies, others take over when the lease
//! ends. If the worker is only slow, it finds inside the transaction that others took over its claims, and leaves those
//! out. A batch that fails is divided in halves and tried again, so that a bad delivery does not block the others.

mod claimed_delivery;
pub mod retry;
pub mod source_health;

use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::storage::pool::{Connection, Pool};
use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

use self::claimed_delivery::{ClaimedDelivery, IGNORED, ParsedDelivery};
use self::retry::{Failure, disposition};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::record::Change;
use crate::customer::model::source::Source;
use crate::erasure::body_scan::mentions_erased;
use crate::ingest::apply::{analyze_if_grown, apply_in};
use crate::ingest::batch::{Applied, ChangeBatch};
use crate::ingest::load::LoadFrom;
use crate::ingest::unread_values::UnreadCounts;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::file::InboxSettings;
use crate::sources::Delivery;
use crate::storage::StorageError;
use crate::storage::database::database_now;
use crate::storage::delivery_claims::{
    Claim, Disposition, claim_deliveries, finish_deliveries, lock_claimed,
};
use crate::storage::follow_ups::{NewFollowUpRow, insert_follow_ups};
use crate::storage::write_transaction::{LOCK_TIMEOUT, try_begin};
use crate::sync::follow_up::hints;
use crate::telemetry::alarm::Alarm;

/// From this number of attempts on, a delivery is applied alone: it may be the one that crashes the process or
/// Postgres.
const ALONE_FROM: u32 = 4;

/// The pause after an empty claim, unless a new delivery wakes the worker.
const PAUSE: Duration = Duration::from_secs(1);

/// The pause while another session writes for the brand, and the time after which that raises the alarm.
const WHILE_HELD: Duration = Duration::from_millis(250);
const LONG_HELD: Duration = Duration::from_secs(15);

/// After such a pause, the worker waits this long in the lock queue of Postgres. So a session that writes batch after
/// batch cannot keep it out.
const WHEN_HELD: Duration = Duration::from_secs(1);

/// Handles that wake the workers of this replica, by brand.
#[derive(Clone)]
pub struct WakeHandles(Arc<HashMap<i32, Notify>>);

impl WakeHandles {
    /// Handles for these brands.
    pub fn new(brands: impl IntoIterator<Item = i32>) -> Self {
        Self(Arc::new(brands.into_iter().map(|brand_id| (brand_id, Notify::new())).collect()))
    }

    /// Wakes the worker of a brand, because a delivery arrived.
    pub fn wake(&self, brand_id: i32) {
        self.0.get(&brand_id).into_iter().for_each(Notify::notify_one);
    }

    async fn wait(&self, brand_id: i32) {
        match self.0.get(&brand_id) {
            Some(wake) => wake.notified().await,
            None => std::future::pending().await,
        }
    }
}

/// Processes the inbox of one brand.
pub struct Worker {
    pool: Pool,
    brand: Arc<Brand>,
    clock: Clock,
    lease: Duration,
    batch: u32,
    max_attempts: u32,
    // Tables have grown so much that Postgres needs new statistics.
    stats_stale: AtomicBool,
    // At the last attempt, another session wrote for the brand.
    is_held: AtomicBool,
}

impl Worker {
    /// Creates a worker for a brand.
    #[must_use]
    pub const fn new(
        pool: Pool,
        brand: Arc<Brand>,
        settings: &InboxSettings,
        clock: Clock,
    ) -> Self {
        let lease = Duration::from_secs(settings.lease_seconds);
        let (stats_stale, is_held) = (AtomicBool::new(false), AtomicBool::new(false));
        Self {
            pool,
            brand,
            clock,
            lease,
            batch: settings.batch_size,
            max_attempts: settings.max_attempts,
            stats_stale,
            is_held,
        }
    }

    /// Runs until the service shuts down, then finishes its current batch. The slots limit how many brands are
    /// processed at once.
    pub async fn run(
        self,
        wakes: WakeHandles,
        slots: Arc<Semaphore>,
        alarm: Arc<Alarm>,
        background: BackgroundTasks,
    ) {
        let mut held_since = None;
        let analyze_slots = Arc::new(Semaphore::new(1));
        while !background.is_ending() {
            // In a task of its own, so that deliveries do not wait for it.
            if self.stats_stale.swap(false, Ordering::Relaxed)
                && let Ok(analyze_slot) = Arc::clone(&analyze_slots).try_acquire_owned()
            {
                let pool = self.pool.clone();
                background.spawn(async move {
                    analyze_if_grown(&pool).await;
                    drop(analyze_slot);
                });
            }
            let Ok(slot) = slots.acquire().await else { return };
            self.is_held.store(held_since.is_some(), Ordering::Relaxed);
            let worked = self.step_in_time().await;
            drop(slot);
            let pause = match worked {
                Ok(0) => {
                    alarm.clear();
                    held_since = None;
                    let pause = tokio::time::timeout(PAUSE, wakes.wait(self.brand.id()));
                    tokio::select! {
                        _ = pause => {}
                        () = background.until_ending() => {}
                    }
                    continue;
                }
                Ok(_) => {
                    alarm.clear();
                    held_since = None;
                    continue;
                }
                // Another session writes for this brand. The slot is free for other brands meanwhile.
                Err(error) if error.is_held() => {
                    if held_since.get_or_insert_with(Instant::now).elapsed() > LONG_HELD {
                        alarm.raise(&error);
                    }
                    WHILE_HELD
                }
                Err(error) => {
                    alarm.raise(&error);
                    PAUSE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = background.until_ending() => {}
            }
        }
    }

    /// Runs a step, but no longer than its lease. After that, others may have claimed its deliveries.
    async fn step_in_time(&self) -> Result<usize, StorageError> {
        tokio::time::timeout(self.lease, self.step())
            .await
            .unwrap_or(Err(StorageError::Database(sqlx::Error::PoolTimedOut)))
    }

    /// Claims and processes one batch. Returns the number of deliveries in it.
    ///
    /// # Errors
    /// When Postgres fails. Claimed deliveries are due again when their lease ends.
    pub async fn step(&self) -> Result<usize, StorageError> {
        let claimed = self.claim().await?;
        let count = claimed.items.len();
        self.work_off(claimed).await?;
        Ok(count)
    }

    /// Claims due deliveries.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn claim(&self) -> Result<Claimed, StorageError> {
        let token = Uuid::new_v4();
        let claim = Claim {
            token,
            frozen_at: self.clock.frozen_at(),
            lease: self.lease,
            limit: self.batch,
        };
        let rows = claim_deliveries(&self.pool, self.brand.id(), &claim).await?;
        rows.iter()
            .filter(|row| row.was_late)
            .for_each(|row| self.count(row.source, "lease_expired"));
        let at = rows.first().map(|row| row.claimed_at);
        Ok(Claimed { token, at, items: rows.into_iter().map(ClaimedDelivery::from).collect() })
    }

    /// Processes claimed deliveries.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn work_off(
        &self,
        Claimed { token, at, items }: Claimed,
    ) -> Result<(), StorageError> {
        let Some(at) = at else { return Ok(()) };
        let (hopeless, items): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.attempts > self.max_attempts);
        for item in &hopeless {
            self.fail(token, item, &Failure::LeaseExpiredRepeatedly).await?;
        }
        let (candidates, items): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.attempts >= ALONE_FROM);
        let mut parts =
            std::iter::once(items.as_slice()).chain(candidates.iter().map(std::slice::from_ref));
        while let Some(part) = parts.next() {
            if let Err(error) = self.apply_or_split(token, at, part).await {
                // Deliveries that were not started are released at once, and this attempt does not count for them.
                self.release((token, at), parts).await?;
                return Err(error);
            }
        }
        Ok(())
    }

    async fn apply_or_split(
        &self,
        token: Uuid,
        now: Timestamp,
        items: &[ClaimedDelivery],
    ) -> Result<(), StorageError> {
        let mut left = vec![items];
        while let Some(items) = left.pop() {
            let Some(first) = items.first() else { continue };
            let failure = match AssertUnwindSafe(self.apply(token, now, items)).catch_unwind().await
            {
                Ok(Ok(())) => continue,
                Ok(Err(error)) if error.is_held() => {
                    self.release((token, now), left.into_iter().chain([items])).await?;
                    return Err(error);
                }
                Ok(Err(error)) if error.is_unavailable() => {
                    return self.leave((token, now), items, &left, error).await;
                }
                Ok(Err(error)) => Failure::Storage(error),
                Err(_) => Failure::Panicked,
            };
            if items.len() == 1 {
                self.fail(token, first, &failure).await?;
            } else {
                let (one, other) = items.split_at_checked(items.len() / 2).unwrap_or((items, &[]));
                left.extend([other, one]);
            }
        }
        Ok(())
    }

    /// Applies and finishes deliveries in one transaction.
    async fn apply(
        &self,
        token: Uuid,
        now: Timestamp,
        items: &[ClaimedDelivery],
    ) -> Result<(), StorageError> {
        let read: Vec<ParsedDelivery<'_>> = items.iter().map(|item| self.read(item)).collect();
        let timeout = if self.is_held.load(Ordering::Relaxed) { WHEN_HELD } else { LOCK_TIMEOUT };
        let mut transaction = try_begin(&self.pool, self.brand.id(), timeout).await?;
        let ids: Vec<Uuid> = items.iter().map(|item| item.id).collect();
        let held = lock_claimed(&mut transaction, self.brand.id(), token, &ids).await?;
        let (held, lost): (Vec<&ParsedDelivery<'_>>, Vec<&ParsedDelivery<'_>>) =
            read.iter().partition(|read| held.contains(&read.item.id));
        let work = ChangeBatch::from(
            held.iter().filter_map(|read| read.changes()).flatten().cloned().collect::<Vec<_>>(),
        );
        let readers = LoadFrom { db: &mut transaction, beside: Some(&self.pool) };
        let applied = if work.is_empty() {
            Applied::default()
        } else {
            apply_in(readers, &self.brand, &work).await?
        };
        let erased = self.erased(&mut transaction, &held, &applied).await?;
        let mut unread = UnreadCounts::default();
        let mut disposition = |read: &ParsedDelivery<'_>| {
            if erased.contains(&read.item.id) {
                return Disposition::Erased;
            }
            let fields = read.unread(self.brand.rules.identity.region);
            unread.add(read.item.source, &fields);
            read.disposition(&fields)
        };
        let verdicts: Vec<(Uuid, Disposition)> =
            held.iter().map(|read| (read.item.id, disposition(read))).collect();
        finish_deliveries(&mut transaction, self.brand.id(), token, now, &verdicts).await?;
        insert_follow_ups(&mut transaction, self.brand.id(), now, &self.hints(&held, &verdicts))
            .await?;
        unread.save(&mut transaction, &self.brand).await?;
        transaction.commit().await?;
        unread.count(&self.brand);
        lost.iter().for_each(|read| self.count(read.item.source, "lease_expired"));
        for (read, (_, disposition)) in held.iter().zip(&verdicts) {
            self.count_verdict(read.item.source, disposition);
        }
        self.stats_stale.fetch_or(applied.stats_stale, Ordering::Relaxed);
        Ok(())
    }

    /// The deliveries about erased people. The write path reports them for deliveries with changes. For the others,
    /// their bodies are searched.
    async fn erased(
        &self,
        db: &mut Connection,
        held: &[&ParsedDelivery<'_>],
        applied: &Applied,
    ) -> Result<BTreeSet<Uuid>, StorageError> {
        let is_erased =
            |change: &Change| change.keys().iter().any(|key| applied.erased.contains(key));
        let (changing, silent): (Vec<&ParsedDelivery<'_>>, Vec<&ParsedDelivery<'_>>) =
            held.iter().partition(|read| read.changes().is_some());
        let of_changes = changing
            .iter()
            .filter(|read| read.changes().is_some_and(|changes| changes.iter().any(is_erased)));
        let mut erased: BTreeSet<Uuid> = of_changes.map(|read| read.item.id).collect();
        if !silent.is_empty() {
            let deliveries: Vec<&Delivery> =
                silent.iter().map(|read| &read.item.delivery).collect();
            let mentions = mentions_erased(db, &self.brand, &deliveries).await?;
            erased.extend(
                silent
                    .iter()
                    .zip(mentions)
                    .filter(|(_, mentions)| *mentions)
                    .map(|(read, _)| read.item.id),
            );
        }
        Ok(erased)
    }

    /// The follow-ups of the finished deliveries. Any replica may run them.
    fn hints(
        &self,
        held: &[&ParsedDelivery<'_>],
        verdicts: &[(Uuid, Disposition)],
    ) -> Vec<NewFollowUpRow> {
        let done = held
            .iter()
            .zip(verdicts)
            .filter(|(_, (_, disposition))| matches!(disposition, Disposition::Done(_)));
        done.flat_map(|(read, _)| {
            hints(
                &self.brand,
                read.item.source,
                &read.item.delivery,
                read.changes().unwrap_or_default(),
            )
        })
        .collect()
    }

    fn read<'a>(&self, item: &'a ClaimedDelivery) -> ParsedDelivery<'a> {
        ParsedDelivery {
            item,
            reading: self.brand.rules.sources.reader(item.source).parse_webhook(&item.delivery),
        }
    }

    /// Schedules a failed delivery for another attempt, or makes it a dead letter.
    async fn fail(
        &self,
        token: Uuid,
        item: &ClaimedDelivery,
        failure: &Failure,
    ) -> Result<(), StorageError> {
        let now = database_now(&self.pool, self.clock.frozen_at()).await?;
        let disposition = disposition(failure, item.attempts, self.max_attempts, token, now);
        self.count_verdict(item.source, &disposition);
        self.finish((token, now), &[(item.id, disposition)]).await
    }

    /// Schedules all deliveries for another attempt, because Postgres is unavailable. Those that were not started are
    /// released at once.
    async fn leave(
        &self,
        (token, now): (Uuid, Timestamp),
        begun: &[ClaimedDelivery],
        others: &[&[ClaimedDelivery]],
        error: StorageError,
    ) -> Result<(), StorageError> {
        let failure = Failure::Storage(error);
        let mut verdicts = Vec::new();
        verdicts.extend(begun.iter().map(|item| {
            (item.id, disposition(&failure, item.attempts, self.max_attempts, token, now))
        }));
        verdicts.extend(
            others
                .iter()
                .flat_map(|items| items.iter())
                .map(|item| (item.id, Disposition::Released)),
        );
        self.finish((token, now), &verdicts).await?;
        match failure {
            Failure::Storage(error) => Err(error),
            Failure::Panicked | Failure::LeaseExpiredRepeatedly => Ok(()),
        }
    }

    /// Releases claimed deliveries that were not started. The attempt does not count.
    async fn release(
        &self,
        (token, now): (Uuid, Timestamp),
        items: impl Iterator<Item = &[ClaimedDelivery]>,
    ) -> Result<(), StorageError> {
        let verdicts: Vec<_> =
            items.flatten().map(|item| (item.id, Disposition::Released)).collect();
        self.finish((token, now), &verdicts).await
    }

    async fn finish(
        &self,
        (token, now): (Uuid, Timestamp),
        verdicts: &[(Uuid, Disposition)],
    ) -> Result<(), StorageError> {
        let mut connection = self.pool.acquire().await?;
        finish_deliveries(&mut connection, self.brand.id(), token, now, verdicts).await
    }

    fn count_verdict(&self, source: Source, disposition: &Disposition) {
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

    fn count(&self, source: Source, outcome: &'static str) {
        let brand = self.brand.rules.slug.clone();
        metrics::counter!("hookpoint_deliveries_total", "brand" => brand, "source" => source.as_str(), "outcome" => outcome).increment(1);
    }
}

/// Deliveries that a worker has claimed.
pub struct Claimed {
    token: Uuid,
    // When they were claimed, by the clock of Postgres. `None` if nothing was due.
    at: Option<Timestamp>,
    items: Vec<ClaimedDelivery>,
}
