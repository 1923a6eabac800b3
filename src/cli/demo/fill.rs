//! Fills the demo's brand: webhooks bring the data that no API offers; a sync run reads everything else.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use crate::app::Application;
use crate::backoff::exponential_backoff;
use crate::cli::sync::results::Results;
use crate::cli::sync::run::sync_account;
use crate::clock::Clock;
use crate::counted::counted;
use crate::customer::model::source::Source;
use crate::demo::http_post::Sender;
use crate::demo::recorded_deliveries::{Recorded, dead_letters};
use crate::demo::simulators::{Simulators, syncaroo};
use crate::demo::webhook_signer::Secrets;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::SettingsFile;
use crate::storage::deliveries::list_backlog;
use crate::sync::SyncRunner;
use crate::upstream::UpstreamClients;

/// The number of attempts before a webhook is given up.
const ATTEMPTS: u32 = 8;

/// The first and the longest pause between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Sends the recorded webhooks, reads the APIs of the systems, and waits until all of it is applied. At last come the
/// webhooks that cannot be applied.
pub(super) async fn fill(
    application: &Application,
    simulators: &Simulators,
    to_send: Vec<(Source, Recorded)>,
    secrets: &Secrets,
    file: &SettingsFile,
) -> anyhow::Result<()> {
    // OmniLab and Syncaroo can only be asked about ids that a webhook has brought, so their webhooks come first.
    let (first, then): (Vec<_>, Vec<_>) = to_send
        .into_iter()
        .partition(|(source, _)| matches!(source, Source::OmniLab | Source::Syncaroo));
    send(application, simulators, &first, secrets).await?;
    until_applied(application).await?;
    read_apis(application, file).await?;
    send(application, simulators, &then, secrets).await?;
    send(application, simulators, &dead_letters()?, secrets).await?;
    until_applied(application).await
}

/// Sends webhooks one after the other, because some have no time and so their order counts.
async fn send(
    application: &Application,
    simulators: &Simulators,
    to_send: &[(Source, Recorded)],
    secrets: &Secrets,
) -> anyhow::Result<()> {
    let bar = bar(to_send.len());
    let (sender, clock) =
        (Sender::new(format!("http://{}", application.address))?, Clock::system());
    let base_url = simulators.base_url(Source::Syncaroo);
    for (source, recorded) in to_send {
        let body = if *source == Source::Syncaroo {
            syncaroo::led_to(&base_url, &recorded.body)
        } else {
            recorded.body.clone()
        };
        let mut failures = 0;
        while let Err(error) =
            sender.send(secrets.sign(*source, recorded.headers(), &body, clock.now())).await
        {
            // A busy machine may store a webhook too late. As its system does, the demo then sends it again.
            failures += 1;
            if failures == ATTEMPTS {
                return Err(error.into());
            }
            tokio::time::sleep(exponential_backoff(FIRST_PAUSE, MAX_PAUSE, failures)).await;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

fn bar(webhooks: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(webhooks).unwrap_or_default());
    let style =
        ProgressStyle::with_template("{wide_bar}  {human_pos} of {human_len} webhooks  {per_sec}");
    match style {
        Ok(style) if std::io::stderr().is_terminal() => bar.with_style(style),
        _ => ProgressBar::hidden(),
    }
}

/// Reads all data of the systems, as `hookpoint sync run` does.
async fn read_apis(application: &Application, file: &SettingsFile) -> anyhow::Result<()> {
    let (background, clock, pool) =
        (BackgroundTasks::new(), Clock::system(), &application.database.pool);
    let brands: Vec<_> = application.brands().values().cloned().collect();
    let accounts = UpstreamClients::new(pool, &brands, &file.calls, &background, &clock);
    let results = Results::for_people();
    let runners: Vec<SyncRunner> = brands
        .iter()
        .flat_map(|brand| accounts.of_brand(brand.id()))
        .map(|account| {
            SyncRunner::new(pool.clone(), Arc::clone(account), &file.sync, clock.clone())
        })
        .collect();
    // One after the other. At the same time, they would take the few database connections from each other and the
    // inbox.
    for runner in &runners {
        sync_account(runner, runner.account.api().streams(), &results).await?;
    }
    background.end().await;
    let broken = results.failed();
    anyhow::ensure!(
        broken == 0,
        "{} of the simulated systems could not be read",
        counted(broken, "stream", "streams")
    );
    Ok(())
}

async fn until_applied(application: &Application) -> anyhow::Result<()> {
    let brand = application.brands().values().next().context("the demo has no brand")?;
    while list_backlog(&application.database.pool, brand.id())
        .await?
        .iter()
        .any(|backlog| backlog.state == "pending")
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
