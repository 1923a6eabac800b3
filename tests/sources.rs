//! Every recorded body, parsed by its source; and hostile input for every source.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::string_slice
)]

mod parsed_changes;

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

// -------------------------------------------------------------------------------------------------------- recordings

#[derive(Deserialize)]
struct Fixture {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Value,
}

/// The recorded webhooks of a source, with the path that names each. `apis.rs` parses the recorded responses.
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

/// A parsed webhook as text for people: Debug is redacted on purpose.
fn in_lines(reading: Result<ParsedWebhook, Unreadable>) -> String {
    let changes = match reading {
        Ok(ParsedWebhook::Changes(changes)) => changes,
        Ok(ParsedWebhook::Ignored(why)) => return format!("  ignored: {why}\n"),
        Err(error) => return format!("  unreadable: {error}\n"),
    };
    let mut out = String::new();
    for change in changes {
        match change {
            Change::Record { key, update } => {
                lines_of(&mut out, "record", &key.to_string(), &update);
            }
            Change::Event { key, update } => lines_of(&mut out, "event", &key.to_string(), &update),
            Change::Merge(merge) => {
                writeln!(out, "  merge {} into {}, {}", merge.loser, merge.winner, merge.at)
                    .unwrap();
            }
        }
    }
    out
}

fn lines_of(out: &mut String, what: &str, key: &str, update: &Update) {
    let scope = if update.scope == Scope::Partial {
        String::new()
    } else {
        format!(", {:?}", update.scope).to_lowercase()
    };
    writeln!(out, "  {what} {key}, {}{scope}", update.at).unwrap();
    for (name, value) in &update.fields {
        writeln!(
            out,
            "    {name} = {}",
            value.as_ref().map_or_else(|| "(cleared)".to_owned(), Value::to_string)
        )
        .unwrap();
    }
}

fn read_all(source: Source) -> String {
    let settings = SourceSettings::default();
    let read = |(name, text): (String, String)| {
        format!("{name}\n{}", in_lines(Recorded::parse(&text).unwrap().read(source, &settings)))
    };
    recordings(source).into_iter().map(read).collect::<Vec<_>>().join("\n")
}

#[test]
fn recordings_of_omniotap_say_what_they_said_before() {
    insta::assert_snapshot!("omniotap", read_all(Source::OmnioTap));
}

#[test]
fn recordings_of_omneo_say_what_they_said_before() {
    insta::assert_snapshot!("omneo", read_all(Source::Omneo));
}

#[test]
fn recordings_of_omnilab_say_what_they_said_before() {
    insta::assert_snapshot!("omnilab", read_all(Source::OmniLab));
}

#[test]
fn recordings_of_syncaroo_say_what_they_said_before() {
    insta::assert_snapshot!("syncaroo", read_all(Source::Syncaroo));
}

// --------------------------------------------------------------------------------------------------------- deliveries

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

