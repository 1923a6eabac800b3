//! A collector that is slow, down, or refuses: requests do not notice.

use std::net::TcpListener;

use super::collector::{Answer, Collector};
use super::traced;
use crate::support::{ENDLESS, KEY, TestApp, TestSettings, logs, scratch, until};

/// The number of spans with an outcome, in all applications of this process.
fn spans(outcome: &str) -> u64 {
    let series = format!("hookpoint_trace_spans_total{{outcome=\"{outcome}\"}} ");
    let metrics = hookpoint::telemetry::metrics().render();
    let line = metrics.lines().find_map(|line| line.strip_prefix(&series));
    line.map_or(0, |number| number.parse().unwrap())
}

/// What is logged about collectors.
fn warnings() -> String {
    let about = |line: &&str| line.contains("the collector does not take traces");
    logs().text().lines().filter(about).collect::<Vec<_>>().join("\n")
}

async fn look_up(app: &TestApp, times: u32) {
    for n in 0..times {
        assert_eq!(app.ask(&format!("key={KEY}&primaryID=nobody-{n}")).await.status, 200);
    }
}

async fn stop(app: TestApp) {
    tokio::time::timeout(ENDLESS, app.stop()).await.expect("the service stops");
}

#[tokio::test]
async fn a_collector_that_never_answers_delays_nobody_and_the_rest_is_counted() {
    let collector = Collector::start(Answer::Never);
    let app = TestApp::start_with(traced(&collector)).await;
    until("a request hangs", async || !collector.received().is_empty()).await;
    let lost = || spans("dropped") + spans("failed");
    let before = lost();
    look_up(&app, 20).await;
    stop(app).await;
    until("the lost spans are counted", async || lost() >= before + 20).await;
    collector.stop().await;
}

#[tokio::test]
async fn a_collector_that_is_down_is_reported_without_its_url() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failed = spans("failed");
    let settings = TestSettings::demo().with(|file| {
        file.telemetry.traces.endpoint = format!("http://{address}/secret-path/v1/traces");
    });
    let app = TestApp::start_with(settings).await;
    look_up(&app, 3).await;
    stop(app).await;
    until("it fails", async || spans("failed") > failed).await;
    until("it is logged", async || warnings().contains("no connection")).await;
    assert!(!logs().text().contains("secret-path"));
}

#[tokio::test]
async fn the_words_of_a_collector_that_refuses_are_not_repeated() {
    for answer in [Answer::Status(503), Answer::Rejects(1)] {
        let collector = Collector::start(answer);
        let failed = spans("failed");
        let app = TestApp::start_with(traced(&collector)).await;
        look_up(&app, 3).await;
        until("it fails", async || spans("failed") > failed).await;
        stop(app).await;
        assert!(!collector.received().is_empty(), "{answer:?}");
        collector.stop().await;
    }
    assert!(warnings().contains("\"status\":503"), "{}", warnings());
    assert!(!logs().text().contains("words-of-the-collector"));
}

#[tokio::test]
async fn the_headers_of_the_settings_are_sent_and_their_secrets_are_in_no_log() {
    let collector = Collector::start(Answer::Ok);
    let file = scratch().join(format!("hookpoint-collector-{}", std::process::id()));
    std::fs::write(&file, "Bearer secret-of-the-collector\n").unwrap();
    let settings = traced(&collector).with(|settings| {
        let traces = &mut settings.telemetry.traces;
        let place = hookpoint::sources::secret::SecretRef::File(file.display().to_string());
        traces.headers.insert("Authorization".to_owned(), place);
        "staging".clone_into(&mut traces.environment);
        "replica-1".clone_into(&mut traces.service_instance);
    });
    let app = TestApp::start_with(settings).await;
    let asked = app.ask(&format!("key={KEY}&primaryID=nobody")).await;
    collector.wait_for(&asked).await;
    stop(app).await;
    let received = collector.received();
    assert!(!received.is_empty());
    for request in received {
        assert_eq!(request.target, "POST /v1/traces");
        assert_eq!(request.headers["authorization"], "Bearer secret-of-the-collector");
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
    }
    for resource in collector.resources() {
        assert_eq!(resource["service.name"], "hookpoint");
        assert_eq!(resource["service.instance.id"], "replica-1");
        assert_eq!(resource["deployment.environment.name"], "staging");
        assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
    }
    assert!(!logs().text().contains("secret-of-the-collector"));
    std::fs::remove_file(file).unwrap();
    collector.stop().await;
}
