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
    let database = Database::open(&settings.place, settings.pool_size(), false).await?;
    let application = Application::start(&settings.file, settings.brands, database, Clock::system()).await?;
    tracing::info!(address = %application.address, metrics = application.metrics_address.map(|a| a.to_string()), "ready");
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
    let told = tokio::select! {
        told = told_to_end() => told.map(|()| true)?,
        () = application.ended() => false,
    };
    tracing::info!("ending: requests in flight are finished first");
    application.stop().await;
    if told { Ok(()) } else { anyhow::bail!("the server ended by itself") }
}
