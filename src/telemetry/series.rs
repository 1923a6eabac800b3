//! Registers counters at zero, and ends gauges. An alert sees an increase only if there was a value before: without this, it would miss the
//! first event of each series.

use metrics::{Key, Label, Level, Metadata};

use super::metrics::{CATALOGUE, Kind, Metric};

/// The values of labels that have few: metric, label, values. A test compares them with what the service counts.
const VALUES: &[(&str, &str, &[&str])] = &[
    ("hookpoint_lookups_total", "cache", &["hit", "miss", "stale", "none"]),
    ("hookpoint_invalidations_total", "scope", &["keys", "brand"]),
    (
        "hookpoint_lookup_history_dropped_total",
        "reason",
        &["queue_full", "write_failed", "erased", "shutdown"],
    ),
    (
        "hookpoint_webhooks_total",
        "outcome",
        &[
            "received",
            "duplicate",
            "conflicting_duplicate",
            "stale_duplicate",
            "rate_limited",
            "dropped",
            "unverified",
            "too_large",
            "incomplete",
            "unavailable",
        ],
    ),
    (
        "hookpoint_deliveries_total",
        "outcome",
        &["applied", "ignored", "retried", "dead", "erased", "lease_expired"],
    ),
    ("hookpoint_follow_ups_total", "outcome", &["answered", "retried", "deferred", "dead"]),
    (
        "hookpoint_read_through_total",
        "outcome",
        &["changed", "unchanged", "timed_out", "unavailable"],
    ),
    ("hookpoint_trace_spans_total", "outcome", &["sent", "failed", "dropped"]),
    ("hookpoint_calls_total", "priority", &["live", "follow-up", "reconcile", "backfill"]),
    (
        "hookpoint_calls_total",
        "outcome",
        &[
            "answered",
            "not_found",
            "throttled",
            "http_error",
            "timed_out",
            "unreachable",
            "certificate_untrusted",
            "tls_failed",
            "redirected",
            "blocked_origin",
            "too_large",
            "not_json",
            "invalid_response",
            "no_token",
            "unsupported",
            "rate_limited",
            "circuit_open",
            "storage_unavailable",
            "shutting_down",
        ],
    ),
];

/// The values of a label of a metric, if they are known in advance.
#[must_use]
pub fn known_values(metric: &str, label: &str) -> Option<&'static [&'static str]> {
    VALUES
        .iter()
        .find(|(name, of, _)| (*name, *of) == (metric, label))
        .map(|(_, _, values)| *values)
}

/// Values of labels.
pub type LabelValues = [(&'static str, Vec<String>)];

/// Registers each counter whose labels have known values: those given, and those that have few.
pub fn register_counters(given: &LabelValues) {
    for metric in CATALOGUE.iter().filter(|metric| metric.kind == Kind::Counter) {
        for key in series_of(metric, given) {
            metrics::with_recorder(|recorder| recorder.register_counter(&key, &METADATA))
                .increment(0);
        }
    }
}

/// Ends each gauge that has a label and only known values: it shows no number any more, so no alert compares it.
pub fn end_gauges(label: &str, given: &LabelValues) {
    let gauges = CATALOGUE.iter().filter(|metric| metric.kind == Kind::Gauge);
    for metric in gauges.filter(|metric| metric.labels.contains(&label)) {
        for key in series_of(metric, given) {
            metrics::with_recorder(|recorder| recorder.register_gauge(&key, &METADATA))
                .set(f64::NAN);
        }
    }
}

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// The series of a metric; none if a label may have other values than those given and those that have few.
fn series_of(metric: &Metric, given: &LabelValues) -> Vec<Key> {
    let values = metric.labels.iter().map(|label| values_of(metric, label, given));
    let Some(values) = values.collect::<Option<Vec<Vec<String>>>>() else { return Vec::new() };
    let key = |series: Vec<String>| {
        let labels = metric.labels.iter().zip(series);
        let labels = labels.map(|(label, value)| Label::new(*label, value)).collect::<Vec<_>>();
        Key::from_parts(metric.name, labels)
    };
    combinations(&values).into_iter().map(key).collect()
}

fn values_of(metric: &Metric, label: &str, given: &LabelValues) -> Option<Vec<String>> {
    if let Some(values) = known_values(metric.name, label) {
        return Some(values.iter().map(ToString::to_string).collect());
    }
    given.iter().find(|(name, _)| *name == label).map(|(_, values)| values.clone())
}

/// Every choice of one value from each list.
fn combinations(lists: &[Vec<String>]) -> Vec<Vec<String>> {
    lists.iter().fold(vec![Vec::new()], |begun, list| {
        let with = |start: &Vec<String>, value: &String| {
            let mut longer = start.clone();
            longer.push(value.clone());
            longer
        };
        begun.iter().flat_map(|start| list.iter().map(move |value| with(start, value))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_made_once() {
        let list = |values: &[&str]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
        let made = combinations(&[list(&["a", "b"]), list(&["1", "2"])]);
        assert_eq!(
            made,
            [list(&["a", "1"]), list(&["a", "2"]), list(&["b", "1"]), list(&["b", "2"])]
        );
        assert_eq!(combinations(&[]), [Vec::<String>::new()]);
    }

    #[test]
    fn values_are_those_of_labels_of_counters() {
        for (name, label, values) in VALUES {
            let metric = CATALOGUE.iter().find(|metric| metric.name == *name).unwrap();
            assert!(
                metric.kind == Kind::Counter && metric.labels.contains(label),
                "{name} {label}"
            );
            for value in *values {
                let is_said = metric.help.contains(value) || *label == "priority";
                assert!(is_said, "the description of {name} says {value}");
            }
        }
    }
}
