//! The recorder of the metrics.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use super::metrics::{CATALOGUE, Kind, Metric};

/// Upper bounds of durations, in seconds.
const SECONDS: [f64; 12] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0];

/// Upper bounds of the duration of calls to sources, and of their waiting time, in seconds.
const CALL_SECONDS: [f64; 12] =
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0];

/// Upper bounds of the number of lookups in a batch.
const LOOKUPS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// The metrics recorder of this process. The first call installs it.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = builder().unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        // Fails only if a recorder is already installed, which then stays.
        let _ = metrics::set_global_recorder(recorder);
        CATALOGUE.iter().for_each(describe);
        Collector::default().describe();
        metrics::gauge!("hookpoint_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        handle
    })
}

/// The metrics as text, with those of the process: its memory, processor time, threads and open files.
#[must_use]
pub fn render_metrics() -> String {
    let handle = metrics();
    Collector::default().collect();
    handle.render()
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_lookups".to_owned()), &LOOKUPS)?
        .set_buckets_for_metric(Matcher::Prefix("hookpoint_call_".to_owned()), &CALL_SECONDS)
}

fn describe(Metric { name, kind, help, .. }: &Metric) {
    match kind {
        Kind::Counter => metrics::describe_counter!(*name, *help),
        Kind::Gauge => metrics::describe_gauge!(*name, *help),
        Kind::Histogram => metrics::describe_histogram!(*name, *help),
    }
}
