//! `hookpoint serve`

use tokio::signal::unix::{SignalKind, signal};

use crate::app::Application;
use crate::clock::Clock;
use crate::settings::Settings;
use crate::storage::database::Database;
use crate::telemetry;

pub(super) async fn run(settings: Settings) -> anyhow::Result<()> {
    telemetry::start(&settings.file.telemetry);
    telemetry::metrics();
    let warnings = settings.warnings.clone();
    let database = Database::open(&settings.place, settings.pool_size(), false).await?;
    let application = Application::start(&settings.file, settings.brands, database, Clock::system()).await?;
    for warning in &warnings {
        tracing::warn!(%warning, "a secret may not be what was meant");
    }
    until_told_to_end(application).await
}

/// Completes at SIGTERM or SIGINT.
pub(super) async fn told_to_end() -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Waits until it is told to end, then finishes the requests in flight.
pub(super) async fn until_told_to_end(mut application: Application) -> anyhow::Result<()> {
    let (address, metrics) = (application.address, application.metrics_address.map(|address| address.to_string()));
    let readiness = application.readiness();
    let told_to_end = told_to_end();
    tokio::pin!(told_to_end);
    let mut is_ready = false;
    let told = loop {
        tokio::select! {
            told = &mut told_to_end => break told.map(|()| true)?,
            () = application.ended() => break false,
            () = readiness.until_ready(), if !is_ready => {
                is_ready = true;
                tracing::info!(%address, metrics, "ready");
            }
        }
    };
    tracing::info!("ending: requests in flight are finished first");
    application.stop().await;
    if told { Ok(()) } else { anyhow::bail!("the server ended by itself") }
}
