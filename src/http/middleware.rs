//! Middleware of every request: a span, an id, headers, the body of a problem, metrics, a trace, and one log line.

use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest};
use tracing::Span;
use tracing_actix_web::{RequestId, RootSpanBuilder};

use super::idle_connections;
use super::problem::{OwnBody, Problem};
use super::request_body_guard;
use super::request_body_guard::HeldBody;
use super::request_log::{Answered, RequestLog};
use super::request_metrics::count;
use super::request_trace::send_trace;
use super::route::Route;
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::history::{LookupHistory, LookupResponse};
use crate::lookup::trace::LookupTrace;
use crate::telemetry::traces::Tracer;
use crate::webhooks::handler::WebhookTrace;

/// The root span of a request: method, route, request id. It has no path, no query, no address.
#[derive(Debug)]
pub struct HookpointSpan;

impl RootSpanBuilder for HookpointSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let route = request
            .app_data::<Data<HttpContext>>()
            .map_or(Route::Unmatched, |http_context| http_context.route(request));
        let request_id = request.extensions().get::<RequestId>().copied();
        tracing::info_span!(
            "http.request",
            http.request.method = method(request),
            http.route = route.as_str(),
            request_id = id_text(request_id, &mut IdBuffer::default()),
        )
    }

    // The default records internal error text. The log line has what is needed.
    fn on_request_end<B: MessageBody>(_: Span, _: &Result<ServiceResponse<B>, Error>) {}
}

/// The place for a request id as text.
struct IdBuffer([u8; uuid::fmt::Hyphenated::LENGTH]);

impl Default for IdBuffer {
    fn default() -> Self {
        Self([0; uuid::fmt::Hyphenated::LENGTH])
    }
}

/// A request id as text. Empty if there is none.
fn id_text(id: Option<RequestId>, buffer: &mut IdBuffer) -> &str {
    id.map_or("", |id| id.as_hyphenated().encode_lower(&mut buffer.0))
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
    /// Knows whether connections are being closed.
    pub background: BackgroundTasks,
    /// Writes the log lines.
    pub log: RequestLog,
    /// Sends the traces.
    pub tracer: Tracer,
    /// Records the lookups.
    pub history: LookupHistory,
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
    let _in_flight = idle_connections::in_flight(&request);
    let held = request_body_guard::hold(&mut request);
    answer(request, next).await.map(|response| request_body_guard::holding(response, held))
}

async fn answer<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, String>>, Error> {
    let started_at = Instant::now();
    let Some(context) = request.app_data::<Data<HttpContext>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_left_body);
    };
    let (route, method) = (context.route(&request), method(&request));
    let request_id = request.extensions().get::<RequestId>().copied();
    let response = next.call(request).await?.map_into_left_body();
    let mut buffer = IdBuffer::default();
    let id_text = id_text(request_id, &mut buffer);
    let (mut response, problem) = with_problem(response, &context, id_text);
    add_headers(response.headers_mut(), &context, id_text);
    let answered = Answered {
        method,
        route,
        status: response.status(),
        problem,
        started_at,
        elapsed: started_at.elapsed(),
        request_id: request_id.map(Into::into),
        id_text,
    };
    report(&answered, response.request(), &context);
    Ok(response)
}

/// An error gets the body of its problem, unless it is a page for people.
fn with_problem<B: MessageBody>(
    response: ServiceResponse<EitherBody<B, String>>,
    context: &HttpContext,
    request_id: &str,
) -> (ServiceResponse<EitherBody<B, String>>, Option<Problem>) {
    let status = response.status();
    let has_own = response.response().extensions().contains::<OwnBody>();
    if has_own || !status.is_client_error() && !status.is_server_error() {
        return (response, None);
    }
    let problem = response.response().extensions().get::<Problem>().copied();
    let problem = problem.unwrap_or_else(|| Problem::of_status(status));
    metrics::counter!("hookpoint_problems_total", "code" => problem.code()).increment(1);
    let body = problem.body(&context.public_url, request_id);
    let mut response = response.map_body(|_, _| EitherBody::right(body));
    let content_type = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    (response, Some(problem))
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

fn add_headers(headers: &mut HeaderMap, context: &HttpContext, request_id: &str) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    if context.background.closes_connections() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Counts, traces and logs a request, and records a lookup.
fn report(answered: &Answered<'_>, request: &HttpRequest, context: &HttpContext) {
    let lookup = request.extensions_mut().remove::<LookupTrace>();
    let webhook = request.extensions_mut().remove::<WebhookTrace>();
    let outcome = lookup.as_ref().map(|lookup| lookup.cache);
    count(answered.route, answered.status, outcome, answered.elapsed.as_secs_f64());
    send_trace(&context.tracer, answered, lookup.as_ref(), webhook.as_ref(), request);
    let log = &context.log;
    match (lookup, webhook) {
        (Some(lookup), _) => {
            log.log_lookup(answered, &lookup, request);
            record(&context.history, answered, lookup);
        }
        (None, Some(webhook)) => log.log_webhook(answered, &webhook, request),
        (None, None) => log.log_other(answered, request),
    }
}

fn record(history: &LookupHistory, answered: &Answered<'_>, lookup: LookupTrace) {
    let Some(request_id) = answered.request_id else { return };
    let (status, problem) = (answered.status.as_u16(), answered.code());
    let response = LookupResponse { request_id, status, problem, elapsed: answered.elapsed };
    history.record(lookup, response);
}
