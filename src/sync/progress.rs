//! What a run reads, and how far it is.

use jiff::Timestamp;

use crate::storage::sync_streams::StreamRow;

/// What a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// All items.
    Full,
    /// Items that changed at the source. Such a run does not look for deletions.
    Incremental {
        /// The changes from this time on.
        since: Timestamp,
    },
}

impl SyncMode {
    /// The mode of a stream's current run, or of its last one.
    #[must_use]
    pub fn of(row: &StreamRow) -> Self {
        row.since.map_or(Self::Full, |since| Self::Incremental { since })
    }

    pub(super) const fn since(self) -> Option<Timestamp> {
        match self {
            Self::Full => None,
            Self::Incremental { since } => Some(since),
        }
    }
}

/// What the run of a stream does, or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// A replica reads the stream.
    Running,
    /// A person cancelled it before its end.
    Cancelled,
    /// It waits for a replica that continues it.
    Interrupted,
    /// It read everything.
    Done,
    /// It ended before it had read everything.
    Failed,
}

impl RunState {
    /// The state of a stream's current run, or of its last one.
    #[must_use]
    pub fn of(row: &StreamRow, now: Timestamp) -> Self {
        match row.finished_at {
            None if row.is_running(now) => Self::Running,
            None if row.is_cancelled => Self::Cancelled,
            None => Self::Interrupted,
            Some(_) if row.is_complete() => Self::Done,
            Some(_) => Self::Failed,
        }
    }
}

impl StreamRow {
    /// The name of the current run, or of the last one.
    #[must_use]
    pub fn run_name(&self) -> &'static str {
        match SyncMode::of(self) {
            SyncMode::Incremental { .. } => "incremental",
            SyncMode::Full if self.is_reconcile => "reconcile",
            SyncMode::Full => "backfill",
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Items read so far.
    pub scanned: u64,
    /// Items that were new or different here.
    pub changed: u64,
    /// Number of items at the source, if known.
    pub total: Option<u64>,
}

/// Progress of a run, for a listener.
#[derive(Debug, Clone, Copy)]
pub struct ProgressEvent<'a> {
    /// How far the run is.
    pub progress: Progress,
    /// Why the run waits; empty while it makes progress.
    pub note: &'a str,
}

/// Callback that receives the progress of a run.
pub type Listener<'a> = &'a (dyn Fn(ProgressEvent<'_>) + Sync);
