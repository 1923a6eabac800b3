//! Bookings, and the members who made them. The format of a booking in the API is assumed.

use jiff::Timestamp;
use serde_json::Value;

use super::settings::SyncarooSettings;
use crate::customer::model::event;
use crate::customer::model::event::EventKey;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::{Change, RecordKey, field};
use crate::customer::model::source::{Source, SourceKind};
use crate::sources::extract::{FieldExtractor, Fields};
use crate::sources::said_at::said_at;
use crate::sources::time::{Moment, moment};
use crate::sources::unreadable::Unreadable;
use crate::sources::value::{id_at, text_at};

/// The URL of a booking in the API.
pub(super) const API_URL: &str = "data.api_url";

impl SyncarooSettings {
    /// The changes of a booking, and of the member who made it.
    pub(super) fn booking(
        &self,
        body: &Value,
        key: EventKey,
        received_at: Timestamp,
    ) -> Vec<Change> {
        let places = &self.pointers;
        let mut unread = Fields::new();
        let at = said_at(body, &[&places.updated_at], &mut unread).stamp(received_at);
        let member = id_at(body, &places.member)
            .and_then(|id| RecordKey::new(SourceKind::SyncarooMember, &id));
        let mut changes = Vec::new();
        if let Some(member) = &member {
            let fields = FieldExtractor::new(body)
                .pick_name(&[
                    (&places.first_name, field::FIRST_NAME),
                    (&places.last_name, field::LAST_NAME),
                    (&places.full_name, field::FULL_NAME),
                ])
                .pick_address(&[(&places.email, "email.main"), (&places.phone, "phone.main")])
                .finish();
            changes.push(Change::Record {
                key: member.clone(),
                update: Update { at, received_at, scope: Scope::Partial, fields },
            });
        }
        let fields = slot(FieldExtractor::new(body), &key.id)
            .pick(&[
                (&places.status, "data.status"),
                (&places.resource, "data.resource"),
                (&places.location, "data.location"),
            ])
            .pick_known_time(&[
                (&places.starts_at, "data.starts_at"),
                (&places.starts_at, event::field::OCCURRED_AT),
                (&places.ends_at, "data.ends_at"),
            ])
            .set_known(event::field::RECORD, member.map(|key| key.to_string()))
            .with(unread)
            .finish();
        changes.push(Change::Event {
            key,
            update: Update { at, received_at, scope: Scope::Partial, fields },
        });
        changes
    }
}

/// The name of bookings in webhooks, and of their stream.
pub(super) const BOOKINGS: &str = "bookings";

/// The kind of a booking in its key.
pub(super) const BOOKING: &str = "booking";

/// What a webhook is about, in Syncaroo's words.
pub(super) fn attribute_type(body: &Value) -> Option<String> {
    text_at(body, "/metaData/attributeType")
}

/// The booking that a webhook is about.
pub(super) fn booking_of_webhook(body: &Value) -> Result<EventKey, Unreadable> {
    let id = id_at(body, "/metaData/syncarooId");
    booking_key(&id.ok_or(Unreadable::Missing("usable syncarooId"))?)
}

pub(super) fn booking_key(id: &str) -> Result<EventKey, Unreadable> {
    EventKey::new(Source::Syncaroo, BOOKING, id.trim_start_matches('\''))
        .ok_or(Unreadable::Missing("usable booking id"))
}

/// The slot in the booking's id, if there is one.
pub(super) fn slot<'a>(extractor: FieldExtractor<'a>, id: &str) -> FieldExtractor<'a> {
    let mut parts = id.split('*').skip(1);
    let mut time = || {
        parts
            .next()
            .and_then(|ms| ms.parse::<i64>().ok())
            .and_then(|ms| moment(&Value::from(ms)).ok()?)
            .map(Moment::text)
    };
    let (starts_at, ends_at) = (time(), time());
    extractor
        .set_known("data.starts_at", starts_at.clone())
        .set_known(event::field::OCCURRED_AT, starts_at)
        .set_known("data.ends_at", ends_at)
}
