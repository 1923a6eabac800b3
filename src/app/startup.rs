//! Starts the application, step by step.

use std::sync::Arc;
use std::time::Duration;

use super::application::Application;
use super::brands::open_brands;
use super::error::StartError;
use super::jobs::BackgroundJobs;
use super::listeners::Listeners;
use super::maintenance::Maintenance;
use super::registered_metrics::register_metrics;
use super::request_state::{api_document, gauges, health, lookup_service};
use super::server::{RunningServer, metrics_server, public_server, raise_file_limit, run};
use super::services::{Resources, Services};
use super::suppressions::{open_suppression_file, reconcile_all};
use super::warnings::{warn_about_database, warn_about_open_access};
use crate::brand::BrandRules;
use crate::clock::Clock;
use crate::erasure::suppression_file::SuppressionFile;
use crate::http::readiness::Readiness;
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::change_listener::ChangeListener;
use crate::settings::SettingsFile;
use crate::storage::database::Database;
use crate::storage::migrate;

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
        let application = Self::start_unprepared(file, rules, database, clock).await?;
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
        raise_file_limit();
        let listeners = Listeners::bind(&file.server)?;
        migrate(&database.pool).await?;
        let suppressions = open_suppression_file(file, &database, &rules).await?;
        let brands = open_brands(&database, rules).await?;
        // This must come before the first answer: a restored backup may have brought back erased people.
        reconcile_all(&database, &brands, &suppressions, file.erasure.max_erased_percent, &clock)
            .await?;
        warn_about_open_access(file, &brands);
        warn_about_database(file, &database).await?;
        let resources = Resources { file, database: &database, brands: &brands, clock: &clock };
        let services = Services::build(resources).await?;
        let change_listener = start_jobs(resources, &services, suppressions);
        register_metrics(&brands);
        let readiness = readiness_of(&change_listener, &services.background);
        let address = listeners.address(&file.server);
        let metrics_address = listeners.metrics_address(&file.server);
        let servers = serve(resources, &services, &readiness, listeners)?;
        let Services { coalescer, api_keys, background, .. } = services;
        let drain = Duration::from_secs(file.server.drain_seconds);
        Ok(Self {
            address,
            metrics_address,
            brands,
            database,
            coalescer,
            api_keys,
            change_listener,
            readiness,
            servers,
            background,
            drain,
        })
    }
}

fn start_jobs(
    resources: Resources<'_>,
    services: &Services,
    suppressions: SuppressionFile,
) -> Arc<ChangeListener> {
    let Resources { file, database, clock, .. } = resources;
    let Services { background, alarms, cache, coalescer, api_keys, .. } = services;
    let pool = &database.pool;
    let brands = resources.all_brands();
    let jobs = BackgroundJobs { file, pool, brands: &brands, background, clock, alarms };
    jobs.start_inbox(&services.wake_handles);
    jobs.start_sync(&services.accounts);
    let change_listener = Arc::new(ChangeListener::new(pool, coalescer, cache, api_keys));
    jobs.start_maintenance(Maintenance {
        pool: pool.clone(),
        brands: brands.clone(),
        clock: clock.clone(),
        inbox: file.inbox.clone(),
        suppressions,
        max_erased_percent: file.erasure.max_erased_percent,
        accounts: services.accounts.clone(),
        api_keys: Arc::clone(api_keys),
        change_listener: Arc::clone(&change_listener),
        delivery_writer: Arc::clone(&services.webhook_service.delivery_writer),
        endpoints: Arc::clone(&services.webhook_service.endpoints),
    });
    change_listener
}

/// The readiness, which waits for the connection of the change listener.
fn readiness_of(change_listener: &Arc<ChangeListener>, background: &BackgroundTasks) -> Readiness {
    let readiness = Readiness::new();
    background.spawn_endless({
        let (change_listener, readiness) = (Arc::clone(change_listener), readiness.clone());
        async move {
            change_listener.until_connected().await;
            readiness.set_listener_connected();
        }
    });
    readiness
}

/// Runs the HTTP servers.
fn serve(
    resources: Resources<'_>,
    services: &Services,
    readiness: &Readiness,
    listeners: Listeners,
) -> Result<Vec<RunningServer>, StartError> {
    let Resources { file, database, clock, .. } = resources;
    let document = api_document(file, listeners.address(&file.server).port())?;
    let public = public_server(
        file,
        listeners.public,
        lookup_service(file, services, clock),
        services.webhook_service.clone(),
        health(services, readiness),
        document,
    )
    .map_err(StartError::listen(&file.server.listen))?;
    let mut servers = vec![run(public, &services.background)];
    if let Some(listener) = listeners.metrics {
        let metrics = metrics_server(listener, gauges(services, &database.pool))
            .map_err(StartError::listen(&file.server.metrics_listen))?;
        servers.push(run(metrics, &services.background));
    }
    Ok(servers)
}
