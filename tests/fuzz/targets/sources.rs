//! A source's deliveries. The input is like a request: header lines, an empty line, the body. A header `answer` makes
//! it a response of the source's API: its value is the request, as it is stored.

use std::collections::BTreeMap;

use hookpoint::customer::model::email::Email;
use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::field_versions::{FieldVersions, Scope, Update};
use hookpoint::customer::model::identifier::{IdentifierKind, identifiers_of};
use hookpoint::customer::model::phone::Phone;
use hookpoint::customer::model::record::{Change, Record, RecordKey};
use hookpoint::customer::model::source::Source;
use hookpoint::customer::model::text::{MAX_CHARS, MAX_ID_CHARS, clean, id as clean_id};
use hookpoint::sources::api::{ApiRequest, Reply};
use hookpoint::sources::omneo::OmneoRequest;
use hookpoint::sources::omnilab::{ExternalIdKinds, OmniLabRequest};
use hookpoint::sources::omniotap::{Entity, OmnioTapRequest};
use hookpoint::sources::syncaroo::SyncarooRequest;
use hookpoint::sources::{Delivery, ParsedWebhook, SourceSettings, Unreadable};
use jiff::Timestamp;
use serde_json::Value;

pub fn check(source: Source, data: &[u8]) {
    let (headers, body) = split(data);
    let mut settings = SourceSettings::default();
    let found = read(source, &settings, &headers, body);
    assert!(
        read(source, &settings, &headers, body) == found,
        "the same delivery is parsed differently"
    );
    judge(&found);
    if let Some(more) = with_unknown_fields(body) {
        // Without an id, the content identifies the delivery.
        let is_known_by_content = source == Source::OmniLab
            && headers.get("webhook-id").and_then(|id| clean_id(id)).is_none();
        assert!(
            is_known_by_content || read(source, &settings, &headers, &more) == found,
            "an unknown field matters"
        );
    }
    settings.omneo.identity_kinds = [("crm".to_owned(), "omniotap.contact".to_owned())].into();
    settings.omnilab.external_id_kind = ExternalIdKinds::One("omneo.profile".to_owned());
    judge(&read(source, &settings, &headers, body));
    settings.omniotap.tenant_id = "d290f1ee-6c54-4b01-90e6-d701748f0851".to_owned();
    settings.syncaroo.connection_id = 555;
    let strict = read(source, &settings, &headers, body);
    judge(&strict);
    assert!(
        strict.is_err() || matches!(source, Source::Omneo | Source::OmniLab) || strict == found,
        "an account that fits matters"
    );
}

/// The headers and the body of an input.
pub fn split(data: &[u8]) -> (BTreeMap<String, String>, &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((&b""[..], data), |end| (&data[..end], &data[end + 2..]));
    let lines = std::str::from_utf8(head).unwrap_or_default().lines();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    (headers.collect(), body)
}

fn read(
    source: Source,
    settings: &SourceSettings,
    headers: &BTreeMap<String, String>,
    body: &[u8],
) -> Result<ParsedWebhook, Unreadable> {
    let received_at = Timestamp::from_second(1_795_251_600).expect("a time");
    let delivery = Delivery { headers: headers.clone(), body: body.to_vec(), received_at };
    let Some(ask) = headers.get("answer") else {
        return settings.parser(source).parse_webhook(&delivery);
    };
    let ask = serde_json::from_str(ask).unwrap_or_else(|_| usual_request(source));
    let body = hookpoint::sources::json(body)?;
    let reply = Reply { body, is_missing: false, received_at };
    settings.api(source).read(&ask, &reply).map(|reply| ParsedWebhook::Changes(reply.changes))
}

/// The request of a response whose header names none.
fn usual_request(source: Source) -> ApiRequest {
    let text = str::to_owned;
    match source {
        Source::OmnioTap => OmnioTapRequest::List { entity: Entity::Contact, page: 1 }.into(),
        Source::Omneo => OmneoRequest::WholeProfile { id: text("p") }.into(),
        Source::OmniLab => OmniLabRequest::bookings_of("CONTACT-1").into(),
        Source::Syncaroo => {
            SyncarooRequest::Booking { id: text("b"), url: text("https://x.example/b") }.into()
        }
    }
}

/// The body with additional unknown fields next to the vendor's own.
fn with_unknown_fields(body: &[u8]) -> Option<Vec<u8>> {
    // A number with more digits than this program's numbers would be written as another number.
    let mut body: Value = serde_json::from_slice(body)
        .ok()
        .filter(|read| hookpoint::sources::json(body).as_ref() == Ok(read))?;
    let unknown =
        ("hookpoint unknown", serde_json::json!([{"id": 5, "email": "unknown@example.org"}]));
    if let Some(data) = body.get_mut("data").and_then(Value::as_object_mut) {
        data.insert(unknown.0.to_owned(), unknown.1.clone());
    }
    body.as_object_mut()?.insert(unknown.0.to_owned(), unknown.1);
    serde_json::to_vec(&body).ok()
}

fn judge(reading: &Result<ParsedWebhook, Unreadable>) {
    match reading {
        Err(error) => {
            let text = error.to_string();
            let (_, place) = text.rsplit_once(" at byte ").unwrap_or(("", "0"));
            assert!(
                text.len() < 100 && place.bytes().all(|byte| byte.is_ascii_digit()),
                "the texts of errors are fixed"
            );
        }
        Ok(ParsedWebhook::Ignored(_)) => {}
        Ok(ParsedWebhook::Changes(changes)) => {
            for change in changes {
                judge_change(change);
            }
        }
    }
}