/// Parses the bytes with the default settings.
fn parsed(source: Source, delivery: &Delivery) -> Result<ParsedWebhook, Unreadable> {
    SourceSettings::default().reader(source).parse_webhook(delivery)
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

fn is_no_json(read: &Result<ParsedWebhook, Unreadable>) -> bool {
    matches!(read, Err(Unreadable::NotJson(_)))
}

#[test]
fn a_body_that_is_no_json_is_unreadable() {
    for source in Source::ALL {
        let (headers, _) = good(source);
        for body in ["", "{", "not json", "{\"id\": 1,}", "{} {}", "{\"id\": 01}", "NaN"] {
            assert!(is_no_json(&parsed(source, &delivery(&headers, body))), "{source} {body}");
        }
        assert!(is_no_json(&parsed(source, &delivery(&headers, [b'"', 0xff, b'"']))), "{source}");
    }
}

#[test]
fn a_body_of_another_shape_is_unreadable_or_ignored() {
    for source in Source::ALL {
        let (headers, _) = good(source);
        for body in [
            "null",
            "true",
            "1",
            "\"text\"",
            "[]",
            "[{}]",
            "{}",
            "{\"data\": {}}",
            "{\"metaData\": []}",
        ] {
            assert!(
                matches!(
                    parsed(source, &delivery(&headers, body)),
                    Err(Unreadable::Missing(_)) | Ok(ParsedWebhook::Ignored(_))
                ),
                "{source} {body}"
            );
        }
    }
}

#[test]
fn a_header_that_says_what_it_is_about_must_be_there() {
    let (mut headers, body) = good(Source::Omneo);
    headers.remove("x-omneo-event");
    let error = read(Source::Omneo, &SourceSettings::default(), &headers, &body).unwrap_err();
    assert!(error.to_string().contains("x-omneo-event"), "{error}");
}

#[test]
fn deliveries_without_an_id_are_told_apart_by_their_content() {
    let (mut headers, mut body) = good(Source::OmniLab);
    // A booking has its own id, so it does not need one.
    body["data"].as_object_mut().unwrap().remove("booking");
    let key = |headers: &BTreeMap<String, String>, body: &Value| {
        let changes = changes(read(Source::OmniLab, &SourceSettings::default(), headers, body));
        changes
            .iter()
            .find_map(|change| {
                if let Change::Event { key, .. } = change { Some(key.to_string()) } else { None }
            })
            .unwrap()
    };
    headers.remove("webhook-id");
    let without = key(&headers, &body);
    let mut other = body.clone();
    other["data"]["interaction"] = json!("another");
    for placeholder in ["null", "undefined", "0", "00000000-0000-0000-0000-000000000000", "-", ""] {
        headers.insert("webhook-id".to_owned(), placeholder.to_owned());
        assert_eq!(key(&headers, &body), without, "{placeholder}");
        assert_ne!(key(&headers, &other), without, "{placeholder}");
    }
    headers.insert("webhook-id".to_owned(), "msg_1".to_owned());
    assert!(key(&headers, &body).ends_with(":msg_1"));
}

#[test]
fn what_another_account_sends_is_refused() {
    let mut settings = SourceSettings::default();
    settings.omniotap.tenant_id = "d290f1ee-6c54-4b01-90e6-d701748f0851".to_owned();
    settings.syncaroo.connection_id = 555;
    for (source, field, foreign) in [
        (
            Source::OmnioTap,
            "tenant_id",
            [json!("00000000-0000-4000-8000-000000000000"), json!(null), json!(5), json!("")],
        ),
        (Source::Syncaroo, "connectionId", [json!(556), json!(null), json!("5555"), json!(555.5)]),
    ] {
        let (headers, body) = good(source);
        assert!(!changes(read(source, &settings, &headers, &body)).is_empty());
        for value in foreign {
            let mut other = body.clone();
            other[field] = value;
            assert!(
                matches!(
                    read(source, &settings, &headers, &other),
                    Err(Unreadable::Foreign(_) | Unreadable::Missing(_))
                ),
                "{source} {}",
                other[field]
            );
        }
        let mut other = body.clone();
        other.as_object_mut().unwrap().remove(field);
        assert!(
            matches!(
                read(source, &settings, &headers, &other),
                Err(Unreadable::Foreign(_) | Unreadable::Missing(_))
            ),
            "{source} without {field}"
        );
    }
}

/// The pointer to the object's id.
fn id_pointer(source: Source) -> &'static str {
    match source {
        Source::OmnioTap => "/data/id",
        Source::Omneo => "/id",
        Source::OmniLab => "/data/external_id",
        Source::Syncaroo => "/metaData/syncarooId",
    }
}

#[test]
fn an_id_that_is_too_long_is_refused_and_not_cut() {
    for source in Source::ALL {
        let (headers, mut body) = good(source);
        for (length, readable) in
            [(MAX_ID_CHARS, true), (MAX_ID_CHARS + 1, false), (100_000, false)]
        {
            *body.pointer_mut(id_pointer(source)).unwrap() = json!("é".repeat(length));
            let reading = read(source, &SourceSettings::default(), &headers, &body);
            assert_eq!(reading.is_ok(), readable, "{source} {length}");
            assert!(reading.is_ok() || reading.unwrap_err().to_string().contains("usable"));
        }
    }
}

#[test]
fn an_id_of_nothing_is_no_id() {
    for source in Source::ALL {
        let (headers, mut body) = good(source);
        for nothing in [
            json!(""),
            json!("  "),
            json!("\u{0}\u{202e}"),
            json!(null),
            json!(true),
            json!([1]),
            json!({"id": 1}),
        ] {
            *body.pointer_mut(id_pointer(source)).unwrap() = nothing;
            let reading = read(source, &SourceSettings::default(), &headers, &body);
            assert!(
                matches!(reading, Err(Unreadable::Missing(_)) | Ok(ParsedWebhook::Ignored(_))),
                "{source}"
            );
        }
    }
}

