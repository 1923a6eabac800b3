//! A parsed reply: changes, further requests, and the next page of a list.

use std::fmt;

use jiff::Timestamp;

use super::place::Place;
use super::request::ApiRequest;
use crate::customer::model::event::EventKey;
use crate::customer::model::record::Change;

/// A parsed reply, with further requests to one source or to any.
#[derive(Clone, PartialEq)]
pub struct ParsedReply<R = ApiRequest> {
    /// When the request was sent. Everything in the reply is at least that recent.
    pub asked_at: Timestamp,
    /// Whether the source answered "not found".
    pub is_missing: bool,
    /// Changes of records and events.
    pub changes: Vec<Change>,
    /// Keys of the items that exist at the source, as in [`Change::keys`]: for a list, all items on the page.
    pub there: Vec<String>,
    /// The request for the next page.
    pub next: Option<R>,
    /// Further requests that complete the data of these people.
    pub follow: Vec<R>,
    /// Number of items in the whole list, if the source reports it.
    pub total: Option<u64>,
    /// Names of places, by id.
    pub places: Vec<Place>,
    /// Fields of events for which the reply has only the id of a place.
    pub missing_names: Vec<MissingName<R>>,
}

impl<R> Default for ParsedReply<R> {
    fn default() -> Self {
        Self {
            asked_at: Timestamp::default(),
            is_missing: false,
            changes: Vec::new(),
            there: Vec::new(),
            next: None,
            follow: Vec::new(),
            total: None,
            places: Vec::new(),
            missing_names: Vec::new(),
        }
    }
}

impl<R> ParsedReply<R> {
    /// Whether the reply contains nothing usable, not even "not found".
    #[must_use]
    pub fn says_nothing(&self) -> bool {
        let lists = [
            self.changes.is_empty(),
            self.there.is_empty(),
            self.follow.is_empty(),
            self.places.is_empty(),
        ];
        !self.is_missing && self.next.is_none() && lists.into_iter().all(|is_empty| is_empty)
    }
}

impl<R: Into<ApiRequest>> ParsedReply<R> {
    /// The same reply, with its requests as requests to any source.
    pub(super) fn of_any_source(self) -> ParsedReply {
        let Self { asked_at, is_missing, changes, there, total, places, .. } = self;
        ParsedReply {
            asked_at,
            is_missing,
            changes,
            there,
            next: self.next.map(Into::into),
            follow: self.follow.into_iter().map(Into::into).collect(),
            total,
            places,
            missing_names: self.missing_names.into_iter().map(MissingName::of_any_source).collect(),
        }
    }
}

impl<R> fmt::Debug for ParsedReply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParsedReply")
            .field("changes", &self.changes.len())
            .field("there", &self.there.len())
            .finish_non_exhaustive()
    }
}

/// A field of an event that needs the name of a place.
#[derive(Debug, Clone, PartialEq)]
pub struct MissingName<R = ApiRequest> {
    /// The event.
    pub event: EventKey,
    /// The field, such as `data.resource`.
    pub field: &'static str,
    /// The place's id.
    pub place: String,
    /// The request that returns the name.
    pub ask: R,
}

impl<R: Into<ApiRequest>> MissingName<R> {
    fn of_any_source(self) -> MissingName {
        let Self { event, field, place, ask } = self;
        MissingName { event, field, place, ask: ask.into() }
    }
}
