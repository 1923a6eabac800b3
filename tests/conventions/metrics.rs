//! Every metric is explained, and what is explained exists.

use std::collections::BTreeSet;

use hookpoint::telemetry::metrics::{CATALOGUE, Kind};
use hookpoint::telemetry::series::known_values;

use crate::source_files::files;

/// What is left of a macro's arguments: the name, and the labels.
fn metric_of(arguments: &str) -> (String, BTreeSet<String>) {
    let (mut depth, mut end) = (1, arguments.len());
    for (at, c) in arguments.char_indices() {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if depth == 0 {
            end = at;
            break;
        }
    }
    let arguments = &arguments[..end];
    let name = arguments.split('"').nth(1).unwrap_or_default().to_owned();
    let mut before_arrows: Vec<&str> = arguments.split(" =>").collect();
    before_arrows.pop();
    let labels = before_arrows
        .into_iter()
        .filter_map(|before| before.strip_suffix('"')?.rsplit('"').next())
        .map(str::to_owned)
        .collect();
    (name, labels)
}

#[test]
fn every_metric_is_in_the_catalogue_with_its_labels_and_explained() {
    let mut used = BTreeSet::new();
    for (file, text) in files("src", &["rs"]) {
        for (kind, name) in
            [(Kind::Counter, "counter"), (Kind::Gauge, "gauge"), (Kind::Histogram, "histogram")]
        {
            for arguments in text.split(&format!("metrics::{name}!(")).skip(1) {
                let (name, labels) = metric_of(arguments);
                let known = CATALOGUE.iter().find(|metric| metric.name == name);
                let known =
                    known.unwrap_or_else(|| panic!("{file}: {name} is not in the catalogue"));
                assert_eq!(known.kind, kind, "{name}");
                assert_eq!(
                    known.labels.iter().map(ToString::to_string).collect::<BTreeSet<_>>(),
                    labels,
                    "{name}"
                );
                used.insert(name);
            }
        }
    }
    let known: BTreeSet<String> = CATALOGUE.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(used, known, "the catalogue names what there is, and no more");
    let explained = std::fs::read_to_string("deploy/metrics.md").unwrap();
    for metric in CATALOGUE {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let row =
            format!("| `{}` | {kind} | {} | {} |", metric.name, labels.join(", "), metric.help);
        assert!(
            explained.lines().any(|line| line == row),
            "deploy/metrics.md lacks the line\n{row}"
        );
    }
    let rows = explained
        .lines()
        .filter(|line| line.starts_with("| `hookpoint_") && line.split('|').count() == 6)
        .count();
    assert_eq!(rows, CATALOGUE.len(), "deploy/metrics.md names what there is, and no more");
}

#[test]
fn the_values_of_labels_that_are_registered_at_the_start_are_those_of_the_code() {
    let code: String = files("src", &["rs"])
        .into_iter()
        .filter(|(file, _)| file != "src/telemetry/series.rs" && file != "src/telemetry/metrics.rs")
        .map(|(_, text)| text)
        .collect();
    let labels = CATALOGUE.iter().flat_map(|metric| {
        metric.labels.iter().filter_map(|label| known_values(metric.name, label))
    });
    let mut values = labels.flatten().peekable();
    assert!(values.peek().is_some());
    for value in values {
        assert!(code.contains(&format!("\"{value}\"")), "nothing counts {value}");
    }
}