#[test]
fn a_deeply_nested_body_is_unreadable_and_does_not_overflow() {
    for source in Source::ALL {
        let (headers, _) = good(source);
        for (open, close) in [("[", "]"), ("{\"data\":", "}")] {
            let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
            assert!(is_no_json(&parsed(source, &delivery(&headers, deep))), "{source}");
        }
    }
}

#[test]
fn nul_characters_and_overrides_never_come_through() {
    for source in Source::ALL {
        let (headers, body) = good(source);
        let mut spoiled = body.clone();
        each_text(&mut spoiled, "", &mut |pointer, text| {
            // Values that are compared, and not shown, must stay unchanged.
            if !["/entity_type", "/action", "/type", "/metaData/attributeType"].contains(&pointer) {
                *text = format!("\u{0}\u{202e}{text}\u{1b}\u{7}");
            }
        });
        let plain = in_lines(read(source, &SourceSettings::default(), &headers, &body));
        let read = in_lines(read(source, &SourceSettings::default(), &headers, &spoiled));
        assert!(
            !read.contains(['\u{0}', '\u{202e}', '\u{1b}']) && !read.contains("\\u00"),
            "{source}\n{read}"
        );
        // Times that can no longer be parsed are left out. Everything else is the same.
        let names = |lines: &str| {
            lines
                .lines()
                .filter(|line| !line.contains("at = "))
                .map(|line| line.split(", 20").next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&read), names(&plain), "{source}");
    }
}

