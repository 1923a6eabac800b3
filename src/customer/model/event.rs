//! Something that happened to a record: a purchase, a ticket, a reward, a booking, a touchpoint.

use jiff::Timestamp;
use jiff::civil::Date;

pub use super::event_key::EventKey;
use super::field_versions::{FieldVersions, UNCLEAR_AT};
use super::record::RecordKey;
use super::text;
use super::unread;

/// The names of an event's fields.
pub mod field {
    /// The record that the event belongs to, as a record key.
    pub const RECORD: &str = "record";
    /// Time of the event (UTC).
    pub const OCCURRED_AT: &str = "occurred_at";
    /// Link to the event at the source.
    pub const URL: &str = "url";
    /// Ids by which a customer can be looked up, such as order numbers: the rest of the name is the namespace.
    pub const REFERENCE: &str = "reference.";
    /// Values for templates.
    pub const DATA: &str = "data.";
    /// Ids of the event's places: `place.resource` is the id of the place that `data.resource` names.
    pub const PLACE: &str = "place.";
}

/// An event with its current state.
#[derive(Debug, Clone)]
pub struct Event {
    /// The event's identity.
    pub key: EventKey,
    /// The values of its fields.
    pub versions: FieldVersions,
}

impl Event {
    /// The record that the event belongs to, if it is known.
    #[must_use]
    pub fn record(&self) -> Option<RecordKey> {
        self.versions.text(field::RECORD).and_then(|key| key.parse().ok())
    }

    /// The time of the event. If it is missing, the time of the first report. If it cannot be parsed, the oldest time,
    /// so that the event sorts last.
    #[must_use]
    pub fn occurred_at(&self) -> Timestamp {
        let first_reported =
            || if self.is_undated() { UNCLEAR_AT } else { self.versions.first_at() };
        self.versions.time(field::OCCURRED_AT).unwrap_or_else(first_reported)
    }

    /// The day of the event, if the source gives a day without a time.
    #[must_use]
    pub fn day(&self) -> Option<Date> {
        self.versions
            .text(field::OCCURRED_AT)
            .filter(|text| text.len() == "2026-11-21".len())
            .and_then(|text| text.parse().ok())
    }

    /// Whether the time of the event could not be parsed. Such an event must not appear in a timeline.
    #[must_use]
    pub fn is_undated(&self) -> bool {
        self.versions.text(field::OCCURRED_AT).is_none()
            && self.versions.text(&format!("{}{}", unread::PREFIX, field::OCCURRED_AT)).is_some()
    }

    /// Ids that find the event's customer: namespace and value.
    pub fn references(&self) -> impl Iterator<Item = (String, String)> {
        self.versions.with_prefix(field::REFERENCE).filter_map(|(name, value, _)| {
            Some((format!("{}.{name}", self.key.event_type()), text::id(value.as_str()?)?))
        })
    }
}
