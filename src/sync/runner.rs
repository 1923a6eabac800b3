//! Runs a stream from its beginning, or from where the last run was interrupted, to its end.

use std::sync::Arc;

use super::account::SyncAccount;
use super::list::scan_list;
use super::per_record::scan_each;
use super::progress::{Listener, Progress, SyncMode};
use super::run::{RunAbort, RunContext};
use crate::clock::Clock;
use crate::settings::file::SyncSettings;
use crate::sources::api::{Stream, Traversal};
use crate::storage::StorageError;
use crate::storage::pool::Pool;
use crate::storage::sync_runs::{Beginning, End, StreamKey, claim_stream, finish_stream};
use crate::telemetry::traces::{Span, SpanName, Tracer};
use crate::upstream::UpstreamClient;

/// Runs the syncs of an account's streams.
pub struct SyncRunner {
    /// The account.
    pub account: SyncAccount,
    tracer: Tracer,
}

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
        client: Arc<UpstreamClient>,
        settings: &SyncSettings,
        clock: Clock,
    ) -> Self {
        let account = SyncAccount::new(pool, client, settings, clock);
        Self { account, tracer: Tracer::default() }
    }

    /// Sends traces of the runs.
    #[must_use]
    pub fn traced(self, tracer: &Tracer) -> Self {
        Self { tracer: tracer.clone(), ..self }
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
                brand_id: self.account.brand().id(),
                source: self.account.source(),
                stream: stream.name,
            };
            let first =
                self.account.api().first(stream.name, mode.since()).map(|ask| ask.to_json());
            let beginning = Beginning { first, since: mode.since() };
            let Some(row) =
                claim_stream(&self.account.pool, which, self.account.lease_owner(), &beginning)
                    .await?
            else {
                return Ok(RunEnd::LeaseHeldElsewhere);
            };
            let run = RunContext::new(&self.account, which, row, listener);
            let running = Box::pin(self.continue_run(&run, stream));
            let describe = |span: Span, ended: &Result<RunEnd, SyncError>| {
                let span = span
                    .with("hookpoint.brand", self.account.brand().rules.slug.clone())
                    .with("hookpoint.source", which.source.as_str())
                    .with("hookpoint.stream", stream.name)
                    .with("hookpoint.scanned", run.progress().scanned)
                    .with("hookpoint.changed", run.progress().changed)
                    .with("hookpoint.deleted", run.deleted());
                let (outcome, failed) = outcome(ended);
                span.with("hookpoint.outcome", outcome).failed_with(failed)
            };
            let ended = self.tracer.trace(SpanName::SyncRun, running, describe).await?;
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
            Traversal::List(holds) => scan_list(run, holds).await,
            Traversal::EachRecord | Traversal::EachEvent(_) => scan_each(run, stream).await,
        };
        let finish =
            |end| finish_stream(&self.account.pool, run.which, self.account.lease_owner(), end);
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

/// How a run ended, and the kind of error if it failed, for its trace.
const fn outcome(ended: &Result<RunEnd, SyncError>) -> (&'static str, Option<&'static str>) {
    match ended {
        Ok(RunEnd::Complete { .. }) => ("complete", None),
        Ok(RunEnd::Cancelled) => ("cancelled", None),
        Ok(RunEnd::LeaseHeldElsewhere) => ("lease_lost", None),
        Ok(RunEnd::Broken(_)) => ("failed", Some("source_failed")),
        Err(SyncError::Storage(_)) => ("interrupted", Some("storage_failed")),
        Err(SyncError::Ending) => ("interrupted", None),
    }
}
