//! Parts of the page of a customer.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::words::Words;
use crate::admin::explain::Explanation;
use crate::admin::timeline::TimelineEvent;
use crate::customer::answer::Answer;
use crate::customer::answer::agent_page::SHOWN;
use crate::customer::answer::filters::DATETIME;
use crate::customer::answer::presentation::is_link;
use crate::customer::model::record::field;

/// A time in the brand's time zone, as answers write it.
#[derive(Serialize)]
pub(super) struct Time {
    iso: String,
    short: String,
    full: String,
}

impl Time {
    fn new(at: Timestamp, zone: &TimeZone) -> Self {
        let there = at.to_zoned(zone.clone());
        Self {
            iso: at.to_string(),
            short: there.strftime(DATETIME).to_string(),
            full: there.strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        }
    }
}

/// A value of the profile.
#[derive(Serialize)]
pub(super) struct Field {
    label: String,
    value: String,
    source: &'static str,
    at: Time,
}

/// The values that won, in the order of the profile: the name, the addresses, the attributes.
pub(super) fn fields(why: &Explanation, words: &Words, zone: &TimeZone) -> Vec<Field> {
    let mut ranked = Vec::new();
    for (record, values) in &why.record_values {
        let source = record.kind.source().as_str();
        for value in values.iter().filter(|value| value.is_used) {
            let Some((rank, label)) = label(&value.name, words) else { continue };
            let at = Time::new(value.at, zone);
            ranked.push((rank, Field { label, value: value.text.clone(), source, at }));
        }
    }
    ranked.sort_by(|(rank, one), (other_rank, other)| {
        (rank, &one.label, &one.value, one.source).cmp(&(
            other_rank,
            &other.label,
            &other.value,
            other.source,
        ))
    });
    ranked.into_iter().map(|(_, field)| field).collect()
}

/// The place and the label of a value. `None` if another source's value won.
fn label(name: &str, words: &Words) -> Option<(u8, String)> {
    let known = [
        ("customer.first_name", "first_name"),
        ("customer.last_name", "last_name"),
        (field::EMAIL, "email"),
        (field::PHONE, "phone"),
        (field::SOCIAL, "account"),
    ];
    for ((prefix, word), rank) in known.into_iter().zip(0_u8..) {
        if name.starts_with(prefix) {
            return Some((rank, words.get(word).to_owned()));
        }
    }
    let (_, attribute) = name.rsplit_once(", attributes.")?;
    Some((u8::MAX, attribute.to_owned()))
}

/// A custom field of the answer.
#[derive(Serialize)]
pub(super) struct CustomField {
    name: String,
    value: String,
    sources: Vec<FieldSource>,
}

/// Where a value comes from.
#[derive(Serialize)]
struct FieldSource {
    source: &'static str,
    at: Time,
}

/// The custom fields of the answer, without the link to this page.
pub(super) fn custom_fields(
    answer: &Answer,
    why: &Explanation,
    zone: &TimeZone,
) -> Vec<CustomField> {
    let shown = answer.custom_fields.iter().filter(|field| !field.value.contains(SHOWN));
    let field = |field: &crate::customer::answer::CustomField| {
        let used = why.custom_fields.iter().find(|(name, _)| *name == field.name);
        let used = used.map(|(_, used)| used.as_slice()).unwrap_or_default();
        let sources = used.iter().map(|(_, record, at)| FieldSource {
            source: record.kind.source().as_str(),
            at: Time::new(*at, zone),
        });
        CustomField {
            name: field.name.clone(),
            value: field.value.clone(),
            sources: sources.collect(),
        }
    };
    shown.map(field).collect()
}

/// An event.
#[derive(Serialize)]
pub(super) struct Event {
    /// `None` if the source gives a day without a time, or none that could be parsed.
    at: Option<Time>,
    day: String,
    source: &'static str,
    kind: String,
    message: String,
    url: String,
}

impl Event {
    pub(super) fn new(event: &TimelineEvent, zone: &TimeZone) -> Self {
        let TimelineEvent { event, item, .. } = event;
        let day = event.day().map(|day| day.to_string());
        let has_time = day.is_none() && !event.is_undated();
        let item = item.as_ref();
        Self {
            at: has_time.then(|| Time::new(event.occurred_at(), zone)),
            day: day.unwrap_or_default(),
            source: event.key.source.as_str(),
            kind: event.key.event_type(),
            message: item.map(|item| item.message.clone()).unwrap_or_default(),
            url: item.map(|item| item.url.clone()).filter(|url| is_link(url)).unwrap_or_default(),
        }
    }
}
