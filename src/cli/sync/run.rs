//! `hookpoint sync run`

use std::sync::Arc;

use futures_util::future::join_all;

use super::filter::FilterArguments;
use super::other_run::watch_other_run;
use super::results::Results;
use super::shown::RunDisplay;
use crate::brand::Brand;
use crate::cli::exit::Failure;
use crate::cli::output::{JsonArguments, print_json};
use crate::cli::serve::ShutdownSignal;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::SettingsFile;
use crate::settings::file::SyncSettings;
use crate::sources::api::Stream;
use crate::storage::pool::Pool;
use crate::sync::{RunEnd, SyncError, SyncMode, SyncRunner};
use crate::upstream::UpstreamClients;

/// The streams of an account that are to be read.
struct AccountRun {
    runner: SyncRunner,
    streams: Vec<Stream>,
}

impl AccountRun {
    /// Whether a stream is read record by record.
    fn is_per_record(&self) -> bool {
        self.streams.iter().any(|stream| !self.runner.account.needs(*stream).is_empty())
    }
}

pub(super) async fn run(
    pool: &Pool,
    brands: &[Arc<Brand>],
    (which, output): (&FilterArguments, JsonArguments),
    file: &SettingsFile,
) -> anyhow::Result<()> {
    which.check()?;
    let (background, clock) = (BackgroundTasks::new(), Clock::system());
    let accounts = UpstreamClients::new(pool, brands, &file.calls, &background, &clock);
    let runs = selected_runs(pool, brands, which, &accounts, &file.sync)?;
    let results = Results::new(output);
    if runs.is_empty() {
        results.print_progress(
            "No API is connected. Set sources.<source>.api in the settings of a brand.",
        );
    }
    let mut shutdown = ShutdownSignal::listen()?;
    let is_stopped = tokio::select! {
        done = run_all(&runs, &results) => done.map(|()| false)?,
        () = shutdown.received() => {
            for run in &runs {
                run.runner.account.release().await?;
            }
            results.print_progress(
                "Stopped. `hookpoint sync run`, or the service, continues from here.",
            );
            true
        }
    };
    background.end().await;
    if output.json {
        print_results(&runs, &results)?;
    }
    match results.failed() {
        0 => Ok(()),
        _ if is_stopped => Ok(()),
        1 => anyhow::bail!("1 stream could not be read; the reason is above"),
        failed => anyhow::bail!("{failed} streams could not be read; the reasons are above"),
    }
}

/// Prints how each stream ended, for scripts.
fn print_results(runs: &[AccountRun], results: &Results) -> anyhow::Result<()> {
    let of_run = |run: &AccountRun| {
        let streams = run.streams.iter();
        streams.map(|stream| results.as_json(&run.runner, *stream)).collect::<Vec<_>>()
    };
    print_json(&runs.iter().flat_map(of_run).collect::<Vec<_>>())
}

/// The selected streams of all connected accounts.
fn selected_runs(
    pool: &Pool,
    brands: &[Arc<Brand>],
    which: &FilterArguments,
    accounts: &UpstreamClients,
    settings: &SyncSettings,
) -> Result<Vec<AccountRun>, Failure> {
    let mut runs = Vec::new();
    for brand in brands {
        for source in Source::ALL.into_iter().filter(|source| which.means(*source)) {
            let Some(account) = accounts.get(brand.id(), source) else {
                if which.source.is_none() {
                    continue;
                }
                let slug = &brand.rules.slug;
                return Err(Failure::mistake(format!(
                    "{slug}: the API of {source} is not connected; set sources.{source}.api"
                )));
            };
            let account = Arc::clone(account);
            let runner = SyncRunner::new(pool.clone(), account, settings, Clock::system());
            runs.push(AccountRun { runner, streams: which.streams(brand, source) });
        }
    }
    Ok(runs)
}

/// Reads all accounts at the same time. Streams that are read record by record come last: the records must be stored
/// first.
async fn run_all(runs: &[AccountRun], results: &Results) -> anyhow::Result<()> {
    let (then, first): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.is_per_record());
    let mut done = Vec::new();
    for runs in [first, then] {
        let accounts = runs.into_iter().map(|run| sync_account(&run.runner, &run.streams, results));
        done.extend(join_all(accounts).await);
    }
    done.into_iter().collect()
}

/// Reads the streams of an account, one after the other.
pub(crate) async fn sync_account(
    runner: &SyncRunner,
    streams: &[Stream],
    results: &Results,
) -> anyhow::Result<()> {
    for stream in streams {
        let shown = RunDisplay::new(runner, *stream, results);
        let ended = loop {
            match runner.scan(*stream, SyncMode::Full, &|sign| shown.update(sign)).await {
                // The other process may be killed: then this one takes the run over.
                Ok(RunEnd::LeaseHeldElsewhere) => {
                    if let Some(ended) = watch_other_run(runner, *stream, &shown).await? {
                        break ended;
                    }
                }
                Ok(ended) => break ended,
                Err(SyncError::Ending) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        };
        shown.end(&ended);
        results.add(runner, *stream, ended);
    }
    Ok(())
}
