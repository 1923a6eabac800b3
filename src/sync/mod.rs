//! Walking through what a source has: once in full (backfill), and from time to time to find and repair what webhooks missed
//! (reconcile). Where a source can tell what changed since a time, that is walked through in between.
//!
//! A stream is walked by one runner at a time over all replicas. After each step it is written down how far it came, so that
//! whoever goes on after a kill begins there; what is applied twice changes nothing. What the source says is held against what
//! webhooks said by the source's own time stamps, so that both may come at once.
//!
//! `list` goes from page to page, `each` asks about one thing after the other, `deleted` looks for what a list no longer has.

mod deletions;
pub mod follow_up;
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
use crate::sources::api::{Api, Stream, Traversal};
use crate::storage::StorageError;
use crate::storage::sync_runs::{Beginning, End, StreamKey, claim_stream, finish_stream, release_streams};
use crate::storage::sync_streams::StreamRow;
use crate::upstream::{CallError, UpstreamClient};

/// Walks through the streams of an account.
pub struct SyncRunner {
    pub(crate) pool: Pool,
    pub(crate) account: Arc<UpstreamClient>,
    pub(crate) clock: Clock,
    pub(crate) lease: Duration,
    pub(crate) max_deletions_percent: u32,
    token: Uuid,
}

/// What a pass walks through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// Everything.
    Full,
    /// What changed at the source: nobody is looked for as gone.
    Incremental {
        /// From then on.
        since: Timestamp,
    },
}

impl SyncMode {
    /// The pass of a stream that is under way, or the last one.
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

/// How far a pass is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// What was walked.
    pub scanned: u64,
    /// What of it was news.
    pub changed: u64,
    /// How many there are, where that is known.
    pub total: Option<u64>,
}

/// What is heard of a pass.
#[derive(Debug, Clone, Copy)]
pub struct ProgressEvent<'a> {
    /// How far it is.
    pub progress: Progress,
    /// Why it stands still; empty while it goes on.
    pub note: &'a str,
}

/// Hears how a pass goes.
pub type Listener<'a> = &'a (dyn Fn(ProgressEvent<'_>) + Sync);

/// How a pass ended.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEnd {
    /// It was all walked through.
    Complete {
        /// Of what.
        pass: SyncMode,
        /// What was walked.
        progress: Progress,
        /// What was gone at the source.
        deleted: u64,
        /// What of that was not as it should be, as a share of 1; `None` for the first pass, before which nothing was known.
        drift: Option<f32>,
        /// What should be known of it; empty for nothing.
        note: String,
    },
    /// Somebody wanted it to end.
    Cancelled,
    /// Somebody else walks.
    LeaseHeldElsewhere,
    /// The source can't be walked through.
    Broken(String),
}

/// A pass that can't go on now.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Postgres fails.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The service is ending.
    #[error("the service is ending")]
    Ending,
}

impl SyncRunner {
    /// A walker for an account.
    #[must_use]
    pub fn new(pool: Pool, account: Arc<UpstreamClient>, settings: &SyncSettings, clock: Clock) -> Self {
        Self {
            pool,
            account,
            clock,
            lease: Duration::from_secs(settings.lease_seconds),
            max_deletions_percent: settings.max_deletions_percent,
            token: Uuid::new_v4(),
        }
    }

    /// Where it is written down how far it came.
    #[must_use]
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Whose account it is.
    #[must_use]
    pub fn brand(&self) -> &Brand {
        &self.account.brand
    }

    /// At which source.
    #[must_use]
    pub fn source(&self) -> Source {
        self.account.source
    }

    /// The kinds of record of other connected sources that a stream asks about one by one.
    #[must_use]
    pub fn needs(&self, stream: Stream) -> BTreeSet<SourceKind> {
        let is_connected = |source: Source| source != self.source() && self.brand().rules.accounts.contains_key(&source);
        self.api().records_of(stream.name).into_iter().filter(|kind| is_connected(kind.source())).collect()
    }

    /// The account's API.
    #[must_use]
    pub fn api(&self) -> &dyn Api {
        self.account.brand.rules.sources.api(self.account.source)
    }

    /// Leaves to others what this one walks.
    ///
    /// # Errors
    /// When Postgres fails: others go on when the lease ends.
    pub async fn release(&self) -> Result<(), StorageError> {
        release_streams(&self.pool, self.account.brand.id(), self.token).await
    }

    /// Walks through a stream: from where somebody left it, or from its beginning. Where everything is wanted, and what was left is
    /// a pass of what changed, that is ended first: it is short.
    ///
    /// # Errors
    /// When Postgres fails, or the service is ending: somebody goes on from there when the lease ends.
    pub async fn scan(&self, stream: Stream, pass: SyncMode, listener: Listener<'_>) -> Result<RunEnd, SyncError> {
        loop {
            let which = StreamKey { brand_id: self.account.brand.id(), source: self.account.source, stream: stream.name };
            let first = self.api().first(stream.name, pass.since()).map(|ask| ask.to_json());
            let beginning = Beginning { first, since: pass.since() };
            let Some(row) = claim_stream(&self.pool, which, self.runner(), &beginning).await? else { return Ok(RunEnd::LeaseHeldElsewhere) };
            let run = RunContext::new(self, which, row, listener);
            let ended = self.go_on(&run, stream).await?;
            let is_less = pass == SyncMode::Full && run.pass() != SyncMode::Full;
            if !is_less || matches!(ended, RunEnd::Cancelled | RunEnd::LeaseHeldElsewhere) {
                return Ok(ended);
            }
        }
    }

    /// Walks to the end of a pass.
    async fn go_on(&self, run: &RunContext<'_>, stream: Stream) -> Result<RunEnd, SyncError> {
        let scanned = match stream.traversal {
            Traversal::List(holds) => self.scan_list(run, holds).await,
            Traversal::EachRecord | Traversal::EachEvent(_) => self.scan_each(run, stream).await,
        };
        let finish = |end| finish_stream(&self.pool, run.which, self.runner(), end);
        match scanned {
            Ok(note) => {
                let (progress, deleted) = (run.progress(), run.deleted());
                let drift = run.drift();
                finish(End::Complete { drift, note: &note }).await?;
                Ok(RunEnd::Complete { pass: run.pass(), progress, deleted, drift, note })
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
