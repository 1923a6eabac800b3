//! Parses the bookings of a participant. A booking has the same id in the API and in webhooks.

use jiff::Timestamp;
use serde_json::Value;

use super::requests::{BOOKINGS, OmniLabRequest};
use super::settings::OmniLabSettings;
use crate::customer::model::event;
use crate::customer::model::event::{Event, EventKey};
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::{Change, RecordKey};
use crate::customer::model::source::{Source, SourceKind};
use crate::sources::api::http::Reply;
use crate::sources::api::reply::ParsedReply;
use crate::sources::extract::{FieldExtractor, Fields};
use crate::sources::listing::Listing;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::{id_at, time_at};

/// Whether a stored booking is cancelled.
#[must_use]
pub fn is_cancelled(booking: &Event) -> bool {
    booking
        .versions
        .text("data.status")
        .is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED"))
}

impl OmniLabSettings {
    /// A page of the bookings of a participant. A participant that OmniLab does not know has no bookings.
    pub(super) fn bookings(
        &self,
        external_id: &str,
        page: u64,
        reply: &Reply,
    ) -> Result<ParsedReply<OmniLabRequest>, Unreadable> {
        if reply.is_missing {
            return Ok(ParsedReply::default());
        }
        let participant = RecordKey::new(SourceKind::OmniLabParticipant, external_id)
            .ok_or(Unreadable::Missing("usable external id"))?;
        let listing = Listing::find(&reply.body, BOOKINGS).ok_or(Unreadable::Missing("list"))?;
        let changes: Vec<Change> = listing
            .items
            .iter()
            .filter_map(|item| self.change(item, &participant, reply.received_at))
            .collect();
        if changes.is_empty() && !listing.items.is_empty() {
            return Err(Unreadable::Missing("booking"));
        }
        let latest = changes.iter().filter_map(Change::update).map(|update| update.at).max();
        let person = latest.and_then(|at| self.participant(participant, at, reply.received_at));
        Ok(ParsedReply {
            there: changes.iter().flat_map(Change::keys).collect(),
            changes: changes.into_iter().chain(person).collect(),
            total: listing.total(page, self.api.page_size),
            next: listing.has_more(page, self.api.page_size).then(|| OmniLabRequest::Bookings {
                external_id: external_id.to_owned(),
                page: page.saturating_add(1),
            }),
            ..ParsedReply::default()
        })
    }

    /// The change of a booking; `None` if it has no usable id.
    fn change(
        &self,
        item: &Value,
        participant: &RecordKey,
        received_at: Timestamp,
    ) -> Option<Change> {
        let id = id_at(item, &self.booking_pointers.booking)?;
        let key = EventKey::new(Source::OmniLab, "booking", &id)?;
        let said_at = self.said_at(item);
        let fields = self.booking(item, participant, said_at);
        let at = said_at.unwrap_or(received_at);
        Some(Change::Event {
            key,
            update: Update { at, received_at, scope: Scope::Partial, fields },
        })
    }

    /// When the booking last changed.
    fn said_at(&self, item: &Value) -> Option<Timestamp> {
        let places = &self.booking_pointers;
        [&places.booked_at, &places.cancelled_at, &places.checked_in_at]
            .into_iter()
            .filter_map(|pointer| time_at(item, pointer))
            .max()
    }

    /// The fields have the same names as those from webhooks.
    fn booking(
        &self,
        item: &Value,
        participant: &RecordKey,
        occurred_at: Option<Timestamp>,
    ) -> Fields {
        let places = &self.booking_pointers;
        FieldExtractor::new(item)
            .pick(&[
                (&places.activity, "data.activity"),
                (&places.interaction, "data.interaction"),
                (&places.ticket_type, "data.ticket_type"),
                (&places.host, "data.host"),
                (&places.duration_minutes, "data.duration_minutes"),
                (&places.status, "data.status"),
                (&places.timezone, "data.timezone"),
            ])
            .pick_time(&[(&places.starts_at, "data.starts_at")])
            .set_known(event::field::OCCURRED_AT, occurred_at.map(|at| at.to_string()))
            .set(event::field::RECORD, Some(Value::from(participant.to_string())))
            .finish()
    }

    /// A participant with an id of another system is linked to that system's record.
    fn participant(&self, key: RecordKey, at: Timestamp, received_at: Timestamp) -> Option<Change> {
        let fields = self.external_id_kind.references(&key.id);
        (!fields.is_empty()).then_some(Change::Record {
            key,
            update: Update { at, received_at, scope: Scope::Partial, fields },
        })
    }
}
