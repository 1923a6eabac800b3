//! Parses the bookings of a participant. A booking has the same id in the API and in webhooks.

use jiff::Timestamp;
use serde_json::Value;

use super::OmniLabSettings;
use super::requests::{BOOKINGS, page};
use crate::customer::model::event;
use crate::customer::model::event::EventKey;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::{Change, RecordKey};
use crate::customer::model::source::{Source, SourceKind};
use crate::sources::Unreadable;
use crate::sources::api::{ApiRequest, ParsedReply, Reply};
use crate::sources::extract::{FieldExtractor, Fields, id_at, time_at};
use crate::sources::listing::Listing;

impl OmniLabSettings {
    /// A participant that OmniLab does not know has no bookings.
    pub(super) fn bookings(
        &self,
        ask: &ApiRequest,
        reply: &Reply,
    ) -> Result<ParsedReply, Unreadable> {
        if reply.is_missing {
            return Ok(ParsedReply::default());
        }
        let participant = RecordKey::new(SourceKind::OmniLabParticipant, &ask.about)
            .ok_or(Unreadable::Missing("usable external id"))?;
        let listing = Listing::find(&reply.body, BOOKINGS).ok_or(Unreadable::Missing("list"))?;
        let page = page(ask).ok_or(Unreadable::Missing("page"))?;
        let mut heard = ParsedReply {
            total: listing.total(page, self.api.page_size),
            ..ParsedReply::default()
        };
        let mut latest = None;
        for item in listing.items {
            let Some(key) = id_at(item, &self.booking_pointers.booking)
                .and_then(|id| EventKey::new(Source::OmniLab, "booking", &id))
            else {
                continue;
            };
            let said_at = self.said_at(item);
            let at = said_at.unwrap_or(reply.received_at);
            latest = latest.max(Some(at));
            heard.there.push(key.to_string());
            let fields = self.booking(item, &participant, said_at);
            heard.changes.push(Change::Event {
                key,
                update: Update {
                    at,
                    received_at: reply.received_at,
                    scope: Scope::Partial,
                    fields,
                },
            });
        }
        if heard.there.is_empty() && !listing.items.is_empty() {
            return Err(Unreadable::Missing("booking"));
        }
        heard
            .changes
            .extend(latest.and_then(|at| self.participant(participant, at, reply.received_at)));
        heard.next = listing
            .has_more(page, self.api.page_size)
            .then(|| ask.on_page(page.saturating_add(1).to_string()));
        Ok(heard)
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
