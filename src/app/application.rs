//! A running application: its start, its reload, its shutdown.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::error::StartError;
use super::foundation::Foundation;
use super::generation::Generation;
use super::registered_metrics::{end_metrics, register_metrics};
use super::reload::{Reload, Reloaded, replace};
use super::replica::Replica;
use crate::brand::{Brand, BrandRules};
use crate::clock::Clock;
use crate::console::ConsoleUrls;
use crate::customer::model::phone_parsing::load_numbering_plans;
use crate::http::readiness::Readiness;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::SettingsFile;
use crate::storage::StorageError;
use crate::storage::database::Database;
use crate::storage::replicas::ReloadOutcome;

/// After this time, all connections to a former generation have ended: each after its next response, or because it was
/// idle. A server that stops earlier may close a connection on which a request is just arriving.
const CONNECTIONS_END: Duration = Duration::from_secs(10);

/// How much longer than its server a former generation may take to end.
const FORMER_END_RESERVE: Duration = Duration::from_secs(5);

/// A running application.
pub struct Application {
    /// Address of lookups and webhooks.
    pub address: SocketAddr,
    /// Address of the metrics, if they are served.
    pub metrics_address: Option<SocketAddr>,
    /// Where the console is, if it is served.
    pub console: Option<ConsoleUrls>,
    /// The database.
    pub database: Database,
    foundation: Arc<Foundation>,
    current: Box<Generation>,
    replica: Arc<Replica>,
    /// What does not end with a generation.
    background: BackgroundTasks,
    /// Cancelled when the former generation has ended.
    former: CancellationToken,
}

impl Application {
    /// Listens, migrates the database, and starts to answer.
    ///
    /// # Errors
    /// When an address is in use, or Postgres fails.
    pub async fn start(
        file: &SettingsFile,
        rules: Vec<BrandRules>,
        database: Database,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let application = Box::pin(Self::start_unprepared(file, rules, database, clock)).await?;
        application.set_prepared();
        Ok(application)
    }

    /// Like [`start`](Self::start), but the service is not ready before [`set_prepared`](Self::set_prepared). The demo
    /// fills the database in between.
    ///
    /// # Errors
    /// When an address is in use, or Postgres fails.
    pub async fn start_unprepared(
        file: &SettingsFile,
        rules: Vec<BrandRules>,
        database: Database,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let numbering_plans = tokio::task::spawn_blocking(load_numbering_plans);
        let foundation = Arc::new(Foundation::open(file, &database, clock).await?);
        let now = foundation.clock.now();
        let prepared = Box::pin(Generation::prepare(file.clone(), rules, &foundation, now)).await?;
        let mut current = Box::new(prepared);
        register_metrics(&current.brands);
        // If that fails, the first phone number reads them.
        let _ = numbering_plans.await;
        current.start_jobs(&foundation, Duration::ZERO);
        current.serve(&foundation)?;
        let address = foundation.listeners.address(&file.server);
        let metrics_address = foundation.listeners.metrics_address(&file.server);
        let console = foundation.console_urls(file);
        let background = BackgroundTasks::new();
        let replica = Replica::start(&foundation.pool, address, file, &background);
        let former = CancellationToken::new();
        former.cancel();
        Ok(Self {
            address,
            metrics_address,
            console,
            database,
            foundation,
            current,
            replica,
            background,
            former,
        })
    }

    /// The brands, by their id.
    #[must_use]
    pub const fn brands(&self) -> &HashMap<i32, Arc<Brand>> {
        &self.current.brands
    }

    /// Marks the preparation as done. The service is ready as soon as the change listener is connected.
    pub fn set_prepared(&self) {
        self.current.readiness.set_prepared();
    }

    /// The readiness of the service.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.current.readiness.clone()
    }

    /// Waits until this replica has received all earlier change notifications.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn wait_until_current(&self) -> Result<(), StorageError> {
        self.current.change_listener.wait_until_current().await
    }

    /// The number of lookups that wait for Postgres.
    #[must_use]
    pub fn lookups_waiting(&self) -> u64 {
        self.current.services.coalescer.waiting()
    }

    /// Completes when the server has ended without a shutdown.
    pub async fn ended(&self) {
        if let Some(server) = self.current.servers.first() {
            server.stopped.cancelled().await;
        }
    }

    /// Starts the next generation, with other settings. Until it has [taken over](Self::take_over), everything goes on as
    /// before.
    #[must_use]
    pub fn reload(&self, file: SettingsFile, rules: Vec<BrandRules>) -> Reload {
        Box::pin(replace(Arc::clone(&self.foundation), self.current.outgoing(), file, rules))
    }

    /// Makes the next generation the current one. The former one answers on its open connections for a while,
    /// and then ends.
    pub fn take_over(&mut self, Reloaded { next, .. }: Reloaded) {
        self.replica.set_settings(&next.file);
        register_metrics(&next.brands);
        end_metrics(&self.current.brands, &next.brands);
        let former = std::mem::replace(&mut self.current, next);
        let (pool, background) = (self.foundation.pool.clone(), self.background.clone());
        self.former = CancellationToken::new();
        let ended = self.former.clone().drop_guard();
        self.background.spawn(async move {
            let _ = tokio::time::timeout(CONNECTIONS_END, background.until_ending()).await;
            former.end(&pool).await;
            drop(ended);
        });
    }

    /// Completes when only one generation is left.
    pub async fn until_settled(&self) {
        self.former.cancelled().await;
    }

    /// The next request of `hookpoint reload` after the last one.
    pub async fn reload_requested(&self, last: Option<Uuid>) -> Option<Uuid> {
        self.replica.reload_requested(last).await
    }

    /// Reports the result of a request of `hookpoint reload`.
    pub fn report_reload(&self, request: Uuid, outcome: ReloadOutcome) {
        let replica = Arc::clone(&self.replica);
        self.background.spawn(async move { replica.report_reload(request, outcome).await });
    }

    /// Saves the counters of webhooks and the rejected ones now. A job does the same every two seconds.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn save_webhook_counters(&self) -> Result<(), StorageError> {
        self.current.services.webhook_service.endpoints.save(&self.foundation.pool).await
    }

    /// Shuts down. Reports "not ready" to load balancers, answers for the drain period, finishes requests in flight,
    /// and stops.
    pub async fn stop(self) {
        self.current.services.background.drain();
        let server = &self.current.file.server;
        let shutdown_timeout = Duration::from_secs(server.shutdown_timeout_seconds);
        tokio::time::sleep(Duration::from_secs(server.drain_seconds)).await;
        let pool = self.foundation.pool.clone();
        // Without this last handle, the sockets close as soon as the servers have stopped.
        drop(self.foundation);
        let most = shutdown_timeout.saturating_add(FORMER_END_RESERVE);
        let background = tokio::time::timeout(most, self.background.end());
        let _ = tokio::join!(self.current.end(&pool), background);
        self.replica.end().await;
        self.database.close().await;
    }
}
