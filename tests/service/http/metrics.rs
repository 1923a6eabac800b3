//! The metrics of a service that has just started.

use hookpoint::telemetry::metrics::{CATALOGUE, Kind};
use hookpoint::telemetry::series::known_values;

use crate::support::{TestApp, TestSettings, send};

/// These have a label whose values nobody knows in advance. Other tests of this process may have counted one.
const LATER: [&str; 1] = ["hookpoint_invalid_values_total"];

/// The labels of a series: `name{a="b",c="d"} 1`.
fn labels(line: &str) -> Vec<(&str, &str)> {
    let Some((_, rest)) = line.split_once('{') else { return Vec::new() };
    let (labels, _) = rest.rsplit_once('}').unwrap();
    labels
        .split("\",")
        .map(|label| label.split_once("=\"").unwrap())
        .map(|(name, value)| (name, value.trim_end_matches('"')))
        .collect()
}

#[tokio::test]
async fn counters_exist_before_the_first_event_with_the_values_that_the_catalogue_knows() {
    let settings =
        TestSettings::demo().with(|file| "localhost:0".clone_into(&mut file.server.metrics_listen));
    let app = TestApp::start_with(settings).await;
    let address = app.application.metrics_address.unwrap();
    let text = send(address, "GET", "/metrics", &[]).await.body;
    for metric in CATALOGUE.iter().filter(|metric| metric.kind == Kind::Counter) {
        let is_of = |line: &&str| {
            line.strip_prefix(metric.name).is_some_and(|rest| rest.starts_with([' ', '{']))
        };
        let series: Vec<&str> = text.lines().filter(is_of).collect();
        assert!(!series.is_empty() || LATER.contains(&metric.name), "{}", metric.name);
        for (label, value) in series.iter().flat_map(|line| labels(line)) {
            if let Some(known) = known_values(metric.name, label) {
                assert!(known.contains(&value), "{} {label}={value}", metric.name);
            }
        }
    }
    assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
    app.stop().await;
}
