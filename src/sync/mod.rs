//! Reads everything that a source has: once in full (backfill), and later again, to find and repair changes
//! that no webhook reported (reconcile). If a source can list changes since a time, incremental runs read these
//! in between.
//!
//! One runner at a time reads a stream, over all replicas. It saves its progress after each step, so that a
//! runner that resumes after a crash continues there. Applying a change twice has no effect. Values from the
//! source and from webhooks are compared by the source's own time stamps, so both may arrive at the same time.
//!
//! `list` reads a list page by page, `per_record` makes a call for each stored item, `deletions` finds records
//! that a list no longer has.

mod deletions;
mod due;
pub mod follow_up;
pub mod follow_up_requests;
mod list;
mod per_record;
mod run;
pub mod schedule;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::storage::pool::Pool;
use jiff::Timestamp;
use uuid::Uuid;

use self::run::{RunAbort, RunContext};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::source::{Source, SourceKind};
use crate::settings::file::SyncSettings;
use crate::sources::api::{ApiConnector, Stream, Traversal};
use crate::storage::StorageError;
use crate::storage::sync_runs::{
    Beginning, End, StreamKey, claim_stream, finish_stream, release_streams,
};
use crate::storage::sync_streams::StreamRow;
use crate::upstream::{CallError, UpstreamClient};

/// Runs the syncs of an account's streams.
pub struct SyncRunner {
    pub(crate) pool: Pool,
    pub(crate) account: Arc<UpstreamClient>,
    pub(crate) clock: Clock,
    pub(crate) lease: Duration,
    pub(crate) max_deletions_percent: u32,
    token: Uuid,
}

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

    const fn since(self) -> Option<Timestamp> {
        match self {
            Self::Full => None,
            Self::Incremental { since } => Some(since),
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

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEnd {
    /// It read all items.
    Complete {
        /// What the run read.
        mode: SyncMode,
        /// How far it came.
        progress: Progress,
        /// Records that were deleted, because they no longer exist at the source.
        deleted: u64,
        /// Share of items that were wrong here, from 0 to 1. `None` for the first run, before which nothing was
        /// stored.
        drift: Option<f32>,
        /// Note for the status; empty if there is nothing to say.
        note: String,
    },
    /// A person cancelled it.
    Cancelled,
    /// Another runner holds the lease of the stream.
    LeaseHeldElsewhere,
    /// The source could not be read. The text is the reason.
    Broken(String),
}

/// Why a run was interrupted. Another runner can resume it.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Postgres failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The service is shutting down.
    #[error("the service is shutting down")]
    Ending,
}

impl SyncRunner {
    /// Creates a runner for an account.
    #[must_use]
    pub fn new(
        pool: Pool,
        account: Arc<UpstreamClient>,
        settings: &SyncSettings,
        clock: Clock,
    ) -> Self {
        Self {
            pool,
            account,
            clock,
            lease: Duration::from_secs(settings.lease_seconds),
            max_deletions_percent: settings.max_deletions_percent,
            token: Uuid::new_v4(),
        }
    }

    /// The connections to Postgres.
    #[must_use]
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The brand of the account.
    #[must_use]
    pub fn brand(&self) -> &Brand {
        &self.account.brand
    }

    /// The source of the account.
    #[must_use]
    pub fn source(&self) -> Source {
        self.account.source
    }

    /// Kinds of record, from other connected sources, for each of which a stream makes a call.
    #[must_use]
    pub fn needs(&self, stream: Stream) -> BTreeSet<SourceKind> {
        let is_connected = |source: Source| {
            source != self.source() && self.brand().rules.accounts.contains_key(&source)
        };
        self.api()
            .records_of(stream.name)
            .into_iter()
            .filter(|kind| is_connected(kind.source()))
            .collect()
    }

    /// The account's API.
    #[must_use]
    pub fn api(&self) -> &dyn ApiConnector {
        self.account.brand.rules.sources.api(self.account.source)
    }

    /// Releases the leases of this runner, so that others can resume its runs.
    ///
    /// # Errors
    /// When Postgres fails. The leases then end by themselves.
    pub async fn release(&self) -> Result<(), StorageError> {
        release_streams(&self.pool, self.account.brand.id(), self.token).await
    }

    /// Runs a stream: resumes an interrupted run, or starts a new one. If a full run is requested and the
    /// interrupted run is incremental, it first finishes the incremental one, because that is short.
    ///
    /// # Errors
    /// When Postgres fails, or the service is shutting down. Another runner can resume when the lease ends.
    pub async fn scan(
        &self,
        stream: Stream,
        mode: SyncMode,
        listener: Listener<'_>,
    ) -> Result<RunEnd, SyncError> {
        loop {
            let which = StreamKey {
                brand_id: self.account.brand.id(),
                source: self.account.source,
                stream: stream.name,
            };
            let first = self.api().first(stream.name, mode.since()).map(|ask| ask.to_json());
            let beginning = Beginning { first, since: mode.since() };
            let Some(row) = claim_stream(&self.pool, which, self.lease_owner(), &beginning).await?
            else {
                return Ok(RunEnd::LeaseHeldElsewhere);
            };
            let run = RunContext::new(self, which, row, listener);
            let ended = self.continue_run(&run, stream).await?;
            let is_less = mode == SyncMode::Full && run.mode() != SyncMode::Full;
            if !is_less || matches!(ended, RunEnd::Cancelled | RunEnd::LeaseHeldElsewhere) {
                return Ok(ended);
            }
        }
    }

    /// Continues a run to its end.
    async fn continue_run(
        &self,
        run: &RunContext<'_>,
        stream: Stream,
    ) -> Result<RunEnd, SyncError> {
        let scanned = match stream.traversal {
            Traversal::List(holds) => self.scan_list(run, holds).await,
            Traversal::EachRecord | Traversal::EachEvent(_) => self.scan_each(run, stream).await,
        };
        let finish = |end| finish_stream(&self.pool, run.which, self.lease_owner(), end);
        match scanned {
            Ok(note) => {
                let (progress, deleted) = (run.progress(), run.deleted());
                let drift = run.drift();
                finish(End::Complete { drift, note: &note }).await?;
                Ok(RunEnd::Complete { mode: run.mode(), progress, deleted, drift, note })
            }
            Err(RunAbort::Cancelled) => {
                finish(End::Broken("cancelled")).await?;
                Ok(RunEnd::Cancelled)
            }
            Err(RunAbort::Lost) => Ok(RunEnd::LeaseHeldElsewhere),
            Err(RunAbort::Broken(error)) => {
                let note = error.to_string();
                finish(End::Broken(&note)).await?;
                Ok(RunEnd::Broken(note))
            }
            Err(RunAbort::Storage(error)) => Err(error.into()),
            Err(RunAbort::Ending) => Err(SyncError::Ending),
        }
    }
}

impl From<StorageError> for RunAbort {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<CallError> for RunAbort {
    fn from(error: CallError) -> Self {
        Self::Broken(error)
    }
}
