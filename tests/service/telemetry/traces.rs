//! Traces of requests and of background work.

use std::collections::BTreeMap;

use hookpoint::customer::model::source::Source;
use hookpoint::sources::api::LiveWhen;
use hookpoint::sources::secret::SecretRef;

use super::collector::{Answer, Collector, Seen};
use super::traced;
use crate::lookup::postgres_outage::{cut, restore};
use crate::support::{KEY, Response, TestApp, demo_changes, until};
use crate::webhooks::webhook_requests::unsigned_webhook;

const EMAIL: &str = "channelAddressType=email&address=thomas%40example.org";
const STRANGERS_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const STRANGERS_SPAN: &str = "00f067aa0ba902b7";

fn id_of(response: &Response) -> &str {
    response.header("x-request-id").unwrap()
}

fn map(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The attributes of a lookup or a webhook: those that each has, and others.
fn of_request(
    response: &Response,
    method: &str,
    route: &str,
    others: &[(&str, &str)],
) -> BTreeMap<String, String> {
    let mut expected = map(&[
        ("http.request.method", method),
        ("http.route", route),
        ("http.response.status_code", &response.status.to_string()),
        ("hookpoint.request_id", id_of(response)),
    ]);
    expected.extend(map(others));
    expected
}

fn names(trace: &[Seen]) -> Vec<&str> {
    trace.iter().map(|span| span.name.as_str()).collect()
}

/// Each span is inside of its parent, which is in the same trace.
fn assert_connected(trace: &[Seen]) {
    let (root, others) = trace.split_first().unwrap();
    assert!(root.parent.is_empty(), "{root:?}");
    for span in others {
        let parent = trace.iter().find(|other| other.span_id == span.parent).unwrap();
        assert!(parent.started_at <= span.started_at, "{span:?} {parent:?}");
        assert!(span.started_at <= span.ended_at, "{span:?}");
    }
}

#[tokio::test]
async fn a_lookup_is_a_trace_with_the_id_of_the_request() {
    let collector = Collector::start(Answer::Ok);
    let app = TestApp::start_with(traced(&collector)).await;
    app.apply(demo_changes(&app.brand)).await;
    app.wait_until_current().await;
    let target = format!("/omnidesk/customerlookup?key={KEY}&{EMAIL}");
    let traceparent = format!("00-{STRANGERS_TRACE}-{STRANGERS_SPAN}-00");
    let headers = [("traceparent", traceparent.as_str()), ("tracestate", "stranger=1")];
    let asked = app.send("GET", &target, &headers).await;
    let again = app.send("HEAD", &target, &[("traceparent", "00-nonsense-nonsense-01")]).await;
    let health = app.send("GET", "/health/ready", &[]).await;
    let rejected = app.ask(&format!("key=wrong&{EMAIL}")).await;
    collector.wait_for(&rejected).await;
    app.stop().await;

    let trace = collector.trace_of(&asked);
    assert_eq!(names(&trace), ["lookup", "lookup.query"]);
    assert_connected(&trace);
    let found = [
        ("hookpoint.brand", "demo"),
        ("hookpoint.by", "email"),
        ("hookpoint.cache", "miss"),
        ("hookpoint.customers", "1"),
    ];
    assert_eq!(trace[0].attributes, of_request(&asked, "GET", "lookup", &found));
    assert_eq!(trace[1].attributes, map(&[("db.system.name", "postgresql")]));
    assert_eq!((trace[0].kind, trace[1].kind), (2, 3), "a server, and a client");
    let link = (STRANGERS_TRACE.to_owned(), STRANGERS_SPAN.to_owned());
    assert_eq!(trace[0].links, [link], "a stranger is no parent");

    let trace = collector.trace_of(&again);
    assert_eq!(names(&trace), ["lookup"], "nothing else takes time");
    let found = [("hookpoint.cache", "hit"), found[0], found[1], found[3]];
    assert_eq!(trace[0].attributes, of_request(&again, "HEAD", "lookup", &found));
    assert!(trace[0].links.is_empty());

    let trace = collector.trace_of(&rejected);
    assert_eq!(names(&trace), ["lookup"]);
    let problem = [("hookpoint.problem", "key-unknown"), ("hookpoint.cache", "none")];
    assert_eq!(trace[0].attributes, of_request(&rejected, "GET", "lookup", &problem));
    assert!(!trace[0].has_failed, "the caller's mistake is no failure of the service");
    assert_eq!(names(&collector.trace_of(&health)), Vec::<&str>::new());
    assert!(collector.spans().iter().all(|span| span.others == 0));
    collector.stop().await;
}

#[tokio::test]
async fn calls_to_sources_are_below_the_lookup_and_do_not_name_it_to_the_source() {
    let collector = Collector::start(Answer::Ok);
    let source = Collector::start(Answer::Status(500));
    let settings = traced(&collector).without_sync().sources(|sources| {
        let api = &mut sources.omniotap.api;
        api.base_url = format!("http://{}", source.address);
        (api.key, api.live.when) = (vec![SecretRef::Env("x".to_owned())], LiveWhen::Unknown);
    });
    let app = TestApp::start_with(settings).await;
    let headers = [("traceparent", &*format!("00-{STRANGERS_TRACE}-{STRANGERS_SPAN}-01"))];
    let target = format!("/omnidesk/customerlookup?key={KEY}&{EMAIL}");
    let asked = app.send("GET", &target, &headers).await;
    let trace = collector.wait_for(&asked).await;
    app.stop().await;
    assert_connected(&trace);
    let of = |name: &str| trace.iter().filter(move |span| span.name == name).collect::<Vec<_>>();
    let (read_through, calls) = (of("lookup.read_through"), of("source.call"));
    assert_eq!(read_through.len(), 1, "{trace:?}");
    assert_eq!(read_through[0].attributes, map(&[("hookpoint.sources", "omniotap=http_error")]));
    assert!(!calls.is_empty());
    for mut call in calls.into_iter().cloned() {
        assert_eq!(call.parent, read_through[0].span_id);
        call.attributes.remove("hookpoint.wait_ms");
        let expected = [
            ("hookpoint.brand", "demo"),
            ("hookpoint.source", "omniotap"),
            ("hookpoint.priority", "live"),
            ("http.response.status_code", "500"),
            ("error.type", "http_error"),
        ];
        assert_eq!((call.attributes, call.has_failed), (map(&expected), true));
    }
    let received = source.received();
    assert!(!received.is_empty());
    for call in received {
        assert!(!call.headers.keys().any(|name| name.starts_with("trace")), "{call:?}");
    }
    source.stop().await;
    collector.stop().await;
}

#[tokio::test]
async fn a_webhook_is_a_trace_and_applying_it_another_one() {
    let collector = Collector::start(Answer::Ok);
    let secret = "a-secret-that-is-in-the-path";
    let in_path = format!("verification = \"secret\"\nsecrets = [{{ env = \"{secret}\" }}]");
    let app = TestApp::start_with(traced(&collector).webhook(Source::Omneo, &in_path)).await;
    let webhook = unsigned_webhook(Source::Omneo, 1).bare();
    let stored = webhook.at(&format!("/webhooks/demo/omneo/{secret}")).to(&app).await;
    let rejected = webhook.at("/webhooks/demo/omneo/another").to(&app).await;
    let unknown = webhook.at("/webhooks/nobody/omneo/another").to(&app).await;
    assert_eq!([stored.status, rejected.status, unknown.status], [202, 401, 404]);
    collector.wait_for(&unknown).await;
    until("the webhook is applied", async || {
        collector.spans().iter().any(|span| span.name == "inbox.apply")
    })
    .await;
    app.stop().await;
    let trace = collector.trace_of(&stored);
    assert_eq!(names(&trace), ["webhook", "webhook.store"]);
    assert_connected(&trace);
    let (brand, source) = (("hookpoint.brand", "demo"), ("hookpoint.source", "omneo"));
    let of_stored = [brand, source, ("hookpoint.outcome", "received")];
    assert_eq!(trace[0].attributes, of_request(&stored, "POST", "webhook", &of_stored));
    assert_eq!(trace[1].attributes, map(&[("db.system.name", "postgresql")]));
    let trace = collector.trace_of(&rejected);
    assert_eq!(names(&trace), ["webhook"]);
    let outcome = ("hookpoint.outcome", "unverified");
    let of_rejected = [brand, source, outcome, ("hookpoint.problem", "webhook-unverified")];
    assert_eq!(trace[0].attributes, of_request(&rejected, "POST", "webhook", &of_rejected));
    let trace = collector.trace_of(&unknown);
    let of_unknown = [("hookpoint.problem", "not-found")];
    assert_eq!(trace[0].attributes, of_request(&unknown, "POST", "webhook", &of_unknown));
    let spans = collector.spans();
    let applied = spans.iter().find(|span| span.name == "inbox.apply").unwrap();
    assert_eq!(applied.attributes, map(&[brand, ("hookpoint.deliveries", "1")]));
    assert!(applied.parent.is_empty() && !applied.has_failed);
    collector.stop().await;
}

#[tokio::test]
async fn outside_of_the_sample_only_failures_are_traced() {
    let collector = Collector::start(Answer::Ok);
    let settings = traced(&collector)
        .with(|file| file.telemetry.traces.sampled_percent = 0)
        .lookup_deadline_ms(300);
    let app = TestApp::start_with(settings).await;
    assert_eq!(app.ask(&format!("key={KEY}&{EMAIL}")).await.status, 200);
    assert_eq!(app.ask("key=wrong&primaryID=1").await.status, 401);
    assert_eq!(unsigned_webhook(Source::Omneo, 1).signed().to(&app).await.status, 202);
    cut(&app).await;
    let failed = app.ask(&format!("key={KEY}&primaryID=2")).await;
    assert_eq!(failed.status, 500);
    restore(&app).await;
    let trace = collector.wait_for(&failed).await;
    app.stop().await;
    assert_eq!(names(&trace), ["lookup", "lookup.query"]);
    assert!(trace.iter().all(|span| span.has_failed), "{trace:?}");
    assert_eq!(trace[0].attributes["error.type"], "lookup-failed");
    assert_eq!(trace[1].attributes["error.type"], "failed");
    let failures = |span: &Seen| span.trace_id == trace[0].trace_id;
    assert!(collector.spans().iter().all(failures), "{:?}", collector.spans());
    collector.stop().await;
}
