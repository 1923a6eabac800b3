//! When the service runs which sync: a full run once and then regularly, incremental runs in between.
//! Interrupted runs are resumed.

use std::sync::Arc;
use std::time::Duration;

use crate::storage::pool::Pool;

use super::due::due;
use super::progress::SyncMode;
use super::runner::{RunEnd, SyncError, SyncRunner};
use crate::clock::Clock;
use crate::customer::model::source::SourceKind;
use crate::jobs::tasks::BackgroundTasks;
use crate::jobs::worker::{self, Next, Worker};
use crate::settings::file::SyncSettings;
use crate::sources::api::{ListCoverage, Stream, Traversal};
use crate::storage::sync_streams::{StreamRow, list_streams};
use crate::telemetry::traces::Tracer;
use crate::upstream::UpstreamClient;

/// Pause between two checks for due runs.
const PAUSE: Duration = Duration::from_secs(5);

/// Runs an account's streams when they are due, until the service shuts down.
pub async fn run_schedule(
    pool: Pool,
    account: Arc<UpstreamClient>,
    settings: SyncSettings,
    clock: Clock,
    background: BackgroundTasks,
    tracer: Tracer,
) {
    let run = |kind| {
        let runner = SyncRunner::new(pool.clone(), Arc::clone(&account), &settings, clock.clone())
            .traced(&tracer);
        SyncWorker { runner, settings: &settings, background: &background, kind }.run()
    };
    // Incremental runs do not wait for a full run, which may take hours.
    tokio::join!(run(ScheduleKind::Full), run(ScheduleKind::Incremental));
}

/// The two schedules. They run at the same time; each stream is in one run at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleKind {
    /// Full runs of all streams.
    Full,
    /// Incremental runs of the streams whose source can list changes.
    Incremental,
}

/// Runs the due streams of one schedule.
struct SyncWorker<'a> {
    runner: SyncRunner,
    settings: &'a SyncSettings,
    background: &'a BackgroundTasks,
    kind: ScheduleKind,
}

impl SyncWorker<'_> {
    async fn run(mut self) {
        let background = self.background;
        worker::run(&mut self, background).await;
        // Other replicas need not wait until the leases end.
        self.release().await;
    }

    /// Ignores errors: if Postgres fails, the leases end by themselves.
    async fn release(&self) {
        let _ = self.runner.account.release().await;
    }
}

impl Worker for SyncWorker<'_> {
    /// A shutdown interrupts the runs. The next start resumes them.
    async fn step(&mut self) -> Next {
        tokio::select! {
            worked = run_due_streams(&self.runner, self.settings, self.kind) => {
                if let Err(error) = worked {
                    self.release().await;
                    let account = &self.runner.account;
                    tracing::warn!(brand = account.brand().rules.slug, source = %account.source(), %error, "sync run interrupted; retrying");
                }
            }
            () = self.background.until_ending() => {}
        }
        Next::Pause(PAUSE)
    }

    async fn woken(&self) {
        std::future::pending::<()>().await;
    }
}

/// Runs the streams that are due now.
///
/// # Errors
/// When Postgres fails, or the service is shutting down.
pub async fn run_due_streams(
    runner: &SyncRunner,
    settings: &SyncSettings,
    kind: ScheduleKind,
) -> Result<(), SyncError> {
    let now = || runner.account.clock.now();
    let can_list_changes =
        |stream: &Stream| runner.account.api().first(stream.name, Some(now())).is_some();
    for stream in runner
        .account
        .api()
        .streams()
        .iter()
        .filter(|stream| kind == ScheduleKind::Full || can_list_changes(stream))
    {
        let rows = list_streams(&runner.account.pool, runner.account.brand().id()).await?;
        let row = rows.iter().find(|row| {
            row.source == runner.account.source().as_str() && row.stream == stream.name
        });
        let due = due(row, can_list_changes(stream), settings, now())
            .or_else(|| is_outdated(runner, *stream, row, &rows).then_some(SyncMode::Full));
        let due = due.filter(|mode| (*mode == SyncMode::Full) == (kind == ScheduleKind::Full));
        if let Some(mode) = due.filter(|_| !waits_for_dependencies(runner, *stream, &rows)) {
            report(runner, *stream, &runner.scan(*stream, mode, &|_| {}).await?);
        }
    }
    Ok(())
}

/// Whether a stream must wait for the first run of the lists that it depends on. It does not wait for a list
/// that failed: the failure may be permanent.
fn waits_for_dependencies(runner: &SyncRunner, stream: Stream, rows: &[StreamRow]) -> bool {
    dependencies(runner, stream, rows)
        .iter()
        .any(|dependencies| dependencies.is_none_or(StreamRow::is_first_under_way))
}

/// Whether a list that a stream depends on finished its first run only after the stream's last full run began.
fn is_outdated(
    runner: &SyncRunner,
    stream: Stream,
    row: Option<&StreamRow>,
    rows: &[StreamRow],
) -> bool {
    let Some(own) = row.filter(|own| own.is_complete()) else { return false };
    let is_later = |dependencies: &StreamRow| {
        dependencies.is_complete()
            && !dependencies.is_reconcile
            && dependencies.finished_at > own.last_full_started_at
    };
    dependencies(runner, stream, rows).into_iter().flatten().any(is_later)
}

/// The lists on which a stream depends; `None` for a list that has no run yet.
fn dependencies<'a>(
    runner: &SyncRunner,
    stream: Stream,
    rows: &'a [StreamRow],
) -> Vec<Option<&'a StreamRow>> {
    let list_of = |kind: SourceKind| {
        let streams = runner.account.brand().rules.sources.api(kind.source()).streams();
        streams
            .iter()
            .find(|list| list.traversal == Traversal::List(ListCoverage::Records(kind)))
            .map(|list| (kind.source(), list.name))
    };
    let lists = runner.account.needs(stream).into_iter().filter_map(list_of);
    lists
        .map(|(source, name)| {
            rows.iter().find(|row| row.source == source.as_str() && row.stream == name)
        })
        .collect()
}

fn report(runner: &SyncRunner, stream: Stream, ended: &RunEnd) {
    let (brand, source, stream) =
        (runner.account.brand().rules.slug.as_str(), runner.account.source().as_str(), stream.name);
    match ended {
        RunEnd::Complete { mode: SyncMode::Full, progress, deleted, drift, .. } => {
            tracing::info!(
                brand,
                source,
                stream,
                scanned = progress.scanned,
                changed = progress.changed,
                deleted,
                drift,
                "full sync run complete"
            );
        }
        RunEnd::Complete { mode: SyncMode::Incremental { .. }, progress, drift, .. } => {
            tracing::info!(
                brand,
                source,
                stream,
                changed = progress.scanned,
                missed = progress.changed,
                share = drift,
                "incremental sync run complete"
            );
        }
        RunEnd::Cancelled => tracing::info!(brand, source, stream, "sync run cancelled"),
        RunEnd::Broken(reason) => tracing::warn!(brand, source, stream, reason, "sync run failed"),
        RunEnd::LeaseHeldElsewhere => {}
    }
}
