//! The identity of an event.

use std::fmt;
use std::str::FromStr;

use super::source::{Source, UnknownName};
use super::text;

/// The identity of an event: the source, the kind of event (`transaction`, `ticket`, …) and the source's id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    /// The source that reported the event.
    pub source: Source,
    /// The kind of event, in lower case, without a colon.
    pub what: String,
    /// The source's id.
    pub id: String,
}

impl EventKey {
    /// Builds the key. `None` if a part is empty or longer than [`text::MAX_ID_CHARS`].
    #[must_use]
    pub fn new(source: Source, what: &str, id: &str) -> Option<Self> {
        Some(Self { source, what: text::id(what)?.replace(':', "."), id: text::id(id)? })
    }

    /// The event type in settings, which selects its message: `omneo.transaction`.
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
