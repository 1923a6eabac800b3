//! Reads the settings again, on SIGHUP or on a request of `hookpoint reload`.

use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use uuid::Uuid;

use crate::app::{Application, Reload, Reloaded, StartError};
use crate::cli::systemd;
use crate::settings::{Checked, Mistake, SecretAccess, Settings};
use crate::storage::database::Place;
use crate::storage::replicas::ReloadOutcome;

/// How long a shutdown waits for a reload.
const FINISH_TIMEOUT: Duration = Duration::from_secs(3);

/// Reads the settings again while the service runs.
pub(in crate::cli) struct Reloader {
    hangup: Signal,
    path: Option<PathBuf>,
    /// The last request of `hookpoint reload`.
    last_request: Option<Uuid>,
    in_progress: Option<InProgress>,
    /// The database that is in use.
    place: Place,
}

struct InProgress {
    /// `None` after SIGHUP.
    request: Option<Uuid>,
    /// Whether the new settings lead to another database, by the content of a file.
    has_other_database: bool,
    reload: Reload,
}

/// What happens next.
pub(super) enum Step {
    /// The settings must be read again, for a request or after SIGHUP.
    Begin(Option<Uuid>),
    /// A reload has ended.
    End(Result<Reloaded, StartError>),
}

/// Completes at the next step; never without a reloader.
pub(super) async fn next(reloader: &mut Option<Reloader>, application: &Application) -> Step {
    match reloader {
        Some(reloader) => reloader.next(application).await,
        None => std::future::pending().await,
    }
}

impl Reloader {
    /// Receives SIGHUP, from now on. `path` is the argument of `--settings`.
    pub(in crate::cli) fn listen(path: Option<PathBuf>, place: Place) -> std::io::Result<Self> {
        let hangup = signal(SignalKind::hangup())?;
        Ok(Self { hangup, path, last_request: None, in_progress: None, place })
    }

    async fn next(&mut self, application: &Application) -> Step {
        if let Some(InProgress { reload, .. }) = &mut self.in_progress {
            return Step::End(reload.await);
        }
        // Each generation has threads, a cache and connections, so there are never more than two.
        application.until_settled().await;
        tokio::select! {
            _ = self.hangup.recv() => Step::Begin(None),
            request = application.reload_requested(self.last_request) => Step::Begin(request),
        }
    }

    /// Takes a step.
    pub(super) fn take(&mut self, step: Step, application: &mut Application) {
        match step {
            Step::Begin(request) => self.begin(request, application),
            Step::End(ended) => self.end(ended, application),
        }
    }

    /// Before a shutdown: a generation that already answers takes over, so that it ends as it should. One that is not ready
    /// is given up.
    pub(super) async fn finish(mut self, application: &mut Application) {
        let Some(InProgress { reload, .. }) = self.in_progress.take() else { return };
        if let Ok(Ok(reloaded)) = tokio::time::timeout(FINISH_TIMEOUT, reload).await {
            application.take_over(reloaded);
        }
    }

    fn begin(&mut self, request: Option<Uuid>, application: &Application) {
        tracing::info!("reading the settings again");
        systemd::notify_reloading();
        self.last_request = request.or(self.last_request);
        let checked = Checked::load(self.path.as_deref(), SecretAccess::Read);
        match checked.with_secrets_required().into_settings() {
            Ok(Settings { file, place, brands, warnings, .. }) => {
                for warning in &warnings {
                    tracing::warn!(%warning, "a setting may be wrong");
                }
                let reload = application.reload(file, brands);
                let has_other_database = !is_same(&self.place, &place);
                self.in_progress = Some(InProgress { request, has_other_database, reload });
            }
            Err(mistakes) => {
                let problems = mistakes.iter().map(Mistake::to_string).collect();
                finish(application, request, ReloadOutcome { problems, ..Default::default() });
            }
        }
    }

    fn end(&mut self, ended: Result<Reloaded, StartError>, application: &mut Application) {
        let (request, has_other_database) = self
            .in_progress
            .take()
            .map_or((None, false), |ended| (ended.request, ended.has_other_database));
        let outcome = match ended {
            Ok(reloaded) => {
                let settings = reloaded.needs_restart.iter().copied();
                let mut needs_restart: Vec<String> = settings.map(str::to_owned).collect();
                let is_named = needs_restart.iter().any(|key| key.starts_with("database."));
                if has_other_database && !is_named {
                    needs_restart.push("database.url_file".to_owned());
                }
                application.take_over(reloaded);
                ReloadOutcome { needs_restart, problems: Vec::new() }
            }
            Err(error) => {
                ReloadOutcome { problems: vec![error.to_string()], needs_restart: Vec::new() }
            }
        };
        finish(application, request, outcome);
    }
}

/// Whether two places are the same database, reached in the same way.
fn is_same(one: &Place, other: &Place) -> bool {
    match (one, other) {
        (Place::Server(one), Place::Server(other)) => one.0 == other.0,
        (Place::Embedded(_), Place::Embedded(_)) => true,
        (Place::Server(_), Place::Embedded(_)) | (Place::Embedded(_), Place::Server(_)) => false,
    }
}

/// Logs and reports the result of a reload.
fn finish(application: &Application, request: Option<Uuid>, outcome: ReloadOutcome) {
    for problem in &outcome.problems {
        tracing::error!(problem, "new settings cannot be used");
    }
    if outcome.problems.is_empty() {
        tracing::info!("new settings taken over");
    } else {
        tracing::error!("the service goes on with its former settings");
    }
    if !outcome.needs_restart.is_empty() {
        let settings = outcome.needs_restart.join(", ");
        tracing::warn!(settings, "changed settings are only used after a restart");
    }
    systemd::notify_ready();
    if let Some(request) = request {
        application.report_reload(request, outcome);
    }
}