fn judge_change(change: &Change) {
    let shown = format!("{change:?}");
    match change {
        Change::Record { key, update } => {
            judge_record_key(key);
            let record = Record { key: key.clone(), versions: judge_update(update) };
            judge_identifiers(&record);
            assert!(record.name().first.is_none_or(|name| !name.is_empty()));
            let nobody = Change::Record {
                key: RecordKey { id: "x".to_owned(), ..key.clone() },
                update: Update { fields: BTreeMap::new(), ..update.clone() },
            };
            assert_eq!(shown, format!("{nobody:?}"), "Debug output contains values");
        }
        Change::Event { key, update } => {
            assert!(
                key.to_string().parse::<EventKey>().as_ref() == Ok(key),
                "a key is parsed as another"
            );
            assert!(
                key.id.chars().count() <= MAX_ID_CHARS
                    && clean(&key.id) == key.id
                    && !key.what.contains(':')
            );
            judge_update(update);
            let nothing = Change::Event {
                key: EventKey { id: "x".to_owned(), ..key.clone() },
                update: Update { fields: BTreeMap::new(), ..update.clone() },
            };
            assert_eq!(shown, format!("{nothing:?}"), "Debug output contains values");
        }
        Change::Merge(merge) => {
            judge_record_key(&merge.loser);
            judge_record_key(&merge.winner);
            assert!(merge.loser != merge.winner, "a record is merged into itself");
        }
    }
}

fn judge_record_key(key: &RecordKey) {
    assert!(key.to_string().parse::<RecordKey>().as_ref() == Ok(key), "a key is parsed as another");
    assert!(
        (1..=MAX_ID_CHARS).contains(&key.id.chars().count()) && clean(&key.id) == key.id,
        "an id that cannot be stored"
    );
}

/// A stored update is valid for Postgres, can be read back unchanged, and changes nothing if it is repeated.
fn judge_update(update: &Update) -> FieldVersions {
    let is_unread = |name: &String| name.starts_with("unread.");
    assert!(
        update.scope != Scope::Deletion || update.fields.keys().all(is_unread),
        "a deletion has only the fields of unparsed values"
    );
    assert!(
        (-2_208_988_800..7_258_118_400).contains(&update.at.as_second()),
        "a time that would override everything else"
    );
    for (name, value) in &update.fields {
        assert!(!name.chars().any(char::is_control), "a field name that cannot be stored");
        match value {
            Some(Value::Array(items)) => items.iter().for_each(judge_value),
            Some(value) => judge_value(value),
            None => {}
        }
    }
    let versions = FieldVersions::from(update.clone());
    let text = serde_json::to_string(&versions).expect("JSON");
    let back: FieldVersions = serde_json::from_str(&text).expect("stored data can be parsed");
    assert!(
        back == versions && serde_json::to_string(&back).expect("JSON") == text,
        "stored data is read back differently"
    );
    let mut twice = versions.clone();
    twice.join(back);
    assert!(twice == versions, "repeating an update changes the state");
    versions
}

fn judge_value(value: &Value) {
    match value {
        Value::String(text) => {
            assert!(!text.is_empty() && clean(text) == *text, "a text that is not clean");
            // A record's key has its kind before the shortened text.
            assert!(text.chars().count() <= MAX_CHARS + 40, "a text that is too long");
        }
        Value::Bool(_) | Value::Number(_) => {}
        Value::Null | Value::Array(_) | Value::Object(_) => {
            panic!("a value that no template can show")
        }
    }
}

fn judge_identifiers(record: &Record) {
    let name = record.name().folded().key();
    for identifier in identifiers_of(record, "NL".parse().ok()).values {
        let value = identifier.value.as_str();
        // A row of an index has at most 2,704 bytes (a third of a page). One such delivery would block all others in
        // its batch.
        assert!(
            value.len() + name.len() + record.key.to_string().len() < 2_600,
            "Postgres could not index it"
        );
        match identifier.kind {
            IdentifierKind::Email => {
                assert_eq!(Email::parse(value).expect("an address").as_str(), value);
            }
            IdentifierKind::Phone => {
                assert_eq!(Phone::parse_e164(value).expect("a number").as_str(), value);
            }
            IdentifierKind::Facebook | IdentifierKind::Twitter | IdentifierKind::Reference => {
                assert_eq!(clean(value), value);
            }
        }
    }
}

/// The recorded webhooks and responses of a source, and those of the demo.
pub fn seeds(source: Source) -> Vec<Vec<u8>> {
    let fixtures = super::fixtures();
    let files = ["webhooks", "rest"]
        .into_iter()
        .filter_map(|sort| std::fs::read_dir(fixtures.join(sort).join(source.as_str())).ok())
        .flatten();
    let recordings =
        files.map(|entry| std::fs::read_to_string(entry.expect("a file").path()).expect("text"));
    let recorded = std::fs::read_to_string(
        fixtures.join("demo").join(source.as_str()).with_extension("jsonl"),
    )
    .expect("the demo's webhooks");
    let lines: Vec<String> = recorded.lines().map(str::to_owned).collect();
    recordings.chain(lines).map(|text| seed(&text)).collect()
}

fn seed(recording: &str) -> Vec<u8> {
    let recording: Value = serde_json::from_str(recording).expect("JSON");
    let headers = recording.get("headers").and_then(Value::as_object).into_iter().flatten();
    let mut text: String = headers
        .map(|(name, value)| format!("{name}: {}\n", value.as_str().unwrap_or_default()))
        .collect();
    if let Some(ask) = recording.get("ask") {
        text.push_str(&format!("answer: {ask}\n"));
    }
    format!("{text}\n{}", recording["body"]).into_bytes()
}
