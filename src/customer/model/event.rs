//! Something that happened to a record: a purchase, a ticket, a reward, a booking, a touchpoint.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;

use super::field_versions::{FieldVersions, UNCLEAR_AT};
use super::record::RecordKey;
use super::source::{Source, UnknownName};
use super::text;

/// The names of an event's fields.
pub mod field {
    /// The record it hangs on, as a record key.
    pub const RECORD: &str = "record";
    /// When it happened (UTC).
    pub const OCCURRED_AT: &str = "occurred_at";
    /// Where the source shows it.
    pub const URL: &str = "url";
    /// Ids by which a customer can be looked up, such as order numbers: the rest of the name is the namespace.
    pub const REFERENCE: &str = "reference.";
    /// Whatever templates may show.
    pub const DATA: &str = "data.";
    /// Ids of the places that it happens at: `place.resource` is the place whose name `data.resource` is.
    pub const PLACE: &str = "place.";
}

/// An event's identity: the source, what it is (`transaction`, `ticket`, …) and the source's own id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    /// Who reported it.
    pub source: Source,
    /// What it is, in lower case, without a colon.
    pub what: String,
    /// The source's id.
    pub id: String,
}

impl EventKey {
    /// An event's key, unless a part is empty or longer than [`text::MAX_ID_CHARS`].
    #[must_use]
    pub fn new(source: Source, what: &str, id: &str) -> Option<Self> {
        Some(Self { source, what: text::id(what)?.replace(':', "."), id: text::id(id)? })
    }

    /// The name that settings use for its message: `omneo.transaction`.
    #[must_use]
    pub fn event_type(&self) -> String {
        format!("{}.{}", self.source, self.what)
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}:{}", self.source, self.what, self.id)
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}:[id]", self.source, self.what)
    }
}

impl FromStr for EventKey {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (event_type, id) = s.split_once(':').ok_or(UnknownName)?;
        let (source, what) = event_type.split_once('.').ok_or(UnknownName)?;
        Ok(Self { source: source.parse()?, what: what.to_owned(), id: id.to_owned() })
    }
}

/// One event with its current state.
#[derive(Debug, Clone)]
pub struct Event {
    /// Which.
    pub key: EventKey,
    /// What is known.
    pub versions: FieldVersions,
}

impl Event {
    /// The record it hangs on, once known.
    #[must_use]
    pub fn record(&self) -> Option<RecordKey> {
        self.versions.text(field::RECORD).and_then(|key| key.parse().ok())
    }

    /// When it happened; failing that, when it was first heard of. Behind all others where nobody can read it.
    #[must_use]
    pub fn occurred_at(&self) -> Timestamp {
        let first_heard = || if self.is_undated() { UNCLEAR_AT } else { self.versions.first_at() };
        self.versions.time(field::OCCURRED_AT).unwrap_or_else(first_heard)
    }

    /// The day on which it happened, where the source says only that.
    #[must_use]
    pub fn day(&self) -> Option<Date> {
        self.versions.text(field::OCCURRED_AT).filter(|text| text.len() == "2026-11-21".len()).and_then(|text| text.parse().ok())
    }

    /// Whether nobody can read when it happened: it must not stand in a timeline as if that were known.
    #[must_use]
    pub fn is_undated(&self) -> bool {
        self.versions.text(field::OCCURRED_AT).is_none()
            && self.versions.text(&format!("{}{}", crate::customer::model::unread::PREFIX, field::OCCURRED_AT)).is_some()
    }

    /// Ids by which its customer can be looked up: namespace and value.
    pub fn references(&self) -> impl Iterator<Item = (String, String)> {
        self.versions
            .with_prefix(field::REFERENCE)
            .filter_map(|(name, value, _)| Some((format!("{}.{name}", self.key.event_type()), text::id(value.as_str()?)?)))
    }
}
