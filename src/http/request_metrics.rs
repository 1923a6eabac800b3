//! Metrics of requests.

use std::sync::OnceLock;

use actix_web::http::StatusCode;
use metrics::{Counter, Histogram};

use super::route::Route;
use crate::lookup::trace::Outcome;

/// Statuses with metrics of their own. All others share the last position.
const STATUSES: [u16; 15] =
    [200, 202, 204, 400, 401, 403, 404, 405, 408, 413, 429, 431, 500, 503, 0];

/// The metrics of a route and a status.
struct RequestMetrics {
    requests: Counter,
    seconds: Histogram,
}

/// Metrics that are already registered. To find a metric by its labels takes longer than to use it.
static REQUESTS: [[OnceLock<RequestMetrics>; STATUSES.len()]; Route::COUNT] =
    [const { [const { OnceLock::new() }; STATUSES.len()] }; Route::COUNT];
static LOOKUPS: [OnceLock<Counter>; Outcome::COUNT] = [const { OnceLock::new() }; Outcome::COUNT];

/// Registers the counters of the usual answers at zero, so that an alert sees the first failure.
pub fn register() {
    let usual: [(Route, &[&str]); 7] = [
        (Route::Lookup, &["200", "400", "401", "403", "429", "500", "503"]),
        (Route::Webhook, &["202", "400", "401", "404", "413", "429", "503"]),
        (Route::Live, &["200"]),
        (Route::Ready, &["200", "503"]),
        (Route::Caller, &["200"]),
        (Route::OpenApi, &["200"]),
        (Route::Docs, &["200"]),
    ];
    for (route, statuses) in usual {
        for status in statuses {
            metrics::counter!("hookpoint_requests_total", "route" => route.as_str(), "status" => *status)
                .increment(0);
        }
    }
}

/// Counts a request, and its outcome if it was a lookup.
pub(super) fn count(route: Route, status: StatusCode, outcome: Option<Outcome>, seconds: f64) {
    let place = STATUSES
        .iter()
        .position(|code| *code == status.as_u16())
        .unwrap_or(STATUSES.len().saturating_sub(1));
    if let Some(known) = REQUESTS.get(route.index()).and_then(|statuses| statuses.get(place)) {
        let known = known.get_or_init(|| {
            let status = if STATUSES.contains(&status.as_u16()) { status.as_str().to_owned() } else { "other".to_owned() };
            let requests = metrics::counter!("hookpoint_requests_total", "route" => route.as_str(), "status" => status.clone());
            RequestMetrics { requests, seconds: metrics::histogram!("hookpoint_request_duration_seconds", "route" => route.as_str(), "status" => status) }
        });
        known.requests.increment(1);
        known.seconds.record(seconds);
    }
    if let Some((outcome, counter)) =
        outcome.and_then(|outcome| Some((outcome, LOOKUPS.get(outcome.index())?)))
    {
        counter
            .get_or_init(
                || metrics::counter!("hookpoint_lookups_total", "cache" => outcome.as_str()),
            )
            .increment(1);
    }
}
