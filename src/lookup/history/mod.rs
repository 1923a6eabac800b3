//! The history of lookups: which ones were answered, when, and with what, so that a person finds out later what an agent
//! saw. It has no personal data: addresses, ids and tickets are keyed hashes, and customers are keys. Only a ticket that is a
//! number is also stored as such.
//!
//! Requests never wait for it: answered lookups go into a bounded queue, and a background task writes them in batches
//! ([`writer`]). Lookups that come faster than it writes, for longer than the queue lasts, are dropped and counted.

mod answered_lookup;
pub mod writer;

use std::fmt;
use std::sync::Arc;

use metrics::Counter;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use self::answered_lookup::AnsweredLookup;
pub use self::answered_lookup::LookupResponse;
use self::writer::{HistoryWriter, count_dropped};
use super::trace::LookupTrace;
use crate::clock::Clock;
use crate::jobs::tasks::BackgroundTasks;
use crate::storage::pool::Pool;

/// The most lookups that wait to be written. They take a few megabytes.
pub const MAX_WAITING: usize = 8_192;

/// Where answered lookups are recorded. By default, the history is off: then this does nothing.
#[derive(Clone, Default)]
pub struct LookupHistory(Option<Arc<Recorder>>);

struct Recorder {
    queue: mpsc::Sender<AnsweredLookup>,
    clock: Clock,
    // Registered once, because that takes longer than counting.
    queue_full: Counter,
}

impl fmt::Debug for LookupHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LookupHistory(is_on: {})", self.is_on())
    }
}

impl LookupHistory {
    /// Starts to record lookups, of which at most `max_waiting` wait to be written.
    #[must_use]
    pub fn start(
        pool: Pool,
        max_waiting: usize,
        clock: Clock,
        background: &BackgroundTasks,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(max_waiting);
        background.spawn(HistoryWriter::new(pool, waiting).run(background.clone()));
        let queue_full =
            metrics::counter!("hookpoint_lookup_history_dropped_total", "reason" => "queue_full");
        Self(Some(Arc::new(Recorder { queue, clock, queue_full })))
    }

    /// Whether lookups are recorded.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Records a lookup, without waiting. Without a valid key, it is a lookup of no brand, and only in the log.
    pub fn record(&self, mut trace: LookupTrace, response: LookupResponse) {
        let Some((recorder, key)) = self.0.as_ref().zip(trace.key.take()) else { return };
        match recorder.queue.try_reserve() {
            Ok(place) => {
                place.send(AnsweredLookup::new(key, trace, response, recorder.clock.now()));
            }
            Err(TrySendError::Full(())) => recorder.queue_full.increment(1),
            Err(TrySendError::Closed(())) => count_dropped("shutdown", 1),
        }
    }
}
