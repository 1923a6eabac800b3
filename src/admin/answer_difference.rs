//! The lines in which two answers differ.

use std::collections::BTreeMap;

use serde_json::Value;

/// A line that only one of the two answers has.
pub struct Line {
    /// Whether the second answer has it.
    pub is_new: bool,
    /// The line.
    pub text: String,
}

/// Who a customer is: the name and the id.
#[must_use]
pub fn title(answer: &Value) -> String {
    let name =
        format!("{} {}", text(answer, "customerFirstname"), text(answer, "customerLastname"));
    let name = if name.trim().is_empty() { "(no name)" } else { name.trim() };
    format!("{name}  ({})", text(answer, "customerID"))
}

/// The lines that differ, in the order of the first answer; lines about something that only the second one has follow.
#[must_use]
pub fn differing_lines(before: &Value, after: &Value) -> Vec<Line> {
    let (before, after) = (lines(before), lines(after));
    let old: BTreeMap<&Subject, &String> =
        before.iter().map(|(about, text)| (about, text)).collect();
    let new: BTreeMap<&Subject, &String> =
        after.iter().map(|(about, text)| (about, text)).collect();
    let mut different = Vec::new();
    for (about, text) in &before {
        let now = new.get(about).copied();
        if now != Some(text) {
            different.push(Line { is_new: false, text: text.clone() });
            different.extend(now.map(|text| Line { is_new: true, text: text.clone() }));
        }
    }
    let added = after.iter().filter(|(about, _)| !old.contains_key(about));
    different.extend(added.map(|(_, text)| Line { is_new: true, text: text.clone() }));
    different
}

/// What a line is about, and how many lines before it are about the same.
type Subject = (String, usize);

/// All lines of an answer, each with what it is about.
fn lines(answer: &Value) -> Vec<(Subject, String)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut lines = Vec::new();
    let mut add = |about: String, text: String| {
        let count = counts.entry(about.clone()).or_default();
        lines.push(((about, *count), text));
        *count = count.saturating_add(1);
    };
    add("name".to_owned(), title(answer));
    for address in list(answer, "addresses") {
        let address = format!("{} {}", text(address, "type"), text(address, "address"));
        add(address.clone(), address);
    }
    for field in list(answer, "customFields").iter().filter_map(Value::as_object) {
        for (name, value) in field {
            let value = value.as_str().unwrap_or_default();
            add(format!("field {name}"), format!("{name}: {value}"));
        }
    }
    for event in list(answer, "timeline") {
        let part = |key: &str| text(event, key);
        let (at, source, url) = (part("lastUpdate"), part("source"), part("url"));
        let line = format!("{at} {source} {} {url}", part("message"));
        add(format!("event {source} {}", part("externalID")), line.trim_end().to_owned());
    }
    lines
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(fields: &Value, messages: &[&str]) -> Value {
        let event = |message: &&str| json!({ "externalID": "1", "lastUpdate": "2026-11-20 10:00:00", "message": message, "source": "crm", "url": "" });
        json!({
            "addresses": [{ "address": "anna@example.org", "type": "email" }],
            "customerFirstname": "Anna", "customerID": "7", "customerLastname": "Smit",
            "customFields": fields,
            "timeline": messages.iter().map(event).collect::<Vec<_>>(),
        })
    }

    #[test]
    fn only_lines_that_differ_are_listed_the_old_one_before_the_new_one() {
        let before =
            answer(&json!([{"tier": "Gold"}, {"points": "1"}, {"gone": "x"}]), &["A", "B"]);
        let after =
            answer(&json!([{"points": "2"}, {"tier": "Gold"}, {"new": "y"}]), &["A", "C", "D"]);
        let lines = differing_lines(&before, &after);
        let shown: Vec<String> = lines
            .iter()
            .map(|line| format!("{}{}", if line.is_new { '+' } else { '-' }, line.text))
            .collect();
        assert_eq!(
            shown,
            [
                "-points: 1",
                "+points: 2",
                "-gone: x",
                "-2026-11-20 10:00:00 crm B",
                "+2026-11-20 10:00:00 crm C",
                "+new: y",
                "+2026-11-20 10:00:00 crm D",
            ]
        );
        assert!(differing_lines(&after, &after).is_empty());
    }
}
