//! Every recorded body, parsed by its source; and hostile input for every source.

mod arbitrary_values;
mod bodies;
mod ids;
mod recordings;
mod values;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use hookpoint::customer::model::field_versions::{Scope, UNCLEAR_AT, Update};
use hookpoint::customer::model::record::Change;
use hookpoint::customer::model::source::Source;
use hookpoint::customer::model::text::{MAX_CHARS, MAX_ID_CHARS};
use hookpoint::demo::recorded_deliveries::Recorded;
use hookpoint::sources::omnilab::ExternalIdKinds;
use hookpoint::sources::{Delivery, ParsedWebhook, SourceSettings, Unreadable};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use self::bodies::is_no_json;
use self::recordings::in_lines;
use self::values::each_text;

#[derive(Deserialize)]
struct Fixture {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    answer_of: Option<String>,
    body: Value,
}

/// The recordings of a source: webhooks and responses, with the path that names each. `apis.rs` parses responses that
/// were recorded with their request.
fn recordings(source: Source) -> Vec<(String, String)> {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut found = Vec::new();
    for sort in ["webhooks", "rest"] {
        let Ok(directory) = std::fs::read_dir(fixtures.join(sort).join(source.as_str())) else {
            continue;
        };
        for path in directory.map(|entry| entry.unwrap().path()) {
            let name = format!("{sort}/{}", path.file_name().unwrap().to_str().unwrap());
            let text = std::fs::read_to_string(path).unwrap();
            if serde_json::from_str::<Value>(&text).unwrap().get("ask").is_none() {
                found.push((name, text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 5, "{source}");
    found
}

/// A delivery that its source can parse.
fn good(source: Source) -> (BTreeMap<String, String>, Value) {
    let (name, body) = match source {
        Source::OmnioTap => ("webhooks/customer.created.json", None),
        Source::Omneo => ("webhooks/transaction.created.json", Some("x-omneo-event")),
        Source::OmniLab => ("webhooks/booking.created.v1.json", Some("webhook-id")),
        Source::Syncaroo => ("webhooks/booking.json", None),
    };
    let (_, text) = recordings(source).into_iter().find(|(found, _)| found == name).unwrap();
    let fixture: Fixture = serde_json::from_str(&text).unwrap();
    assert!(body.is_none_or(|header| fixture.headers.contains_key(header)));
    (fixture.headers, fixture.body)
}

fn delivery(headers: &BTreeMap<String, String>, body: impl Into<Vec<u8>>) -> Delivery {
    Delivery {
        headers: headers.clone(),
        body: body.into(),
        received_at: "2026-11-21T09:00:00Z".parse().unwrap(),
    }
}

fn read(
    source: Source,
    settings: &SourceSettings,
    headers: &BTreeMap<String, String>,
    body: &Value,
) -> Result<ParsedWebhook, Unreadable> {
    settings.reader(source).parse_webhook(&delivery(headers, serde_json::to_vec(body).unwrap()))
}

/// Both ways of parsing, because the inbox and the API responses get the same bytes.
fn read_both(source: Source, delivery: &Delivery) -> [Result<ParsedWebhook, Unreadable>; 2] {
    let settings = SourceSettings::default();
    let reader = settings.reader(source);
    [reader.parse_webhook(delivery), reader.parse_reply(delivery)]
}

fn changes(reading: Result<ParsedWebhook, Unreadable>) -> Vec<Change> {
    match reading {
        Ok(ParsedWebhook::Changes(changes)) => changes,
        other => panic!("{other:?}"),
    }
}

fn update(change: &Change) -> &Update {
    match change {
        Change::Record { update, .. } | Change::Event { update, .. } => update,
        Change::Merge(_) => panic!("a merge has no fields"),
    }
}
