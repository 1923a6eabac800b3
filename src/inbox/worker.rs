//! The worker of one brand's inbox: when it works, when it pauses, and when it raises the alarm.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::processor::DeliveryProcessor;
use super::wake_handles::WakeHandles;
use crate::ingest::apply::analyze_if_grown;
use crate::jobs::tasks::BackgroundTasks;
use crate::jobs::worker::{Next, Worker};
use crate::storage::StorageError;
use crate::telemetry::alarm::Alarm;

/// The pause after an empty claim, unless a new delivery wakes the worker, and after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// After a batch that was not full, the next one begins no sooner than this after it began. So deliveries in quick
/// succession share a batch, which costs Postgres much less than a batch for each.
const SPACING: Duration = Duration::from_millis(20);

/// The pause while another session writes for the brand, and the time after which that raises the alarm.
const LOCKED_PAUSE: Duration = Duration::from_millis(250);
const LOCKED_ALARM_AFTER: Duration = Duration::from_secs(15);

/// Processes the deliveries of a brand for as long as the service runs.
pub struct InboxWorker {
    processor: DeliveryProcessor,
    wake_handles: WakeHandles,
    // They limit how many brands are processed at once.
    slots: Arc<Semaphore>,
    analyze_slot: Arc<Semaphore>,
    alarm: Arc<Alarm>,
    background: BackgroundTasks,
    // Since when another session writes for the brand.
    locked_since: Option<Instant>,
}

impl InboxWorker {
    /// A worker that has not begun.
    #[must_use]
    pub fn new(
        processor: DeliveryProcessor,
        wake_handles: WakeHandles,
        slots: Arc<Semaphore>,
        alarm: Arc<Alarm>,
        background: BackgroundTasks,
    ) -> Self {
        let analyze_slot = Arc::new(Semaphore::new(1));
        Self { processor, wake_handles, slots, analyze_slot, alarm, background, locked_since: None }
    }

    /// Starts to renew Postgres's statistics, in a task of its own, so that deliveries do not wait for it.
    fn start_analyze(&self) {
        if let Ok(slot) = Arc::clone(&self.analyze_slot).try_acquire_owned() {
            let pool = self.processor.pool.clone();
            self.background.spawn(async move {
                analyze_if_grown(&pool).await;
                drop(slot);
            });
        }
    }

    /// Runs a step, but no longer than its lease. After that, others may have claimed its deliveries.
    async fn step_in_time(&self) -> Result<usize, StorageError> {
        tokio::time::timeout(self.processor.lease, self.processor.step())
            .await
            .unwrap_or(Err(StorageError::Database(sqlx::Error::PoolTimedOut)))
    }
}

impl Worker for InboxWorker {
    async fn step(&mut self) -> Next {
        if self.processor.take_stats_stale() {
            self.start_analyze();
        }
        // The semaphore is never closed.
        let Ok(slot) = self.slots.acquire().await else { return Next::Pause(PAUSE) };
        self.processor.set_locked(self.locked_since.is_some());
        let began_at = Instant::now();
        let worked = self.step_in_time().await;
        drop(slot);
        match worked {
            Ok(count) => {
                self.alarm.clear();
                self.locked_since = None;
                match count {
                    0 => Next::WaitForWork(PAUSE),
                    count if self.processor.is_full(count) => Next::Step,
                    _ => Next::Pause(SPACING.saturating_sub(began_at.elapsed())),
                }
            }
            // Another session writes for this brand. The slot is free for other brands meanwhile.
            Err(error) if error.is_locked() => {
                if self.locked_since.get_or_insert_with(Instant::now).elapsed() > LOCKED_ALARM_AFTER
                {
                    self.alarm.raise(&error);
                }
                Next::Pause(LOCKED_PAUSE)
            }
            Err(error) => {
                self.alarm.raise(&error);
                Next::Pause(PAUSE)
            }
        }
    }

    async fn woken(&self) {
        self.wake_handles.woken(self.processor.brand.id()).await;
    }
}
