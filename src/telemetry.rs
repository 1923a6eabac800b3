//! Logs, spans and metrics, without a customer in them.
//!
//! What never gets in: query strings, keys, addresses of callers and customers, names, bodies. So the root span is our own
//! (tracing-actix-web's records path with query, the caller's address and errors' internals), and of other crates only
//! warnings are kept.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::Span;
use tracing::field::Empty;
use tracing_actix_web::{DefaultRootSpanBuilder, RequestId, RootSpanBuilder};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::background::Background;
use crate::lookup::handler::LookupTrace;
use crate::problem::Problem;
use crate::settings::file::{LogFormat, TelemetrySettings};

/// Upper bounds of the latency histogram, in seconds.
const BUCKETS: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0];

/// Collects what the program says. Only warnings of other crates, at any level of ours.
pub fn subscriber<W>(settings: &TelemetrySettings, writer: W) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level: LevelFilter = settings.level.parse().unwrap_or(LevelFilter::INFO);
    let filter = Targets::new().with_default(LevelFilter::WARN.min(level)).with_target("hookpoint", level);
    // It reports every malformed request as an error: anybody could fill the log.
    let filter = filter.with_target("actix_http", LevelFilter::OFF);
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(filter);
    if json {
        Box::new(
            registry
                .with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false).with_writer(writer)),
        )
    } else {
        Box::new(registry.with(tracing_subscriber::fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_target(false).with_writer(writer)))
    }
}

/// Starts logging to standard error.
pub fn start(settings: &TelemetrySettings) {
    let _ = tracing::subscriber::set_global_default(subscriber(settings, std::io::stderr));
    // A panic's text may hold what was being worked on, so only its place is logged.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a bug: panicked");
    }));
}

/// The metrics of this process.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS);
        let recorder = builder.unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        // Only fails if there is one already, which then goes on.
        let _ = metrics::set_global_recorder(recorder);
        handle
    })
}

/// The root span of a request: route template, status, brand, cache outcome, request id. No path, no query, no address.
#[derive(Debug)]
pub struct HookpointSpan;

impl RootSpanBuilder for HookpointSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        tracing::info_span!(
            "http.request",
            http.method = method(request),
            http.route = route(request),
            http.status_code = Empty,
            brand = Empty,
            cache = Empty,
            request_id = request_id(request),
            // Names that the library fills in.
            exception.message = Empty,
            exception.details = Empty,
            otel.status_code = Empty,
        )
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        // Its error branch records errors' internals; ours never get there, because the middleware answers them all.
        if outcome.is_ok() {
            DefaultRootSpanBuilder::on_request_end(span, outcome);
        }
    }
}

/// One of the methods there are: what else a client invents is not worth a label.
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

fn route(request: &ServiceRequest) -> String {
    request.match_pattern().unwrap_or_else(|| "unmatched".to_owned())
}

fn request_id(request: &ServiceRequest) -> String {
    request.extensions().get::<RequestId>().map(ToString::to_string).unwrap_or_default()
}

/// Where the service is reached from outside, for the `type` of problems.
#[derive(Debug, Clone)]
pub struct PublicUrl(pub String);

/// The outermost middleware of ours: writes problems' bodies, the headers that every answer has, metrics, and the one log
/// line of a request.
///
/// # Errors
/// None of its own.
pub async fn finish(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started_at = Instant::now();
    let (route, method, request_id) = (route(&request), method(&request), request_id(&request));
    let public_url = request.app_data::<Data<PublicUrl>>().map(|url| url.0.clone()).unwrap_or_default();
    let mut response = next.call(request).await?.map_into_boxed_body();
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let problem = response.response().extensions().get::<Problem>().copied().unwrap_or_else(|| Problem::of_status(status));
        response = response.map_body(|_, _| problem.body(&public_url, &request_id)).map_into_boxed_body();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        metrics::counter!("hookpoint_problems_total", "code" => problem.code()).increment(1);
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if response.request().app_data::<Data<Background>>().is_some_and(|background| background.is_draining()) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let trace = response.request().extensions().get::<LookupTrace>().cloned();
    let (brand, cache) = trace.as_ref().map_or(("", ""), |trace| (trace.brand.as_ref().map_or("", |brand| &brand.rules.slug), trace.cache));
    let elapsed = started_at.elapsed();
    let span = Span::current();
    span.record("brand", brand);
    span.record("cache", cache);
    metrics::counter!("hookpoint_requests_total", "route" => route.clone(), "status" => status.as_u16().to_string()).increment(1);
    metrics::histogram!("hookpoint_request_seconds", "route" => route.clone()).record(elapsed.as_secs_f64());
    if !cache.is_empty() {
        metrics::counter!("hookpoint_lookups_total", "cache" => cache).increment(1);
    }
    let duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    tracing::info!(method, route, status = status.as_u16(), brand, cache, duration_us, request_id, "http.request.answered");
    Ok(response)
}
