//! Sample webhooks, to try the whole way of a webhook. They are recorded webhooks, but about an invented person, with ids
//! and times of their own. They have no phone number: every possible number may be somebody's.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::webhook::OutgoingWebhook;

/// The sample webhooks of a source. The trait has no defaults: each source implements everything.
pub trait SampleWebhooks {
    /// The events that have a sample, with the recorded webhook of each.
    fn recorded_webhooks(&self) -> &'static [(&'static str, &'static str)];

    /// Makes a recorded webhook fit these settings.
    fn adapt(&self, webhook: SampleWebhook, now: Timestamp) -> SampleWebhook;
}

/// A sample webhook before it is signed.
pub struct SampleWebhook {
    /// Header names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Value,
}

/// An invented person. All ids and addresses in its webhooks begin with `hookpoint-sample`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplePerson(String);

/// The longest name of a sample person.
const MAX_NAME: usize = 20;

impl FromStr for SamplePerson {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 1 to 20 lower-case letters and digits")
        }
    }
}

impl SamplePerson {
    /// The e-mail address. Nobody can have one of this domain (RFC 2606).
    #[must_use]
    pub fn email(&self) -> String {
        format!("hookpoint-sample-{}@example.org", self.0)
    }

    fn id(&self, recorded: &str) -> String {
        format!("hookpoint-sample-{}-{recorded}", self.0)
    }
}

/// A recorded webhook.
#[derive(Deserialize)]
struct Recording {
    headers: BTreeMap<String, String>,
    received_at: Timestamp,
    body: Value,
}

/// Members with ids of records, events and other objects.
const IDS: [&str; 14] = [
    "id",
    "profile_id",
    "external_id",
    "source_profile_id",
    "destination_profile_id",
    "merged_from",
    "identifier",
    "order_number",
    "receipt_ref",
    "contactId",
    "customerId",
    "number",
    "interaction",
    "booking",
];

const PHONES: [&str; 4] = ["phone", "mobile_phone", "mobile_phone_e164", "secondary_phone"];

const NAMES: [(&str, &str); 6] = [
    ("company", "Hookpoint Sample"),
    ("firstName", "Sample"),
    ("first_name", "Sample"),
    ("lastName", "Hookpoint"),
    ("last_name", "Hookpoint"),
    ("full_name", "Sample Hookpoint"),
];

/// A sample webhook of an event about a person, not signed yet. `None` if there is no sample of this event.
#[must_use]
pub fn sample(
    source: &dyn SampleWebhooks,
    event: &str,
    person: &SamplePerson,
    now: Timestamp,
) -> Option<OutgoingWebhook> {
    let (_, recorded) = source.recorded_webhooks().iter().find(|(name, _)| *name == event)?;
    let recording: Recording = serde_json::from_str(recorded).ok()?;
    let rewriting = Rewriting { person, shift: now.duration_since(recording.received_at) };
    let mut body = recording.body;
    rewriting.rewrite("", &mut body);
    let adapted = source.adapt(SampleWebhook { headers: recording.headers, body }, now);
    Some(OutgoingWebhook {
        headers: adapted.headers,
        body: serde_json::to_vec(&adapted.body).ok()?,
        url_secret: None,
    })
}

/// Replaces the values of a recorded person.
struct Rewriting<'a> {
    person: &'a SamplePerson,
    shift: SignedDuration,
}

impl Rewriting<'_> {
    fn rewrite(&self, name: &str, value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.iter_mut().for_each(|(name, value)| self.rewrite(name, value));
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.rewrite(name, item)),
            Value::String(text) => {
                let new = self.text(name, text);
                *value = new;
            }
            Value::Number(number) if IDS.contains(&name) => {
                *value = Value::from(self.person.id(&number.to_string()));
            }
            Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    fn text(&self, name: &str, text: &str) -> Value {
        let of_person = NAMES.iter().find(|(known, _)| *known == name).map(|(_, new)| *new);
        match name {
            "email" => Value::from(self.person.email()),
            _ if PHONES.contains(&name) => Value::Null,
            _ if IDS.contains(&name) => Value::from(self.person.id(text)),
            _ => Value::from(
                of_person.map(str::to_owned).or_else(|| self.time(text)).unwrap_or(text.to_owned()),
            ),
        }
    }

    /// The time at the same distance from now, in the same format. `None` if the text is no time.
    fn time(&self, text: &str) -> Option<String> {
        let moved = |at: Timestamp| at.checked_add(self.shift).ok();
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(moved(at)?.strftime("%FT%T%.3fZ").to_string());
        }
        let at = DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
        let at = at.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(moved(at)?.strftime("%F %T").to_string())
    }
}
