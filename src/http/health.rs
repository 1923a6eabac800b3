//! Health endpoints and metrics.

use std::sync::Arc;

use crate::storage::pool::Pool;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Map;

use super::client_ip::Proxies;
use super::problem::Problem;
use crate::http::readiness::Readiness;
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::cache::AnswerCache;
use crate::lookup::coalescing::LookupCoalescer;
use crate::telemetry::alarm::{Alarms, Part};

/// The state that the health endpoints report.
pub struct Health {
    /// Knows whether Postgres answers lookups.
    pub coalescer: Arc<LookupCoalescer>,
    /// Knows whether the change listener is connected.
    pub cache: Arc<AnswerCache>,
    /// Know whether webhooks are stored and applied.
    pub alarms: Alarms,
    /// Knows whether the service is draining.
    pub background: BackgroundTasks,
    /// Knows whether the start is complete.
    pub readiness: Readiness,
    /// Know the address of a caller.
    pub proxies: Proxies,
}

/// `GET /health/live`: the process runs.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "live" }))
}

/// `GET /health/ready`, and `GET /health`: the API keys are loaded and the change listener was connected. If Postgres fails later, the
/// service stays ready but degraded, because it still returns cached answers.
///
/// # Errors
/// When the service is starting or shutting down.
pub async fn ready(health: Data<Health>) -> Result<HttpResponse, Problem> {
    if health.background.is_draining() {
        return Err(Problem::ShuttingDown);
    }
    if !health.readiness.is_ready() {
        return Err(Problem::Starting);
    }
    let parts = parts(&health.coalescer, &health.cache, &health.alarms);
    let mut body = Map::from_iter([
        ("status".to_owned(), "ready".into()),
        ("degraded".to_owned(), parts.iter().any(|(_, fails)| *fails).into()),
    ]);
    body.extend(
        parts.map(|(part, fails)| (part.to_owned(), if fails { "failing" } else { "ok" }.into())),
    );
    Ok(HttpResponse::Ok().json(body))
}

/// `GET /health/caller`: the network address by which the service knows the caller, to check the proxies in between.
pub async fn caller(request: HttpRequest, health: Data<Health>) -> HttpResponse {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let caller = peer.map(|peer| health.proxies.caller(peer, request.headers()));
    HttpResponse::Ok().json(serde_json::json!({
        "address": caller.and_then(|caller| caller.address),
        "named_by_proxy": caller.is_some_and(|caller| caller.address != Some(caller.peer)),
    }))
}

/// The parts of the service, and whether each fails: lookups, change notifications, storing of webhooks, applying of
/// webhooks.
fn parts(
    coalescer: &LookupCoalescer,
    cache: &AnswerCache,
    alarms: &Alarms,
) -> [(&'static str, bool); 4] {
    let (storing, applying) = (alarms.is_raised(Part::Storing), alarms.is_raised(Part::Applying));
    [
        ("lookups", coalescer.is_degraded()),
        ("changes", cache.is_listener_disconnected()),
        (Part::Storing.as_str(), storing),
        (Part::Applying.as_str(), applying),
    ]
}

/// Gauges that are updated at each request for the metrics.
pub struct Gauges {
    /// Connections for all but lookups and storing webhooks.
    pub pool: Pool,
    /// Connections for storing webhooks.
    pub delivery_writer: Pool,
    /// Lookups in flight.
    pub coalescer: Arc<LookupCoalescer>,
    /// Cached answers.
    pub cache: Arc<AnswerCache>,
    /// The parts that fail.
    pub alarms: Alarms,
    /// Tasks of requests.
    pub background: BackgroundTasks,
    /// Background jobs.
    pub jobs: BackgroundTasks,
}

impl Gauges {
    fn update(&self) {
        let float = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let count = |number: usize| float(u64::try_from(number).unwrap_or(u64::MAX));
        let (entries, bytes) = self.cache.size();
        metrics::gauge!("hookpoint_cache_entries").set(float(entries));
        metrics::gauge!("hookpoint_cache_bytes").set(float(bytes));
        metrics::gauge!("hookpoint_listener_disconnected")
            .set(f64::from(self.cache.is_listener_disconnected()));
        for (part, fails) in parts(&self.coalescer, &self.cache, &self.alarms) {
            metrics::gauge!("hookpoint_failing", "part" => part).set(f64::from(fails));
        }
        metrics::gauge!("hookpoint_degraded").set(f64::from(self.coalescer.is_degraded()));
        metrics::gauge!("hookpoint_lookups_waiting").set(float(self.coalescer.waiting()));
        metrics::gauge!("hookpoint_background_tasks")
            .set(count(self.background.tasks().saturating_add(self.jobs.tasks())));
        let (used, idle) = self.coalescer.connections();
        let (used_for_work, idle_for_work) = self.pool.counts();
        let (used_for_receipts, idle_for_receipts) = self.delivery_writer.counts();
        for (pool, state, number) in [
            ("lookups", "used", count(used)),
            ("lookups", "idle", count(idle)),
            ("webhooks", "used", count(used_for_receipts)),
            ("webhooks", "idle", count(idle_for_receipts)),
            ("general", "used", count(used_for_work)),
            ("general", "idle", count(idle_for_work)),
        ] {
            metrics::gauge!("hookpoint_database_connections", "pool" => pool, "state" => state)
                .set(number);
        }
    }
}

/// The metrics, in Prometheus's text format.
pub async fn metrics(gauges: Data<Gauges>) -> HttpResponse {
    gauges.update();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(crate::telemetry::render_metrics())
}
