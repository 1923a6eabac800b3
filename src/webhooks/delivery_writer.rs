//! Stores deliveries in batches, by brand.
//!
//! While a batch of a brand is written, further deliveries wait. They form the next batch, in one statement. In this
//! way, many deliveries share one wait for the disk.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::storage::pool::Pool;
use tokio::sync::oneshot;

use super::body_memory::Body;
use crate::clock::Clock;
use crate::jobs::tasks::BackgroundTasks;
use crate::storage::delivery_queue::{DeliveryRow, Inserted, insert_deliveries};
use crate::telemetry::alarm::Alarm;

/// The most deliveries in a batch.
const MOST_ROWS: usize = 128;

/// The most bytes of bodies in a batch. A single body may be larger.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// If a batch takes longer than this, a second one starts. A longer wait makes larger batches, but a batch may also be
/// stuck.
const SLOW_BATCH_AFTER: Duration = Duration::from_millis(50);

/// The most batches of a brand in flight.
const MAX_BATCHES_IN_FLIGHT: usize = 2;

/// How often the writer checks whether webhooks can be stored again.
const TRIAL: Duration = Duration::from_secs(2);

/// The check runs only if no delivery failed for this long.
const QUIET: Duration = Duration::from_secs(6);

/// The result of storing a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertResult {
    /// The delivery is stored.
    New,
    /// The same delivery was stored before.
    Duplicate,
    /// Another delivery with the same id was stored before.
    Conflicting,
    /// The same content was stored before, and later another content about the same records.
    Repeated,
}

/// The delivery was not stored, or the result is unknown.
#[derive(Debug, Clone, Copy)]
pub struct NotStored;

struct PendingInsert {
    row: DeliveryRow,
    // Holds the memory budget until the delivery is written.
    _room: Body,
    receipt: oneshot::Sender<Result<InsertResult, NotStored>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<PendingInsert>,
    under_way: usize,
    // When the latest batch started.
    started_at: Option<Instant>,
}

impl Queue {
    fn has_slot(&self) -> bool {
        let is_late = self.started_at.is_none_or(|at| at.elapsed() > SLOW_BATCH_AFTER);
        self.under_way == 0 || (is_late && self.under_way < MAX_BATCHES_IN_FLIGHT)
    }
}

/// Stores the deliveries of all brands, with one queue for each brand.
pub struct DeliveryWriter {
    pool: Pool,
    dedup_history_size: u32,
    background: BackgroundTasks,
    clock: Clock,
    queues: HashMap<i32, Mutex<Queue>>,
    alarm: Arc<Alarm>,
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

impl DeliveryWriter {
    /// A writer for these brands.
    pub fn new(
        pool: Pool,
        dedup_history_size: u32,
        alarm: Arc<Alarm>,
        background: BackgroundTasks,
        clock: Clock,
        brands: impl IntoIterator<Item = i32>,
    ) -> Arc<Self> {
        Arc::new(Self {
            pool,
            dedup_history_size,
            background,
            clock,
            queues: brands.into_iter().map(|brand_id| (brand_id, Mutex::default())).collect(),
            alarm,
        })
    }

    /// Stores a delivery, in a batch with others that arrive now. It is stored even if the caller stops waiting.
    pub(super) async fn store(
        self: &Arc<Self>,
        brand_id: i32,
        row: DeliveryRow,
        body_memory: Body,
    ) -> Result<InsertResult, NotStored> {
        let (receipt, stored) = oneshot::channel();
        {
            let mut queue = lock(self.queues.get(&brand_id).ok_or(NotStored)?);
            queue.waiting.push_back(PendingInsert { row, _room: body_memory, receipt });
            if queue.has_slot() {
                queue.under_way = queue.under_way.saturating_add(1);
                let delivery_writer = Arc::clone(self);
                self.background.spawn(async move { delivery_writer.write_all(brand_id).await });
            }
        }
        stored.await.unwrap_or(Err(NotStored))
    }

    async fn write_all(&self, brand_id: i32) {
        let Some(queue) = self.queues.get(&brand_id) else { return };
        let mut writer = Writer { queue, is_over: false };
        while let Some(inserts) = writer.next_batch() {
            self.write(brand_id, inserts).await;
        }
    }

    /// If storing fails and no webhook arrives, checks whether Postgres accepts writes again. So the alarm ends without
    /// a new webhook. While webhooks arrive, their results decide, because this check writes no rows and cannot detect
    /// a full disk.
    pub async fn check_storing(self: Arc<Self>) {
        loop {
            tokio::time::sleep(TRIAL).await;
            let Some(brand_id) =
                self.queues.keys().next().filter(|_| self.alarm.is_raised_and_quiet(QUIET))
            else {
                continue;
            };
            if insert_deliveries(
                &self.pool,
                *brand_id,
                &[],
                self.dedup_history_size,
                self.clock.frozen_at(),
            )
            .await
            .is_ok()
            {
                self.alarm.clear();
            }
        }
    }

    async fn write(&self, brand_id: i32, inserts: Vec<PendingInsert>) {
        let (rows, delivery_writer): (Vec<_>, Vec<_>) =
            inserts.into_iter().map(|insert| (insert.row, (insert.receipt, insert._room))).unzip();
        let written = insert_deliveries(
            &self.pool,
            brand_id,
            &rows,
            self.dedup_history_size,
            self.clock.frozen_at(),
        )
        .await;
        let inserted: Result<Inserted, NotStored> = match written {
            Ok(inserted) => {
                self.alarm.clear();
                Ok(inserted)
            }
            Err(error) => {
                self.alarm.raise(&error);
                Err(NotStored)
            }
        };
        for (row, (receipt, _room)) in rows.iter().zip(delivery_writer) {
            let stored = |inserted: &Inserted| match row.delivery_id {
                id if inserted.new.contains(&id) => InsertResult::New,
                id if inserted.conflicting.contains(&id) => InsertResult::Conflicting,
                id if inserted.repeated.contains(&id) => InsertResult::Repeated,
                _ => InsertResult::Duplicate,
            };
            let _ = receipt.send(inserted.as_ref().map(stored).map_err(|_| NotStored));
        }
    }
}

/// A task that writes batches. When it ends, for any reason, it no longer counts as in flight.
struct Writer<'a> {
    queue: &'a Mutex<Queue>,
    is_over: bool,
}

impl Writer<'_> {
    /// Takes the next batch. No two deliveries in it can be the same. `None` if the queue is empty: the writer ends.
    fn next_batch(&mut self) -> Option<Vec<PendingInsert>> {
        let mut queue = lock(self.queue);
        if queue.waiting.is_empty() {
            // Under the same lock, so that a new delivery is either in this batch or starts a writer.
            queue.under_way = queue.under_way.saturating_sub(1);
            self.is_over = true;
            return None;
        }
        queue.started_at = Some(Instant::now());
        let (mut batch, mut bytes, mut seen) = (Vec::new(), 0_usize, HashSet::new());
        while let Some(next) = queue.waiting.front() {
            bytes = bytes.saturating_add(next.row.body.len());
            let marks: Vec<[u8; 16]> = next
                .row
                .key
                .iter()
                .chain(next.row.last.iter().flat_map(|(_, about)| about))
                .copied()
                .collect();
            let is_full = batch.len() >= MOST_ROWS || (bytes > MOST_BYTES && !batch.is_empty());
            if is_full || marks.iter().any(|mark| seen.contains(mark)) {
                break;
            }
            seen.extend(marks);
            batch.extend(queue.waiting.pop_front());
        }
        Some(batch)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let mut queue = lock(self.queue);
            queue.under_way = queue.under_way.saturating_sub(1);
        }
    }
}
