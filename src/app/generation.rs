//! A generation: everything that runs with one version of the settings. A reload starts the next one, and ends this one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::server::RunningServer;
use super::services::Services;
use crate::brand::Brand;
use crate::erasure::suppression_file::SuppressionFile;
use crate::http::readiness::Readiness;
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::change_listener::ChangeListener;
use crate::settings::SettingsFile;
use crate::storage::pool::Pool;

/// Everything that runs with one version of the settings.
pub(super) struct Generation {
    pub(super) file: SettingsFile,
    pub(super) brands: HashMap<i32, Arc<Brand>>,
    pub(super) services: Services,
    pub(super) change_listener: Arc<ChangeListener>,
    pub(super) readiness: Readiness,
    pub(super) suppressions: SuppressionFile,
    /// The background jobs. Those of the former generation have some seconds to end before those of the next one begin.
    pub(super) jobs: BackgroundTasks,
    /// The public server comes first.
    pub(super) servers: Vec<RunningServer>,
}

/// How long each of the last steps of a shutdown may take, after the servers have stopped.
const SHUTDOWN_STEP_TIMEOUT: Duration = Duration::from_secs(2);

/// Ends tasks. They get some time.
pub(super) async fn end_tasks(tasks: &BackgroundTasks) {
    let _ = tokio::time::timeout(SHUTDOWN_STEP_TIMEOUT, tasks.end()).await;
}

impl Generation {
    /// Finishes the requests in flight, and ends.
    pub(super) async fn end(self: Box<Self>, pool: &Pool) {
        for server in &self.servers {
            server.handle.stop(true).await;
        }
        for server in &self.servers {
            server.stopped.cancelled().await;
        }
        // A Postgres that does not answer must not block the shutdown.
        let Services { api_keys, webhook_service, .. } = &self.services;
        let saving = async {
            let saved =
                tokio::join!(api_keys.write_last_uses(pool), webhook_service.endpoints.save(pool));
            matches!(saved, (Ok(()), Ok(())))
        };
        let saved = tokio::time::timeout(SHUTDOWN_STEP_TIMEOUT, saving).await;
        if !matches!(saved, Ok(true)) {
            tracing::warn!("failed to save the last use of API keys and the webhook counters");
        }
        tokio::join!(end_tasks(&self.jobs), end_tasks(&self.services.background));
    }
}
