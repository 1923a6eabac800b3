//! The trace of a request: where its time went, and nothing about a person. It is built when the request has been
//! answered, from what the log line and the metrics use, too. So requests that are not traced pay next to nothing for it.

use std::time::Instant;

use actix_web::HttpRequest;

use super::request_log::Answered;
use super::route::Route;
use crate::lookup::result::CustomerKeys;
use crate::lookup::trace::{LookupTrace, Outcome, QueryStep, SearchTrace};
use crate::telemetry::traces::{Span, SpanContext, SpanName, Tracer};
use crate::webhooks::handler::WebhookTrace;

/// The header in which a caller names its own span.
const TRACEPARENT: &str = "traceparent";

/// Sends the trace of a lookup or a webhook, if it is in the sample. Requests that failed on our side, and lookups with
/// an expired answer, are always traced.
pub(super) fn send_trace(
    tracer: &Tracer,
    answered: &Answered<'_>,
    lookup: Option<&LookupTrace>,
    webhook: Option<&WebhookTrace>,
    request: &HttpRequest,
) {
    let Some(id) = answered.request_id.filter(|_| tracer.is_on()) else { return };
    let name = match answered.route {
        Route::Lookup => SpanName::Lookup,
        Route::Webhook => SpanName::Webhook,
        _ => return,
    };
    let is_unusual = answered.status.is_server_error()
        || lookup.is_some_and(|lookup| lookup.cache == Outcome::Stale);
    if !is_unusual && !tracer.samples(id) {
        return;
    }
    let context = SpanContext::of_request(id);
    let ended_at = answered.started_at.checked_add(answered.elapsed).unwrap_or_else(Instant::now);
    let root = root(name, context, ended_at, answered, request);
    tracer.send(match (lookup, webhook) {
        (Some(lookup), _) => {
            let steps = lookup.search.iter().flat_map(|search| steps(context, search));
            steps.chain([of_lookup(root, lookup)]).collect()
        }
        (None, Some(webhook)) => {
            let step = store_step(context, webhook, ended_at);
            step.into_iter().chain([of_webhook(root, webhook)]).collect()
        }
        (None, None) => vec![root],
    });
}

/// The span of the whole request. The span that a caller names becomes a link: a stranger must not choose the trace in
/// which a request appears.
fn root(
    name: SpanName,
    context: SpanContext,
    ended_at: Instant,
    answered: &Answered<'_>,
    request: &HttpRequest,
) -> Span {
    let traceparent = request.headers().get(TRACEPARENT);
    let link = traceparent.and_then(|value| SpanContext::parse(value.to_str().ok()?));
    let problem = answered.code();
    Span::new(name, context, answered.started_at, ended_at)
        .linked_to(link)
        .with("http.request.method", answered.method)
        .with("http.route", answered.route.as_str())
        .with("http.response.status_code", answered.status.as_u16())
        .with("hookpoint.request_id", answered.id_text.to_owned())
        .with_some("hookpoint.problem", problem)
        .failed_with(problem.filter(|_| answered.status.is_server_error()))
}

fn of_lookup(root: Span, lookup: &LookupTrace) -> Span {
    let brand = lookup.key.as_ref().map(|key| key.brand.rules.slug.clone());
    root.with_some("hookpoint.brand", brand)
        .with_some("hookpoint.by", lookup.kind)
        .with("hookpoint.cache", lookup.cache.as_str())
        .with_some("hookpoint.customers", lookup.customers.as_ref().map(CustomerKeys::len))
}

fn steps(root: SpanContext, search: &SearchTrace) -> impl Iterator<Item = Span> {
    let queries = search.queries.iter().map(move |query| query_step(root, query));
    let read_through = search.read_through.filter(|_| search.sources.is_some());
    let read_through = read_through.map(|(started_at, ended_at)| {
        let context = search.scope.as_ref().map_or_else(|| root.child(), |scope| scope.context());
        Span::new(SpanName::LookupReadThrough, context, started_at, ended_at)
            .child_of(root)
            .with_some("hookpoint.sources", search.sources.as_ref().map(ToString::to_string))
    });
    queries.chain(read_through)
}

/// A query. If it was answered, the span is the time that Postgres took, as far as the lookup waited for it. The time
/// before is the wait for other queries.
fn query_step(root: SpanContext, step: &QueryStep) -> Span {
    let (started_at, ended_at) = match step.result {
        Ok(query) => (query.started_at.max(step.started_at), query.ended_at.min(step.ended_at)),
        Err(_) => (step.started_at, step.ended_at),
    };
    let batch = step.result.ok().map(|query| query.lookups).filter(|lookups| *lookups > 1);
    Span::new(SpanName::LookupQuery, root.child(), started_at, ended_at)
        .child_of(root)
        .with("db.system.name", "postgresql")
        .with_some("db.operation.batch.size", batch)
        .failed_with(step.result.err().map(|error| error.as_str()))
}

fn of_webhook(root: Span, webhook: &WebhookTrace) -> Span {
    root.with("hookpoint.brand", webhook.brand.rules.slug.clone())
        .with("hookpoint.source", webhook.source.as_str())
        .with_some("hookpoint.outcome", webhook.outcome.map(|outcome| outcome.as_str()))
}

/// The wait until the webhook was stored. Without an end, the time to answer ran out.
fn store_step(root: SpanContext, webhook: &WebhookTrace, ended_at: Instant) -> Option<Span> {
    let storing = webhook.storing?;
    let (ended_at, failed) = match storing.ended {
        Some((at, true)) => (at, None),
        Some((at, false)) => (at, Some("not_stored")),
        None => (ended_at, Some("timed_out")),
    };
    let span = Span::new(SpanName::WebhookStore, root.child(), storing.started_at, ended_at);
    Some(span.child_of(root).with("db.system.name", "postgresql").failed_with(failed))
}