fn each_text(value: &mut Value, pointer: &str, change: &mut dyn FnMut(&str, &mut String)) {
    match value {
        Value::String(text) => change(pointer, text),
        Value::Array(items) => items
            .iter_mut()
            .enumerate()
            .for_each(|(n, item)| each_text(item, &format!("{pointer}/{n}"), change)),
        Value::Object(object) => object
            .iter_mut()
            .for_each(|(key, item)| each_text(item, &format!("{pointer}/{key}"), change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn a_text_cut_in_an_emoji_and_a_byte_order_mark_keep_nobody_from_reading() {
    for source in Source::ALL {
        let (headers, body) = good(source);
        let text = body.to_string();
        let whole = parsed(source, &delivery(&headers, text.clone()));
        for half in [r#""\ud83d""#, r#""\ude00x""#, r#""\ud83d\ude00""#] {
            let odd = text.replacen('{', &format!("{{\"extra\":{half},"), 1);
            assert_eq!(parsed(source, &delivery(&headers, odd)), whole, "{source} {half}");
        }
        assert_eq!(
            parsed(source, &delivery(&headers, format!("\u{feff}{text}"))),
            whole,
            "{source}"
        );
    }
}

#[test]
fn numbers_beyond_all_bounds_are_read_and_what_is_no_number_is_not() {
    for source in Source::ALL {
        let (headers, body) = good(source);
        let text = body.to_string();
        for large in ["1e400", "-1e999999", "89314404000123456701"] {
            let spoiled = text.replacen('{', &format!("{{\"extra\":{large},"), 1);
            assert_eq!(
                parsed(source, &delivery(&headers, spoiled)),
                parsed(source, &delivery(&headers, text.clone())),
                "{source} {large}"
            );
        }
        for hostile in ["1e", "--1", "NaN", "-Infinity", "0x10"] {
            let spoiled = text.replacen('{', &format!("{{\"extra\":{hostile},"), 1);
            assert!(
                is_no_json(&parsed(source, &delivery(&headers, spoiled))),
                "{source} {hostile}"
            );
        }
    }
}

/// The pointer to a time.
fn time_pointer(source: Source) -> &'static str {
    match source {
        Source::OmnioTap => "/data/updatedAt",
        Source::Omneo => "/updated_at",
        Source::OmniLab => "/timestamp",
        Source::Syncaroo => "/updatedAt",
    }
}

#[test]
fn times_beyond_all_bounds_count_as_none() {
    for source in Source::ALL {
        let (headers, mut body) = good(source);
        if source == Source::Syncaroo {
            body = booking()["body"].take();
        }
        for time in [
            json!(i64::MIN),
            json!(i64::MAX),
            json!(u64::MAX),
            json!(1e300),
            json!("+999999999-01-01"),
            json!("0000-00-00 00:00:00"),
            json!("x"),
        ] {
            *body.pointer_mut(time_pointer(source)).unwrap() = time.clone();
            let read = if source == Source::Syncaroo {
                booking_changes(&SourceSettings::default(), &body)
            } else {
                changes(parsed(source, &delivery(&headers, serde_json::to_vec(&body).unwrap())))
            };
            let is_kept_back = |at: jiff::Timestamp| {
                at == UNCLEAR_AT
                    || (at > "2020-01-01T00:00:00Z".parse().unwrap()
                        && at <= "2026-11-21T09:00:00Z".parse().unwrap())
            };
            assert!(read.iter().all(|change| is_kept_back(update(change).at)), "{source} {time}");
        }
    }
}

#[test]
fn numbers_that_are_ids_are_their_digits() {
    let (headers, mut body) = good(Source::Omneo);
    for (id, expected) in [
        (json!(7), "7"),
        (json!(u64::MAX), "18446744073709551615"),
        (json!(-7), "-7"),
        (json!("0007"), "0007"),
        (json!(770_002.0), "770002"),
    ] {
        body["id"] = id;
        let read = in_lines(read(Source::Omneo, &SourceSettings::default(), &headers, &body));
        assert!(read.contains(&format!("event omneo.transaction:{expected},")), "{read}");
    }
}

#[test]
fn what_a_delivery_holds_is_in_no_debug_text() {
    for source in Source::ALL {
        for (name, text) in recordings(source) {
            let fixture: Fixture = serde_json::from_str(&text).unwrap();
            let settings = SourceSettings::default();
            let reading = format!("{:?}", Recorded::parse(&text).unwrap().read(source, &settings));
            let mut body = fixture.body;
            each_text(&mut body, "", &mut |pointer, text| {
                // Times and kinds identify nobody.
                let harmless = text.len() < 4
                    || text.starts_with("20")
                    || reading.contains(&format!(".{text}:"));
                assert!(
                    harmless || !reading.contains(text.as_str()),
                    "{name}: {pointer} is in {reading}"
                );
            });
        }
    }
}

#[test]
fn an_identity_that_is_another_systems_id_refers_to_its_record() {
    let (_, text) = recordings(Source::Omneo)
        .into_iter()
        .find(|(name, _)| name == "webhooks/identity.created.json")
        .unwrap();
    let mut settings = SourceSettings::default();
    settings.omneo.identity_kinds.insert("omnilab".to_owned(), "omnilab.participant".to_owned());
    let read = in_lines(Recorded::parse(&text).unwrap().read(Source::Omneo, &settings));
    assert!(read.contains("reference.omnilab.participant#CONTACT-123 = \"CONTACT-123\""), "{read}");
}

#[test]
fn an_external_id_that_is_another_systems_id_refers_to_its_record() {
    let (headers, body) = good(Source::OmniLab);
    let mut settings = SourceSettings::default();
    settings.omnilab.external_id_kind = ExternalIdKinds::One("omneo.profile".to_owned());
    let said = in_lines(read(Source::OmniLab, &settings, &headers, &body));
    assert!(said.contains("reference.omneo.profile = \"CONTACT-123\""), "{said}");
}

#[test]
fn an_external_id_that_may_be_of_several_systems_refers_to_a_record_of_each() {
    let (headers, body) = good(Source::OmniLab);
    let mut settings = SourceSettings::default();
    for (written, expected) in [
        ("[\"omneo.profile\", \"omniotap.contact\"]", vec!["omneo.profile", "omniotap.contact"]),
        ("[\"omneo.profile\"]", vec!["omneo.profile"]),
        ("[]", vec![]),
        ("\"omniotap.contact\"", vec!["omniotap.contact"]),
        ("\"\"", vec![]),
    ] {
        settings.omnilab = toml::from_str(&format!("external_id_kind = {written}")).unwrap();
        let said = in_lines(read(Source::OmniLab, &settings, &headers, &body));
        let references: Vec<&str> =
            said.lines().filter_map(|line| line.trim().strip_prefix("reference.")).collect();
        let expected: Vec<String> =
            expected.into_iter().map(|kind| format!("{kind} = \"CONTACT-123\"")).collect();
        assert_eq!(references, expected, "{written}");
    }
}

#[test]
fn a_transport_prefix_changes_nothing() {
    let (headers, mut body) = good(Source::OmniLab);
    let settings = SourceSettings::default();
    let plain = in_lines(read(Source::OmniLab, &settings, &headers, &body));
    for prefix in ["internal.", "com.omnilab/", "events:prod."] {
        body["type"] = json!(format!("{prefix}booking.created.v1"));
        assert_eq!(in_lines(read(Source::OmniLab, &settings, &headers, &body)), plain, "{prefix}");
    }
}

#[test]
fn pointers_may_point_anywhere_or_nowhere() {
    let mut settings = SourceSettings::default();
    settings.omnilab.pointers.external_id = "/data/external_id".to_owned();
    for pointer in ["", "/", "//", "/data", "/data/~0~1", "/data/999999999999999999999"] {
        settings.omnilab.pointers.email = pointer.to_owned();
        settings.omnilab.pointers.name = pointer.to_owned();
        settings.syncaroo.pointers.starts_at = pointer.to_owned();
        settings.syncaroo.pointers.member = pointer.to_owned();
        let (headers, body) = good(Source::OmniLab);
        let said = in_lines(read(Source::OmniLab, &settings, &headers, &body));
        assert!(!said.lines().any(|line| line.trim().starts_with("email.main = \"")), "{pointer}");
        let changes = booking_changes(&settings, &booking()["body"]);
        assert!(
            !in_lines(Ok(ParsedWebhook::Changes(changes))).contains("record syncaroo.member"),
            "{pointer}"
        );
    }
}

// ------------------------------------------------------------------------------------------------------ hostile bodies

/// Values that may confuse parsers.
fn hostile() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        Just(json!(i64::MIN)),
        Just(json!(f64::MAX)),
        any::<String>().prop_map(Value::from),
        "[0-9:*'#/.@ -]{0,40}".prop_map(Value::from),
        (0..3_000_usize).prop_map(|length| json!("\u{1f33b}".repeat(length))),
        prop_oneof![
            Just("\u{0}"),
            Just("\u{202e}"),
            Just("null"),
            Just("9999-12-31"),
            Just("a:b:c"),
            Just("2024-02-30"),
            Just("*-1*1e9")
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop_oneof![
            Just("id".to_owned()),
            Just("handle".to_owned()),
            Just("identifier".to_owned()),
            Just("value".to_owned()),
            any::<String>()
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every place in a body, as JSON pointers.
fn places(value: &Value, pointer: &str, all: &mut Vec<String>) {
    all.push(pointer.to_owned());
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(n, item)| places(item, &format!("{pointer}/{n}"), all)),
        Value::Object(object) => object
            .iter()
            .for_each(|(key, item)| places(item, &format!("{pointer}/{}", escape(key)), all)),
        _ => {}
    }
}

fn check(source: Source, reading: Result<ParsedWebhook, Unreadable>) {
    if let Ok(ParsedWebhook::Changes(changes)) = reading {
        parsed_changes::check(source, &changes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_in_place_of_any_other_upsets_no_source(
        source in prop::sample::select(&Source::ALL[..]),
        recording in any::<prop::sample::Index>(),
        changed in proptest::collection::vec((any::<prop::sample::Index>(), hostile()), 1..4),
    ) {
        let recordings = recordings(source);
        let fixture: Fixture = serde_json::from_str(&recording.get(&recordings).1).unwrap();
        let mut body = fixture.body;
        for (place, value) in changed {
            let mut all = Vec::new();
            places(&body, "", &mut all);
            *body.pointer_mut(place.get::<String>(&all)).unwrap() = value;
        }
        check(source, parsed(source, &delivery(&fixture.headers, serde_json::to_vec(&body).unwrap())));
    }

    #[test]
    fn any_bytes_and_headers_upset_no_source(
        source in prop::sample::select(&Source::ALL[..]),
        name in "[a-z.-]{0,30}|profile\\.[a-z.]{0,10}|transaction\\.deleted|identity\\.created",
        id in any::<String>(),
        body in prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), hostile().prop_map(|value| value.to_string().into_bytes())],
    ) {
        let headers = [("x-omneo-event".to_owned(), name), ("webhook-id".to_owned(), id)].into();
        check(source, parsed(source, &delivery(&headers, body)));
    }
}
