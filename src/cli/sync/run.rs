//! `hookpoint sync run`

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::storage::pool::Pool;
use futures_util::future::join_all;
use indicatif::MultiProgress;

use super::FilterArguments;
use super::shown::RunDisplay;
use crate::brand::Brand;
use crate::cli::print_line;
use crate::cli::serve::ShutdownSignal;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::SettingsFile;
use crate::sources::api::Stream;
use crate::storage::sync_streams::{StreamRow, list_streams};
use crate::sync::{Progress, ProgressEvent, RunEnd, SyncError, SyncMode, SyncRunner};
use crate::upstream::UpstreamClients;

/// If a run of another process makes no progress for this long, its reason is shown.
const STALLED_AFTER: Duration = Duration::from_secs(3);

pub(super) async fn run(
    pool: &Pool,
    brands: &[Arc<Brand>],
    which: &FilterArguments,
    file: &SettingsFile,
) -> anyhow::Result<()> {
    which.check()?;
    let (background, clock) = (BackgroundTasks::new(), Clock::system());
    let accounts = UpstreamClients::new(pool, brands, &file.calls, &background, &clock);
    let bars = MultiProgress::new();
    let mut runs = Vec::new();
    for brand in brands {
        for source in Source::ALL.into_iter().filter(|source| which.means(*source)) {
            let Some(account) = accounts.get(brand.id(), source) else {
                if which.source.is_some() {
                    anyhow::bail!(
                        "{}: the API of {source} is not connected; set sources.{source}.api",
                        brand.rules.slug
                    );
                }
                continue;
            };
            let runner =
                SyncRunner::new(pool.clone(), Arc::clone(account), &file.sync, clock.clone());
            runs.push((runner, which.streams(brand, source)));
        }
    }
    if runs.is_empty() {
        print_line("No API is connected. Set sources.<source>.api in the settings of a brand.");
        return Ok(());
    }
    // Streams that are read record by record come last: the records must be stored first.
    let (first, then): (Vec<_>, Vec<_>) = runs.iter().partition(|(runner, streams)| {
        streams.iter().all(|stream| runner.needs(*stream).is_empty())
    });
    let run_all = async |runs: Vec<&(SyncRunner, Vec<Stream>)>| {
        join_all(runs.into_iter().map(|(runner, streams)| sync_account(runner, streams, &bars)))
            .await
    };
    let all = async {
        let mut broken = run_all(first).await;
        broken.extend(run_all(then).await);
        broken
    };
    let mut shutdown = ShutdownSignal::listen()?;
    let broken: usize = tokio::select! {
        broken = all => broken.into_iter().sum::<anyhow::Result<usize>>()?,
        () = shutdown.received() => {
            for (runner, _) in &runs {
                runner.release().await?;
            }
            print_line("Stopped. `hookpoint sync run`, or the service, continues from here.");
            0
        }
    };
    background.end().await;
    anyhow::ensure!(
        broken == 0,
        "{broken} of the streams could not be read; the reasons are above"
    );
    Ok(())
}

/// Reads the streams of an account, one after the other. Returns how many could not be read.
pub(crate) async fn sync_account(
    runner: &SyncRunner,
    streams: &[Stream],
    bars: &MultiProgress,
) -> anyhow::Result<usize> {
    let mut broken: usize = 0;
    for stream in streams {
        let shown = RunDisplay::new(runner, *stream, bars);
        let ended = loop {
            match runner.scan(*stream, SyncMode::Full, &|sign| shown.update(sign)).await {
                // The other process may be killed: then this one takes the run over.
                Ok(RunEnd::LeaseHeldElsewhere) => {
                    if let Some(ended) = watch_other_run(runner, *stream, &shown).await? {
                        break ended;
                    }
                }
                Ok(ended) => break ended,
                Err(SyncError::Ending) => return Ok(broken),
                Err(error) => return Err(error.into()),
            }
        };
        broken = broken.saturating_add(usize::from(matches!(ended, RunEnd::Broken(_))));
        shown.end(&ended);
    }
    Ok(broken)
}

/// Shows the progress of another process's run until it ends. Returns `None` if the lease of that process ended, or if
/// that run was an incremental one: then this process can run.
async fn watch_other_run(
    runner: &SyncRunner,
    stream: Stream,
    shown: &RunDisplay,
) -> anyhow::Result<Option<RunEnd>> {
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let (mut scanned, mut progressed_at) = (None, Instant::now());
    loop {
        let rows = list_streams(runner.pool(), runner.brand().id()).await?;
        let Some(row) = rows
            .into_iter()
            .find(|row| row.source == runner.source().as_str() && row.stream == stream.name)
        else {
            return Ok(Some(RunEnd::Cancelled));
        };
        let progress = Progress {
            scanned: count(row.scanned),
            changed: count(row.changed),
            total: row.total.map(count),
        };
        if scanned.replace(row.scanned) != Some(row.scanned) {
            progressed_at = Instant::now();
        }
        let is_stalled = progressed_at.elapsed() >= STALLED_AFTER || !row.note.is_empty();
        let note = if is_stalled { lease_note(&row) } else { String::new() };
        shown.update(ProgressEvent { progress, note: &note });
        let (mode, is_complete) = (SyncMode::of(&row), row.is_complete());
        if row.finished_at.is_some()
            && (mode == SyncMode::Full || (row.is_cancelled && !is_complete))
        {
            let (deleted, drift) = (count(row.deleted), row.drift.filter(|_| row.is_reconcile));
            let complete = || RunEnd::Complete {
                mode,
                progress,
                deleted,
                drift,
                note: row.last_full_result.clone(),
            };
            return Ok(Some(if is_complete {
                complete()
            } else {
                RunEnd::Broken(row.note.clone())
            }));
        }
        if !row.is_running(Clock::system().now()) {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Why a run of another process makes no progress. The text contains no time, so an unchanged reason is shown once.
fn lease_note(row: &StreamRow) -> String {
    let note =
        if row.note.is_empty() { String::new() } else { format!("; it reported: {}", row.note) };
    format!(
        "another process reads this stream; if it was killed, this command continues after sync.lease_seconds{note}"
    )
}
