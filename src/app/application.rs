//! A running application, and its shutdown.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::server::RunningServer;
use crate::brand::Brand;
use crate::http::api_keys::ApiKeyCache;
use crate::http::readiness::Readiness;
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::change_listener::ChangeListener;
use crate::lookup::coalescing::LookupCoalescer;
use crate::storage::StorageError;
use crate::storage::database::Database;

/// A running application.
pub struct Application {
    /// Address of lookups and webhooks.
    pub address: SocketAddr,
    /// Address of the metrics, if they are served.
    pub metrics_address: Option<SocketAddr>,
    /// The brands, by their id.
    pub brands: HashMap<i32, Arc<Brand>>,
    /// The database.
    pub database: Database,
    pub(super) coalescer: Arc<LookupCoalescer>,
    pub(super) api_keys: Arc<ApiKeyCache>,
    pub(super) change_listener: Arc<ChangeListener>,
    pub(super) readiness: Readiness,
    /// The public server comes first.
    pub(super) servers: Vec<RunningServer>,
    pub(super) background: BackgroundTasks,
    /// How long the service still answers after a shutdown began.
    pub(super) drain: Duration,
}

/// How long each of the last steps of a shutdown may take, after the servers have stopped.
const SHUTDOWN_STEP_TIMEOUT: Duration = Duration::from_secs(2);

impl Application {
    /// Marks the preparation as done. The service is ready as soon as the change listener is connected.
    pub fn set_prepared(&self) {
        self.readiness.set_prepared();
    }

    /// The readiness of the service.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Waits until this replica has received all earlier change notifications.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn wait_until_current(&self) -> Result<(), StorageError> {
        self.change_listener.wait_until_current().await
    }

    /// The number of lookups that wait for Postgres.
    #[must_use]
    pub fn lookups_waiting(&self) -> u64 {
        self.coalescer.waiting()
    }

    /// Completes when the server has ended without a shutdown.
    pub async fn ended(&mut self) {
        if let Some(server) = self.servers.first_mut() {
            let _ = (&mut server.stopped).await;
        }
    }

    /// Shuts down. Reports "not ready" to load balancers, answers for the drain period, finishes requests in flight,
    /// and stops.
    pub async fn stop(self) {
        self.background.drain();
        tokio::time::sleep(self.drain).await;
        for server in &self.servers {
            server.handle.stop(true).await;
        }
        for server in self.servers {
            let _ = server.stopped.await;
        }
        // A Postgres that does not answer must not block the shutdown.
        let written = tokio::time::timeout(
            SHUTDOWN_STEP_TIMEOUT,
            self.api_keys.write_last_used(&self.database.pool),
        )
        .await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!("failed to save last use of API keys");
        }
        let _ = tokio::time::timeout(SHUTDOWN_STEP_TIMEOUT, self.background.end()).await;
        self.database.close().await;
    }
}
