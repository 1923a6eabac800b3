//! Stores deliveries in batches, by brand.
//!
//! While a batch of a brand is written, further deliveries wait. They form the next batch, in one statement. In this
//! way, many deliveries share one wait for the disk.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::body_memory::Body;
use crate::clock::Clock;
use crate::concurrency::batcher::{BatchLimits, BatchRunner, Batcher};
use crate::jobs::tasks::BackgroundTasks;
use crate::storage::delivery_queue::{DeliveryRow, Inserted, insert_deliveries};
use crate::storage::pool::Pool;
use crate::telemetry::alarm::Alarm;

/// The most deliveries in a batch.
const MAX_ROWS: usize = 128;

/// The most bytes of bodies in a batch. A single body may be larger.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A longer wait would make larger batches, but a batch may also be stuck.
const BATCH_LIMITS: BatchLimits =
    BatchLimits { slow_after: Duration::from_millis(50), max_in_flight: 2 };

/// The check runs only if no delivery failed for this long.
const MIN_TIME_SINCE_FAILURE: Duration = Duration::from_secs(6);

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

impl InsertResult {
    fn of(row: &DeliveryRow, inserted: &Inserted) -> Self {
        match row.delivery_id {
            id if inserted.new.contains(&id) => Self::New,
            id if inserted.conflicting.contains(&id) => Self::Conflicting,
            id if inserted.repeated.contains(&id) => Self::Repeated,
            _ => Self::Duplicate,
        }
    }
}

/// The delivery was not stored, or the result is unknown.
#[derive(Debug, Clone, Copy)]
pub struct NotStored;

/// A delivery that waits to be stored.
struct PendingInsert {
    row: DeliveryRow,
    // Holds the memory budget until the delivery is written.
    body_memory: Body,
    receipt: oneshot::Sender<Result<InsertResult, NotStored>>,
}

/// Stores the deliveries of all brands, with one queue for each brand.
pub struct DeliveryWriter {
    pool: Pool,
    dedup_history_size: u32,
    background: BackgroundTasks,
    clock: Clock,
    batchers: HashMap<i32, Arc<Batcher<PendingInsert>>>,
    alarm: Arc<Alarm>,
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
            batchers: brands
                .into_iter()
                .map(|brand_id| (brand_id, Batcher::new(BATCH_LIMITS)))
                .collect(),
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
        let batcher = self.batchers.get(&brand_id).ok_or(NotStored)?;
        let (receipt, stored) = oneshot::channel();
        let insert = PendingInsert { row, body_memory, receipt };
        batcher.push(insert, &self.background, || {
            Arc::new(BrandWriter { writer: Arc::clone(self), brand_id })
        });
        stored.await.unwrap_or(Err(NotStored))
    }

    /// If storing failed and no webhook has arrived since, checks whether Postgres accepts writes again. So the alarm
    /// ends without a new webhook. While webhooks arrive, their results decide, because this check writes no rows and
    /// cannot detect a full disk.
    pub async fn check_storing(&self) {
        if let Some(brand_id) = self.batchers.keys().next()
            && self.alarm.is_raised_and_quiet(MIN_TIME_SINCE_FAILURE)
        {
            let frozen_at = self.clock.frozen_at();
            if insert_deliveries(&self.pool, *brand_id, &[], self.dedup_history_size, frozen_at)
                .await
                .is_ok()
            {
                self.alarm.clear();
            }
        }
    }

    async fn write(&self, brand_id: i32, rows: &[DeliveryRow]) -> Result<Inserted, NotStored> {
        let frozen_at = self.clock.frozen_at();
        match insert_deliveries(&self.pool, brand_id, rows, self.dedup_history_size, frozen_at)
            .await
        {
            Ok(inserted) => {
                self.alarm.clear();
                Ok(inserted)
            }
            Err(error) => {
                self.alarm.raise(&error);
                Err(NotStored)
            }
        }
    }
}

/// Stores the deliveries of one brand in batches.
struct BrandWriter {
    writer: Arc<DeliveryWriter>,
    brand_id: i32,
}

impl BatchRunner for BrandWriter {
    type Item = PendingInsert;

    /// Takes the next batch. No two deliveries in it can be the same.
    fn take(&self, waiting: &mut VecDeque<PendingInsert>) -> Vec<PendingInsert> {
        let (mut batch, mut bytes, mut seen) = (Vec::new(), 0_usize, HashSet::new());
        while let Some(next) = waiting.front() {
            bytes = bytes.saturating_add(next.row.body.len());
            let is_full = batch.len() >= MAX_ROWS || (bytes > MAX_BYTES && !batch.is_empty());
            let about = next.row.last.iter().flat_map(|(_, about)| about);
            let marks: Vec<[u8; 16]> = next.row.key.iter().chain(about).copied().collect();
            if is_full || marks.iter().any(|mark| seen.contains(mark)) {
                break;
            }
            seen.extend(marks);
            batch.extend(waiting.pop_front());
        }
        batch
    }

    async fn run(&self, batch: Vec<PendingInsert>) {
        let (rows, waiting): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|insert| (insert.row, (insert.receipt, insert.body_memory)))
            .unzip();
        let inserted = self.writer.write(self.brand_id, &rows).await;
        for (row, (receipt, _body_memory)) in rows.iter().zip(waiting) {
            let result = inserted.as_ref().map(|inserted| InsertResult::of(row, inserted));
            let _ = receipt.send(result.map_err(|_| NotStored));
        }
    }
}
