//! Pages take turns, so that they leave processors to lookups.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a page waits for its turn. Then it is made all the same: one slow page must not stop the others.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The pages that are made at the same time.
pub(super) struct Turns(Semaphore);

impl Turns {
    /// As many as half of the processors, and at least one.
    pub(super) fn for_this_machine() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Semaphore::new(processors.div_euclid(2).max(1)))
    }

    /// Waits for a turn, which lasts as long as the result. `None` if all others last too long.
    pub(super) async fn take(&self) -> Option<SemaphorePermit<'_>> {
        tokio::time::timeout(LONGEST_WAIT, self.0.acquire()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_that_takes_long_holds_nobody_up() {
        let turns = Turns(Semaphore::new(1));
        let slow = turns.take().await;
        assert!(slow.is_some());
        assert!(turns.take().await.is_none(), "it goes on without a turn");
        drop(slow);
        assert!(turns.take().await.is_some());
    }
}
