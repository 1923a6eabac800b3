//! Operators can read what traces contain.

use std::collections::BTreeSet;

use hookpoint::telemetry::traces::{ALLOWED, SpanName};

#[test]
fn every_span_and_attribute_is_explained_and_no_other() {
    let text = std::fs::read_to_string("deploy/operate.md").unwrap();
    let (_, section) = text.split_once("\n## Traces\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let spans: Vec<&str> = rows.map(|row| row.split('`').next().unwrap()).collect();
    assert_eq!(spans, SpanName::ALL.map(SpanName::as_str));
    let words: BTreeSet<&str> = section.split('`').skip(1).step_by(2).collect();
    let is_attribute = |word: &&str| {
        ["hookpoint.", "http.", "db.", "error."].iter().any(|start| word.starts_with(start))
    };
    let explained: BTreeSet<&str> = words.into_iter().filter(is_attribute).collect();
    assert_eq!(explained, BTreeSet::from(ALLOWED));
}
