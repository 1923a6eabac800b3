//! The environment variables of OpenTelemetry have no effect on the program.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hookpoint::storage::database::Place;

use super::collector::{Answer, Collector};
use crate::support::{TestApp, scratch, send, until};

/// The program. It is killed when the test ends.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program with variables that name the collector, lets it answer a request, and stops it.
async fn serve_one_request(app: &TestApp, directory: &Path, collector: &Collector, traces: &str) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let Place::Server(url) = &app.place else { panic!("tests share a server") };
    let settings = format!(
        "[server]\nlisten = \"{address}\"\nmetrics_listen = \"\"\ndrain_seconds = 0\n[console]\nlisten = \"\"\n[erasure]\nsuppression_file = {:?}\n[brands.shop]\n{traces}",
        directory.join("suppressions.jsonl")
    );
    std::fs::write(directory.join("hookpoint.toml"), settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
    command.arg("--settings").arg(directory.join("hookpoint.toml")).arg("serve");
    command.env("DATABASE_URL", &url.0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.endpoint());
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.address));
    let mut served = Served(command.envs(VARIABLES).spawn().unwrap());
    until("it listens", async || TcpStream::connect(address).is_ok()).await;
    let answered = send(address, "GET", "/omnidesk/customerlookup?key=x&primaryID=1", &[]).await;
    assert_eq!(answered.status, 401, "{}", answered.body);
    if !traces.is_empty() {
        collector.wait_for(&answered).await;
    }
    assert!(Command::new("kill").arg(served.0.id().to_string()).status().unwrap().success());
    until("it has ended", async || served.0.try_wait().unwrap().is_some()).await;
}

/// Variables that change what the SDK of OpenTelemetry sends.
const VARIABLES: [(&str, &str); 8] = [
    ("OTEL_TRACES_EXPORTER", "otlp"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "x-surprise=1"),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-surprise=2"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ("OTEL_RESOURCE_ATTRIBUTES", "surprise=1"),
    ("OTEL_SERVICE_NAME", "surprise"),
    ("OTEL_TRACES_SAMPLER", "always_off"),
    ("OTEL_SDK_DISABLED", "true"),
];

#[tokio::test]
async fn only_the_settings_decide_what_is_sent_and_where() {
    let collector = Collector::start(Answer::Ok);
    let app = TestApp::start().await;
    let directory = scratch().join(format!("hookpoint-otel-{}", app.database));
    std::fs::create_dir_all(&directory).unwrap();
    serve_one_request(&app, &directory, &collector, "").await;
    assert!(collector.received().is_empty(), "traces are off by default");
    let traces = format!("[telemetry.traces]\nendpoint = \"{}\"\n", collector.endpoint());
    serve_one_request(&app, &directory, &collector, &traces).await;
    let received = collector.received();
    assert!(
        !received.is_empty() && received.iter().all(|one| !one.headers.contains_key("x-surprise"))
    );
    for resource in collector.resources() {
        let names: Vec<&str> = resource.keys().map(String::as_str).collect();
        assert_eq!(names, ["service.instance.id", "service.name", "service.version"]);
        assert_eq!(resource["service.name"], "hookpoint");
    }
    let spans = collector.spans();
    assert!(spans.iter().any(|span| span.name == "lookup"), "{spans:?}");
    app.stop().await;
    std::fs::remove_dir_all(directory).unwrap();
    collector.stop().await;
}
