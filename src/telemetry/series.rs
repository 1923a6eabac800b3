//! Registers counters at zero. An alert sees an increase only if there was a value before: without this, it would miss the
//! first event of each series.

use metrics::{Key, Label, Level, Metadata};

use super::metrics::{CATALOGUE, Kind, Metric};

/// The values of labels that have few: metric, label, values. A test compares them with what the service counts.
const VALUES: &[(&str, &str, &[&str])] = &[
    ("hookpoint_lookups_total", "cache", &["hit", "miss", "stale", "none"]),
    ("hookpoint_invalidations_total", "scope", &["keys", "brand"]),
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

/// Registers each counter whose labels have known values: those given, and those that have few.
pub fn register_counters(given: &[(&'static str, Vec<String>)]) {
    for metric in CATALOGUE.iter().filter(|metric| metric.kind == Kind::Counter) {
        let values = metric.labels.iter().map(|label| values_of(metric, label, given));
        let Some(values) = values.collect::<Option<Vec<Vec<String>>>>() else { continue };
        for series in combinations(&values) {
            let labels = metric.labels.iter().zip(series);
            let labels = labels.map(|(label, value)| Label::new(*label, value)).collect::<Vec<_>>();
            let key = Key::from_parts(metric.name, labels);
            let metadata = Metadata::new(module_path!(), Level::INFO, None);
            metrics::with_recorder(|recorder| recorder.register_counter(&key, &metadata))
                .increment(0);
        }
    }
}

fn values_of(
    metric: &Metric,
    label: &str,
    given: &[(&'static str, Vec<String>)],
) -> Option<Vec<String>> {
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
