//! Does similar work in batches. While a batch runs, further items wait. They form the next batch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use crate::jobs::tasks::BackgroundTasks;

/// How many batches may run at once.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// If a batch takes longer than this, the next one starts beside it.
    pub slow_after: Duration,
    /// The most batches in flight.
    pub max_in_flight: usize,
}

/// How to do the work.
pub trait BatchRunner: Send + Sync + 'static {
    /// What a batch consists of.
    type Item: Send + 'static;

    /// Takes the next batch from the items that wait. There is at least one.
    fn take(&self, waiting: &mut VecDeque<Self::Item>) -> Vec<Self::Item>;

    /// Does the work of a batch.
    fn run(&self, batch: Vec<Self::Item>) -> impl Future<Output = ()> + Send;
}

/// The items that wait, and the batches in flight.
pub struct Batcher<T> {
    limits: BatchLimits,
    queue: Mutex<Queue<T>>,
}

struct Queue<T> {
    waiting: VecDeque<T>,
    in_flight: usize,
    // A batch is in flight that is not slow yet. The next batch waits for it.
    is_held: bool,
}

impl<T: Send + 'static> Batcher<T> {
    /// A batcher without items.
    #[must_use]
    pub fn new(limits: BatchLimits) -> Arc<Self> {
        let queue = Queue { waiting: VecDeque::new(), in_flight: 0, is_held: false };
        Arc::new(Self { limits, queue: Mutex::new(queue) })
    }

    /// Adds an item. If it need not wait for a batch in flight, a task starts that runs batches until nothing waits.
    pub fn push<R: BatchRunner<Item = T>>(
        self: &Arc<Self>,
        item: T,
        background: &BackgroundTasks,
        runner: impl FnOnce() -> Arc<R>,
    ) {
        let slot = {
            let mut queue = self.lock();
            queue.waiting.push_back(item);
            self.take_slot(&mut queue)
        };
        if let Some(slot) = slot {
            slot.start(runner(), background);
        }
    }

    fn take_slot(self: &Arc<Self>, queue: &mut Queue<T>) -> Option<Slot<T>> {
        if queue.is_held || queue.in_flight >= self.limits.max_in_flight {
            return None;
        }
        queue.is_held = true;
        queue.in_flight = queue.in_flight.saturating_add(1);
        Some(Slot { batcher: Arc::clone(self), holds_next: true, is_over: false })
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock()
    }
}

/// The right to have a batch in flight.
struct Slot<T> {
    batcher: Arc<Batcher<T>>,
    // Whether further items wait for this batch.
    holds_next: bool,
    is_over: bool,
}

impl<T: Send + 'static> Slot<T> {
    fn start<R: BatchRunner<Item = T>>(self, runner: Arc<R>, background: &BackgroundTasks) {
        background.spawn(self.run_batches(runner, background.clone()));
    }

    async fn run_batches<R: BatchRunner<Item = T>>(
        mut self,
        runner: Arc<R>,
        background: BackgroundTasks,
    ) {
        let slow_after = self.batcher.limits.slow_after;
        while let Some(batch) = self.next_batch(&*runner) {
            let running = runner.run(batch);
            tokio::pin!(running);
            if tokio::time::timeout(slow_after, &mut running).await.is_err() {
                if let Some(slot) = self.release_early() {
                    slot.start(Arc::clone(&runner), &background);
                }
                running.await;
            }
        }
    }

    /// Takes the next batch. `None` if nothing waits, or another batch has started meanwhile. Then the slot is
    /// released.
    fn next_batch(&mut self, runner: &impl BatchRunner<Item = T>) -> Option<Vec<T>> {
        let batcher = Arc::clone(&self.batcher);
        let mut queue = batcher.lock();
        if queue.waiting.is_empty() || (queue.is_held && !self.holds_next) {
            // Under the same lock, so that a new item is either in a batch or takes a slot.
            self.release(&mut queue);
            return None;
        }
        (queue.is_held, self.holds_next) = (true, true);
        Some(runner.take(&mut queue.waiting))
    }

    /// Lets the next batch start, because this one is slow.
    fn release_early(&mut self) -> Option<Self> {
        self.holds_next = false;
        let mut queue = self.batcher.lock();
        queue.is_held = false;
        if queue.waiting.is_empty() { None } else { self.batcher.take_slot(&mut queue) }
    }
}

