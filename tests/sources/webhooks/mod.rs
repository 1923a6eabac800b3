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
use hookpoint::customer::model::text::MAX_ID_CHARS;
use hookpoint::demo::recorded_deliveries::Recorded;
use hookpoint::sources::api::{ApiRequest, Reply};
use hookpoint::sources::omnilab::ExternalIdKinds;
use hookpoint::sources::{Delivery, ParsedWebhook, SourceSettings, Unreadable};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use self::bodies::is_no_json;
use self::recordings::in_lines;
use self::values::each_text;
use crate::parsed_changes;

#[derive(Deserialize)]
struct Fixture {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Value,
}

/// The recorded webhooks of a source, with the path that names each. `apis` parses the recorded responses.
fn recordings(source: Source) -> Vec<(String, String)> {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut found = Vec::new();
    for path in std::fs::read_dir(fixtures.join("webhooks").join(source.as_str())).unwrap() {
        let path = path.unwrap().path();
        let name = format!("webhooks/{}", path.file_name().unwrap().to_str().unwrap());
        found.push((name, std::fs::read_to_string(path).unwrap()));
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
    settings.parser(source).parse_webhook(&delivery(headers, serde_json::to_vec(body).unwrap()))
}

/// Parses the bytes with the default settings.
fn parsed(source: Source, delivery: &Delivery) -> Result<ParsedWebhook, Unreadable> {
    SourceSettings::default().parser(source).parse_webhook(delivery)
}

/// A booking of Syncaroo: its webhooks have no times and no people, so its API is asked for them.
fn booking() -> Value {
    let path = "fixtures/rest/syncaroo/booking.json";
    let text = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path));
    serde_json::from_str(&text.unwrap()).unwrap()
}

/// The changes in a response about the booking, with another body.
fn booking_changes(settings: &SourceSettings, body: &Value) -> Vec<Change> {
    let ask = ApiRequest::of_json(&booking()["ask"]).unwrap();
    let received_at = "2026-11-21T09:00:00Z".parse().unwrap();
    let reply = Reply { body: body.clone(), is_missing: false, received_at };
    settings.api(Source::Syncaroo).read(&ask, &reply).unwrap().changes
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
