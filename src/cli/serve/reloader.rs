//! Reads the settings again, on SIGHUP or on a request of `hookpoint reload`.

use std::path::PathBuf;

use tokio::signal::unix::{Signal, SignalKind, signal};
use uuid::Uuid;

use crate::app::{Application, Reload, Reloaded, StartError};
use crate::cli::systemd;
use crate::settings::{Checked, Mistake, SecretAccess, Settings};
use crate::storage::replicas::ReloadOutcome;

/// Reads the settings again while the service runs.
pub(in crate::cli) struct Reloader {
    hangup: Signal,
    path: Option<PathBuf>,
    /// The last request of `hookpoint reload`.
    last_request: Option<Uuid>,
    in_progress: Option<InProgress>,
}

struct InProgress {
    /// `None` after SIGHUP.
    request: Option<Uuid>,
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
    pub(super) fn listen(path: Option<PathBuf>) -> std::io::Result<Self> {
        let hangup = signal(SignalKind::hangup())?;
        Ok(Self { hangup, path, last_request: None, in_progress: None })
    }

    async fn next(&mut self, application: &Application) -> Step {
        if let Some(InProgress { reload, .. }) = &mut self.in_progress {
            return Step::End(reload.await);
        }
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

    fn begin(&mut self, request: Option<Uuid>, application: &Application) {
        tracing::info!("reading the settings again");
        systemd::notify_reloading();
        self.last_request = request.or(self.last_request);
        let checked = Checked::load(self.path.as_deref(), SecretAccess::Read);
        match checked.with_secrets_required().into_settings() {
            Ok(Settings { file, brands, warnings, .. }) => {
                for warning in &warnings {
                    tracing::warn!(%warning, "a setting may be wrong");
                }
                let reload = application.reload(file, brands);
                self.in_progress = Some(InProgress { request, reload });
            }
            Err(mistakes) => {
                let problems = mistakes.iter().map(Mistake::to_string).collect();
                finish(application, request, ReloadOutcome { problems, ..Default::default() });
            }
        }
    }

    fn end(&mut self, ended: Result<Reloaded, StartError>, application: &mut Application) {
        let request = self.in_progress.take().and_then(|ended| ended.request);
        let outcome = match ended {
            Ok(reloaded) => {
                let settings = reloaded.needs_restart.iter().copied();
                let needs_restart = settings.map(str::to_owned).collect();
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

/// Logs and reports what became of a reload.
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
