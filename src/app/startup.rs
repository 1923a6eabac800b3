//! Starts a generation of the application, step by step.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use jiff::Timestamp;

use super::brands::open_brands_with_links;
use super::error::StartError;
use super::foundation::Foundation;
use super::generation::Generation;
use super::jobs::BackgroundJobs;
use super::maintenance::Maintenance;
use super::request_state::{agent_page, api_document, gauges, health, lookup_service};
use super::server::{PublicState, console_server, metrics_server, public_server, run};
use super::services::{Resources, Services};
use super::suppressions::{open_suppression_file, reconcile_all};
use super::warnings::warn_about_open_access;
use crate::agent_page::AgentPage;
use crate::brand::BrandRules;
use crate::console::{Console, ConsoleParts, ConsoleUrls};
use crate::http::readiness::Readiness;
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::change_listener::ChangeListener;
use crate::settings::SettingsFile;

impl Generation {
    /// Prepares everything that answers requests. Nothing is answered yet, and no job runs. Erasures that began before a
    /// time and are not complete are completed.
    pub(super) async fn prepare(
        file: SettingsFile,
        rules: Vec<BrandRules>,
        foundation: &Foundation,
        erasures_before: Timestamp,
    ) -> Result<Self, StartError> {
        let Foundation { pool, further_pools, clock, .. } = foundation;
        let suppressions = open_suppression_file(&file, pool, &rules).await?;
        let links = (&foundation.link_places(&file), clock);
        let brands = open_brands_with_links(pool, rules, links).await?;
        // This must come before the first answer: a restored backup may have brought back erased people.
        let most = file.erasure.max_erased_percent;
        reconcile_all(pool, &brands, &suppressions, most, (clock.now(), erasures_before)).await?;
        warn_about_open_access(&file, &brands);
        let resources = Resources { file: &file, pool, further_pools, brands: &brands, clock };
        let services = Services::build(resources).await?;
        let (change_listener, readiness) = listen(foundation, &services);
        Ok(Self {
            file,
            brands,
            services,
            change_listener,
            readiness,
            suppressions,
            jobs: BackgroundTasks::new(),
            servers: Vec::new(),
        })
    }

    /// Starts the background jobs. The derivation with changed settings begins after a delay.
    pub(super) fn start_jobs(&self, foundation: &Foundation, rederive_delay: Duration) {
        let Self { file, services, change_listener, .. } = self;
        let Foundation { pool, clock, .. } = foundation;
        let brands: Vec<_> = self.brands.values().cloned().collect();
        let jobs = BackgroundJobs {
            file,
            pool,
            brands: &brands,
            background: &self.jobs,
            clock,
            alarms: &services.alarms,
            tracer: &services.tracer,
            rederive_delay,
        };
        jobs.start_inbox(&services.wake_handles);
        jobs.start_sync(&services.accounts);
        jobs.start_maintenance(Maintenance {
            pool: pool.clone(),
            brands: brands.clone(),
            clock: clock.clone(),
            inbox: file.inbox.clone(),
            trace_days: file.lookup.trace_days,
            suppressions: self.suppressions.clone(),
            max_erased_percent: file.erasure.max_erased_percent,
            accounts: services.accounts.clone(),
            api_keys: Arc::clone(&services.api_keys),
            change_listener: Arc::clone(change_listener),
            delivery_writer: Arc::clone(&services.webhook_service.delivery_writer),
            endpoints: Arc::clone(&services.webhook_service.endpoints),
        });
    }

    /// Starts to answer.
    pub(super) fn serve(&mut self, foundation: &Foundation) -> Result<(), StartError> {
        let Self { file, services, readiness, jobs, .. } = &*self;
        let Foundation { pool, listeners, clock, .. } = foundation;
        let document = api_document(file, listeners.address(&file.server).port())?;
        let sockets = listeners.try_clone().map_err(StartError::listen(&file.server.listen))?;
        let state = PublicState {
            lookup_service: lookup_service(file, services, clock),
            webhook_service: services.webhook_service.clone(),
            health: health(file, services, readiness),
            document,
            agent_page: self.agent_page(foundation)?,
        };
        let public = public_server(file, sockets.public, state)
            .map_err(StartError::listen(&file.server.listen))?;
        let metrics = sockets
            .metrics
            .map(|listener| metrics_server(listener, gauges(services, jobs, pool)))
            .transpose()
            .map_err(StartError::listen(&file.server.metrics_listen))?;
        let console = sockets
            .console
            .zip(foundation.console_urls(file))
            .map(|(listener, urls)| console_server(listener, self.console(foundation, urls)?))
            .transpose()
            .map_err(StartError::listen(&file.console.listen))?;
        let servers = std::iter::once(public).chain(metrics).chain(console);
        self.servers = servers.map(|server| run(server, &services.background)).collect();
        Ok(())
    }
}

impl Generation {
    fn agent_page(&self, foundation: &Foundation) -> Result<Data<AgentPage>, StartError> {
        let page = agent_page(&self.file, self.brands.clone(), foundation);
        page.map_err(std::io::Error::other).map_err(StartError::listen(&self.file.server.listen))
    }

    fn console(
        &self,
        foundation: &Foundation,
        urls: ConsoleUrls,
    ) -> std::io::Result<Data<Console>> {
        let console = Console::new(ConsoleParts {
            brands: self.brands.values().cloned().collect(),
            pool: foundation.pool.clone(),
            clock: foundation.clock.clone(),
            file: self.file.clone(),
            suppressions: self.suppressions.clone(),
            urls,
        });
        console.map(Data::new).map_err(std::io::Error::other)
    }
}

/// Starts to listen to changes. The readiness waits for the connection.
fn listen(foundation: &Foundation, services: &Services) -> (Arc<ChangeListener>, Readiness) {
    let Services { background, cache, coalescer, api_keys, .. } = services;
    let change_listener =
        Arc::new(ChangeListener::new(&foundation.pool, coalescer, cache, api_keys));
    background.spawn_endless(ChangeListener::listen(Arc::clone(&change_listener)));
    let readiness = Readiness::new();
    background.spawn_endless({
        let (change_listener, readiness) = (Arc::clone(&change_listener), readiness.clone());
        async move {
            change_listener.until_connected().await;
            readiness.set_listener_connected();
        }
    });
    (change_listener, readiness)
}