impl<T> Slot<T> {
    fn release(&mut self, queue: &mut Queue<T>) {
        if !self.is_over {
            self.is_over = true;
            queue.in_flight = queue.in_flight.saturating_sub(1);
            queue.is_held &= !self.holds_next;
        }
    }
}

impl<T> Drop for Slot<T> {
    /// Releases the slot after any end, also after a panic, so that the queue is never blocked.
    fn drop(&mut self) {
        let batcher = Arc::clone(&self.batcher);
        let mut queue = batcher.queue.lock();
        self.release(&mut queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::{Notify, mpsc};

    const LONG_DELAY: Duration = Duration::from_secs(3_600);

    /// Sends each batch to the test, and ends it when the test says so.
    struct Runner {
        started: mpsc::UnboundedSender<Vec<u8>>,
        end: Notify,
    }

    impl BatchRunner for Runner {
        type Item = u8;

        fn take(&self, waiting: &mut VecDeque<u8>) -> Vec<u8> {
            waiting.drain(..waiting.len().min(3)).collect()
        }

        async fn run(&self, batch: Vec<u8>) {
            let panics = batch.contains(&99);
            self.started.send(batch).unwrap();
            assert!(!panics, "a batch that panics");
            self.end.notified().await;
        }
    }

    fn start(
        slow_after: Duration,
    ) -> (Arc<Runner>, mpsc::UnboundedReceiver<Vec<u8>>, Arc<Batcher<u8>>) {
        let (started, batches) = mpsc::unbounded_channel();
        let limits = BatchLimits { slow_after, max_in_flight: 2 };
        (Arc::new(Runner { started, end: Notify::new() }), batches, Batcher::new(limits))
    }

    #[tokio::test]
    async fn items_that_come_during_a_batch_form_the_next() {
        let (runner, mut batches, batcher) = start(LONG_DELAY);
        let background = BackgroundTasks::new();
        let push = |item| batcher.push(item, &background, || Arc::clone(&runner));
        push(1);
        assert_eq!(batches.recv().await, Some(vec![1]));
        (2..6).for_each(push);
        runner.end.notify_one();
        assert_eq!(batches.recv().await, Some(vec![2, 3, 4]), "no more than a batch may have");
        runner.end.notify_one();
        assert_eq!(batches.recv().await, Some(vec![5]));
    }

    #[tokio::test]
    async fn a_slow_batch_lets_a_second_start_but_no_third() {
        let (runner, mut batches, batcher) = start(Duration::from_millis(1));
        let background = BackgroundTasks::new();
        let push = |item| batcher.push(item, &background, || Arc::clone(&runner));
        push(1);
        assert_eq!(batches.recv().await, Some(vec![1]));
        push(2);
        assert_eq!(batches.recv().await, Some(vec![2]), "the first is slow");
        push(3);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(batches.try_recv().is_err(), "two are stuck");
        runner.end.notify_one();
        assert_eq!(batches.recv().await, Some(vec![3]));
    }

    #[tokio::test]
    async fn after_a_panic_the_next_item_starts_a_batch() {
        let (runner, mut batches, batcher) = start(LONG_DELAY);
        let background = BackgroundTasks::new();
        let push = |item| batcher.push(item, &background, || Arc::clone(&runner));
        push(99);
        assert_eq!(batches.recv().await, Some(vec![99]));
        while background.tasks() > 0 {
            tokio::task::yield_now().await;
        }
        push(1);
        assert_eq!(batches.recv().await, Some(vec![1]));
    }
}
