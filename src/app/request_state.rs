//! The state that the HTTP handlers use.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::web::Data;

use super::foundation::Foundation;
use super::services::{Services, rates};
use crate::agent_page::{AgentPage, AgentPageParts};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::http::client_ip::Proxies;
use crate::http::health::{Gauges, Health};
use crate::http::openapi::{ApiDocument, DocumentError, DocumentedSettings};
use crate::http::rate_limits::WrongKeys;
use crate::http::readiness::Readiness;
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::handler::LookupService;
use crate::lookup::query::MAX_QUERY;
use crate::settings::SettingsFile;
use crate::storage::pool::Pool;

/// The state of lookups.
pub(super) fn lookup_service(
    file: &SettingsFile,
    services: &Services,
    clock: &Clock,
) -> Data<LookupService> {
    Data::new(LookupService {
        allowed_networks: file.server.allowed_networks.clone(),
        proxies: Proxies::from(&file.server),
        key_parameter: file.lookup.key_parameter.clone(),
        enforce_not_found_limit: file.limits.enforce_not_found_limit,
        api_keys: Arc::clone(&services.api_keys),
        wrong_keys: WrongKeys::new(rates(file)),
        cache: Arc::clone(&services.cache),
        finder: Arc::clone(&services.finder),
        clock: clock.clone(),
        tracer: services.tracer.clone(),
        history: services.history.clone(),
        given: services.given.clone(),
    })
}

/// The state of the health endpoints.
pub(super) fn health(
    file: &SettingsFile,
    services: &Services,
    readiness: &Readiness,
) -> Data<Health> {
    Data::new(Health {
        coalescer: Arc::clone(&services.coalescer),
        cache: Arc::clone(&services.cache),
        alarms: services.alarms.clone(),
        background: services.background.clone(),
        readiness: readiness.clone(),
        proxies: Proxies::from(&file.server),
    })
}

/// The state of the metrics.
pub(super) fn gauges(services: &Services, jobs: &BackgroundTasks, pool: &Pool) -> Data<Gauges> {
    Data::new(Gauges {
        pool: pool.clone(),
        delivery_writer: services.delivery_pool.clone(),
        coalescer: Arc::clone(&services.coalescer),
        cache: Arc::clone(&services.cache),
        alarms: services.alarms.clone(),
        background: services.background.clone(),
        jobs: jobs.clone(),
    })
}

/// The API document. Without a public URL, its commands name the port on which the service listens.
pub(super) fn api_document(
    file: &SettingsFile,
    port: u16,
) -> Result<Data<ApiDocument>, DocumentError> {
    let settings = DocumentedSettings {
        lookup_path: &file.lookup.path,
        key_parameter: &file.lookup.key_parameter,
        max_query: MAX_QUERY,
        public_url: &file.server.public_url,
        port,
    };
    ApiDocument::render(settings).map(Data::new)
}

/// The state of the agent page.
pub(super) fn agent_page(
    file: &SettingsFile,
    brands: HashMap<i32, Arc<Brand>>,
    foundation: &Foundation,
) -> Result<Data<AgentPage>, minijinja::Error> {
    AgentPage::new(AgentPageParts {
        brands,
        pool: foundation.pool.clone(),
        clock: foundation.clock.clone(),
        proxies: Proxies::from(&file.server),
        wrong_tokens: WrongKeys::new(rates(file)),
        url: foundation.link_places(file).service,
    })
    .map(Data::new)
}
