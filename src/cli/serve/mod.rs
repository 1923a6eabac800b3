//! `hookpoint serve`

mod reloader;

use std::path::PathBuf;

use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) use self::reloader::Reloader;
use super::systemd::{self, ServiceManager};
use crate::app::Application;
use crate::clock::Clock;
use crate::settings::Settings;
use crate::storage::database::Database;
use crate::telemetry;

/// Runs the service. `path` is the argument of `--settings`.
pub(super) async fn run(settings: Settings, path: Option<PathBuf>) -> anyhow::Result<()> {
    let mut shutdown = ShutdownSignal::listen()?;
    let reloader = Reloader::listen(path, settings.place.clone())?;
    telemetry::start(&settings.file.telemetry);
    telemetry::metrics();
    let warnings = settings.warnings.clone();
    let starting = async {
        let database = Database::open(&settings.place, settings.pool_size(), false).await?;
        anyhow::Ok(
            Application::start(&settings.file, settings.brands, database, Clock::system()).await?,
        )
    };
    let application = tokio::select! {
        started = starting => started?,
        () = shutdown.received() => {
            tracing::info!("stopped before the service was ready");
            return Ok(());
        }
    };
    for warning in &warnings {
        tracing::warn!(%warning, "a setting may be wrong");
    }
    run_until_signal(application, &mut shutdown, Some(reloader)).await
}

/// Receives SIGTERM and SIGINT, from the moment when it is created.
pub(super) struct ShutdownSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl ShutdownSignal {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Completes when one of the signals arrives.
    pub(super) async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Runs the service until a signal arrives, then finishes the requests in flight.
pub(super) async fn run_until_signal(
    mut application: Application,
    shutdown: &mut ShutdownSignal,
    mut reloader: Option<Reloader>,
) -> anyhow::Result<()> {
    let (address, metrics) =
        (application.address, application.metrics_address.map(|address| address.to_string()));
    let readiness = application.readiness();
    let mut is_ready = false;
    let mut service_manager = ServiceManager::new();
    let by_signal = loop {
        tokio::select! {
            () = shutdown.received() => break true,
            () = application.ended() => break false,
            () = readiness.until_ready(), if !is_ready => {
                is_ready = true;
                tracing::info!(%address, metrics, "ready");
                systemd::notify_ready();
            }
            () = service_manager.until_watchdog_is_due() => systemd::notify_watchdog(),
            step = reloader::next(&mut reloader, &application), if is_ready => {
                if let Some(reloader) = &mut reloader {
                    reloader.take(step, &mut application);
                }
            }
        }
    };
    tracing::info!("shutting down; finishing requests in flight");
    systemd::notify_stopping();
    if let Some(reloader) = reloader {
        reloader.finish(&mut application).await;
    }
    application.stop().await;
    tracing::info!("stopped");
    if by_signal { Ok(()) } else { anyhow::bail!("the HTTP server stopped unexpectedly") }
}
