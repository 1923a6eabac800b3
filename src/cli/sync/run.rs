//! `hookpoint sync run`

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::storage::pool::Pool;
use futures_util::future::join_all;
use indicatif::MultiProgress;

use super::WhichArguments;
use super::shown::Shown;
use crate::brand::Brand;
use crate::cli::say;
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
const STILL: Duration = Duration::from_secs(3);

pub(super) async fn run(pool: &Pool, brands: &[Arc<Brand>], which: &WhichArguments, file: &SettingsFile) -> anyhow::Result<()> {
    which.check()?;
    let (background, clock) = (BackgroundTasks::new(), Clock::system());
    let accounts = UpstreamClients::new(pool, brands, &file.calls, &background, &clock);
    let bars = MultiProgress::new();
    let mut walks = Vec::new();
    for brand in brands {
        for source in Source::ALL.into_iter().filter(|source| which.means(*source)) {
            let Some(account) = accounts.get(brand.id(), source) else {
                if which.source.is_some() {
                    anyhow::bail!("{}: the API of {source} is not connected; set sources.{source}.api", brand.rules.slug);
                }
                continue;
            };
            let walker = SyncRunner::new(pool.clone(), Arc::clone(account), &file.sync, clock.clone());
            walks.push((walker, which.streams(brand, source)));
        }
    }
    if walks.is_empty() {
        say("No API is connected. Set sources.<source>.api in the settings of a brand.");
        return Ok(());
    }
    // Streams that are read record by record come last: the records must be stored first.
    let (first, then): (Vec<_>, Vec<_>) = walks.iter().partition(|(walker, streams)| streams.iter().all(|stream| walker.needs(*stream).is_empty()));
    let walk_all = async |walks: Vec<&(SyncRunner, Vec<Stream>)>| {
        join_all(walks.into_iter().map(|(walker, streams)| walk_account(walker, streams, &bars))).await
    };
    let all = async {
        let mut broken = walk_all(first).await;
        broken.extend(walk_all(then).await);
        broken
    };
    let mut shutdown = ShutdownSignal::listen()?;
    let broken: usize = tokio::select! {
        broken = all => broken.into_iter().sum::<anyhow::Result<usize>>()?,
        () = shutdown.received() => {
            for (walker, _) in &walks {
                walker.release().await?;
            }
            say("Stopped. `hookpoint sync run`, or the service, continues from here.");
            0
        }
    };
    background.end().await;
    anyhow::ensure!(broken == 0, "{broken} of the streams could not be read; the reasons are above");
    Ok(())
}

/// Reads the streams of an account, one after the other. Returns how many could not be read.
pub(crate) async fn walk_account(walker: &SyncRunner, streams: &[Stream], bars: &MultiProgress) -> anyhow::Result<usize> {
    let mut broken: usize = 0;
    for stream in streams {
        let shown = Shown::new(walker, *stream, bars);
        let ended = loop {
            match walker.scan(*stream, SyncMode::Full, &|sign| shown.tell(sign)).await {
                // The other process may be killed: then this one takes the run over.
                Ok(RunEnd::LeaseHeldElsewhere) => {
                    if let Some(ended) = follow(walker, *stream, &shown).await? {
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
async fn follow(walker: &SyncRunner, stream: Stream, shown: &Shown) -> anyhow::Result<Option<RunEnd>> {
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let (mut scanned, mut moved_at) = (None, Instant::now());
    loop {
        let rows = list_streams(walker.pool(), walker.brand().id()).await?;
        let Some(row) = rows.into_iter().find(|row| row.source == walker.source().as_str() && row.stream == stream.name) else {
            return Ok(Some(RunEnd::Cancelled));
        };
        let progress = Progress { scanned: count(row.scanned), changed: count(row.changed), total: row.total.map(count) };
        if scanned.replace(row.scanned) != Some(row.scanned) {
            moved_at = Instant::now();
        }
        let is_still = moved_at.elapsed() >= STILL || !row.note.is_empty();
        let note = if is_still { whose(&row) } else { String::new() };
        shown.tell(ProgressEvent { progress, note: &note });
        let (pass, is_complete) = (SyncMode::of(&row), row.is_complete());
        if row.finished_at.is_some() && (pass == SyncMode::Full || (row.is_cancelled && !is_complete)) {
            let (deleted, drift) = (count(row.deleted), row.drift.filter(|_| row.is_reconcile));
            let complete = || RunEnd::Complete { pass, progress, deleted, drift, note: row.last_full_result.clone() };
            return Ok(Some(if is_complete { complete() } else { RunEnd::Broken(row.note.clone()) }));
        }
        if !row.is_walked(Clock::system().now()) {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Why a run of another process makes no progress. The text contains no time, so an unchanged reason is shown once.
fn whose(row: &StreamRow) -> String {
    let note = if row.note.is_empty() { String::new() } else { format!("; it reported: {}", row.note) };
    format!("another process is syncing this; if it was killed, its lease ends after sync.lease_seconds{note}")
}
