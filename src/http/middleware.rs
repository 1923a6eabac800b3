//! Middleware of every request: a span, an id, headers, the body of a problem, metrics, and one log line.

use std::sync::OnceLock;
use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use metrics::{Counter, Histogram};
use tracing::Span;
use tracing_actix_web::{RequestId, RootSpanBuilder};

use super::idle_connections;
use super::problem::Problem;
use super::request_body_guard;
use super::request_body_guard::HeldBody;
use crate::http::route::Route;
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::handler::{LookupTrace, Outcome};
use crate::webhooks::handler::WebhookTrace;

/// The root span of a request: method, route, request id. It has no path, no query, no address.
#[derive(Debug)]
pub struct HookpointSpan;

impl RootSpanBuilder for HookpointSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let route = request
            .app_data::<Data<HttpContext>>()
            .map_or(Route::Unmatched, |front| front.route(request));
        tracing::info_span!(
            "http.request",
            http.request.method = method(request),
            http.route = route.as_str(),
            request_id =
                request.extensions().get::<RequestId>().copied().map(tracing::field::display),
        )
    }

    // The default records internal error text. The log line has what is needed.
    fn on_request_end<B: MessageBody>(_: Span, _: &Result<ServiceResponse<B>, Error>) {}
}

/// The method, if it is a known one. Any other is "other", because a client could invent any number of labels.
fn method(request: &ServiceRequest) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "other",
    }
}

/// The part of the application's state that the middleware uses.
#[derive(Debug)]
pub struct HttpContext {
    /// The path of lookups.
    pub lookup_path: String,
    /// The public base URL, for the `type` of problems.
    pub public_url: String,
    /// Knows whether the service is draining.
    pub background: BackgroundTasks,
}

impl HttpContext {
    fn route(&self, request: &ServiceRequest) -> Route {
        Route::of(request.path(), &self.lookup_path)
    }
}

/// A response with its own body or that of a problem. It may also hold the request body.
type Finished<B> = ServiceResponse<EitherBody<EitherBody<B, String>, HeldBody>>;

/// The middleware of the service. It completes every response.
///
/// # Errors
/// Errors of the inner service only.
pub async fn finish<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<Finished<B>, Error> {
    let _under_way = idle_connections::in_flight(&request);
    let held = request_body_guard::hold(&mut request);
    answer(request, next).await.map(|response| request_body_guard::holding(response, held))
}

async fn answer<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, String>>, Error> {
    let started_at = Instant::now();
    let Some(front) = request.app_data::<Data<HttpContext>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    let (route, method) = (front.route(&request), method(&request));
    let request_id = request.extensions().get::<RequestId>().copied();
    let mut response = next.call(request).await?.map_into_left_body();
    let status = response.status();
    let mut id_text = [0; uuid::fmt::Hyphenated::LENGTH];
    let id_text: &str = request_id.map_or("", |id| id.as_hyphenated().encode_lower(&mut id_text));
    if status.is_client_error() || status.is_server_error() {
        let problem = response
            .response()
            .extensions()
            .get::<Problem>()
            .copied()
            .unwrap_or_else(|| Problem::of_status(status));
        response =
            response.map_body(|_, _| EitherBody::right(problem.body(&front.public_url, id_text)));
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        metrics::counter!("hookpoint_problems_total", "code" => problem.code()).increment(1);
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(id_text) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if front.background.is_draining() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let trace = response.request().extensions_mut().remove::<LookupTrace>();
    let webhook = response.request().extensions_mut().remove::<WebhookTrace>();
    if let Some(webhook) = webhook {
        let duration_us = u64::try_from(started_at.elapsed().as_micros()).unwrap_or(u64::MAX);
        count(route, status, None, started_at.elapsed().as_secs_f64());
        tracing::info!(
            method,
            route = route.as_str(),
            status = status.as_u16(),
            brand = webhook.brand.rules.slug,
            source = webhook.source.as_str(),
            duration_us,
            request_id = id_text,
            "request answered"
        );
        return Ok(response);
    }
    let (brand, cache) = trace.as_ref().map_or(("", ""), |trace| {
        (trace.brand.as_ref().map_or("", |brand| &brand.rules.slug), trace.cache.as_str())
    });
    let elapsed = started_at.elapsed();
    count(route, status, trace.as_ref().map(|trace| trace.cache), elapsed.as_secs_f64());
    let duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    tracing::info!(
        method,
        route = route.as_str(),
        status = status.as_u16(),
        brand,
        cache,
        duration_us,
        request_id = id_text,
        "request answered"
    );
    Ok(response)
}

/// Statuses with metrics of their own. All others share the last position.
const STATUSES: [u16; 15] =
    [200, 202, 204, 400, 401, 403, 404, 405, 408, 413, 429, 431, 500, 503, 0];

struct Answered {
    requests: Counter,
    seconds: Histogram,
}

/// Metrics that are already registered. To find a metric by its labels takes longer than to use it.
static ANSWERED: [[OnceLock<Answered>; STATUSES.len()]; Route::COUNT] =
    [const { [const { OnceLock::new() }; STATUSES.len()] }; Route::COUNT];
static LOOKUPS: [OnceLock<Counter>; Outcome::COUNT] = [const { OnceLock::new() }; Outcome::COUNT];

fn count(route: Route, status: StatusCode, outcome: Option<Outcome>, seconds: f64) {
    let place = STATUSES
        .iter()
        .position(|known| *known == status.as_u16())
        .unwrap_or(STATUSES.len().saturating_sub(1));
    if let Some(answered) = ANSWERED.get(route.index()).and_then(|statuses| statuses.get(place)) {
        let answered = answered.get_or_init(|| {
            let status = if STATUSES.contains(&status.as_u16()) { status.as_str().to_owned() } else { "other".to_owned() };
            let requests = metrics::counter!("hookpoint_requests_total", "route" => route.as_str(), "status" => status.clone());
            Answered { requests, seconds: metrics::histogram!("hookpoint_request_duration_seconds", "route" => route.as_str(), "status" => status) }
        });
        answered.requests.increment(1);
        answered.seconds.record(seconds);
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
