//! `hookpoint sync run`

use std::sync::Arc;

use futures_util::future::join_all;
use indicatif::MultiProgress;

use super::filter::FilterArguments;
use super::other_run::watch_other_run;
use super::shown::RunDisplay;
use crate::brand::Brand;
use crate::cli::exit::Failure;
use crate::cli::output::print_line;
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
    which: &FilterArguments,
    file: &SettingsFile,
) -> anyhow::Result<()> {
    which.check()?;
    let (background, clock) = (BackgroundTasks::new(), Clock::system());
    let accounts = UpstreamClients::new(pool, brands, &file.calls, &background, &clock);
    let runs = selected_runs(pool, brands, which, &accounts, &file.sync)?;
    if runs.is_empty() {
        print_line("No API is connected. Set sources.<source>.api in the settings of a brand.");
        return Ok(());
    }
    let mut shutdown = ShutdownSignal::listen()?;
    let broken = tokio::select! {
        broken = run_all(&runs) => broken?,
        () = shutdown.received() => {
            for run in &runs {
                run.runner.account.release().await?;
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

/// Reads all accounts at the same time. Returns how many streams could not be read. Streams that are read record by
/// record come last: the records must be stored first.
async fn run_all(runs: &[AccountRun]) -> anyhow::Result<usize> {
    let bars = MultiProgress::new();
    let (then, first): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.is_per_record());
    let mut broken = Vec::new();
    for runs in [first, then] {
        let accounts = runs.into_iter().map(|run| sync_account(&run.runner, &run.streams, &bars));
        broken.extend(join_all(accounts).await);
    }
    broken.into_iter().sum()
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
