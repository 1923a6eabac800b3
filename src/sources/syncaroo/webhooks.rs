//! Syncaroo's webhooks report that something changed, and its URL. The id of a booking contains its slot:
//! `<24 hex>*<start, epoch ms>*<end, epoch ms>`, sometimes after a stray apostrophe. Data about people is only
//! in replies of its API, whose format is assumed.

use jiff::Timestamp;
use serde_json::Value;

use super::{SyncarooSettings, place};
use crate::customer::model::event;
use crate::customer::model::event::EventKey;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::{Change, RecordKey, field};
use crate::customer::model::source::{Source, SourceKind};
use crate::sources::extract::{FieldExtractor, Fields, id_at, text_at};
use crate::sources::said_at::said_at;
use crate::sources::time::{Moment, moment};
use crate::sources::webhook::{DedupKey, DeliveryMeta};
use crate::sources::{Delivery, ParsedWebhook, Unreadable, WebhookParser};

impl WebhookParser for SyncarooSettings {
    fn parse_webhook(&self, delivery: &Delivery) -> Result<ParsedWebhook, Unreadable> {
        let body = delivery.json()?;
        if self.connection_id != 0
            && text_at(&body, "/connectionId") != Some(self.connection_id.to_string())
        {
            return Err(Unreadable::Foreign("connection"));
        }
        let attribute = text_at(&body, "/metaData/attributeType")
            .ok_or(Unreadable::Missing("attributeType"))?;
        if attribute != "bookings" {
            return Ok(ParsedWebhook::Ignored("it is not about a booking"));
        }
        let id =
            id_at(&body, "/metaData/syncarooId").ok_or(Unreadable::Missing("usable syncarooId"))?;
        let key = booking_key(&id)?;
        let fields = slot(FieldExtractor::new(&body), &key.id)
            .pick_text(&[
                ("/metaData/resourceType", "data.resource_type"),
                ("/metaData/resourceId", "data.resource_id"),
                ("/locationId", "data.location_id"),
                ("/metaData/apiUrl", API_URL),
            ])
            .finish();
        let url = text_at(&body, "/metaData/apiUrl").unwrap_or_default();
        let fields = place::SHOWN.iter().filter_map(|shown| shown.in_url(&url)).fold(
            fields,
            |mut fields, spot| {
                fields.insert(spot.field(), Some(Value::from(spot.id)));
                fields
            },
        );
        let received_at = delivery.received_at;
        Ok(ParsedWebhook::Changes(vec![Change::Event {
            key,
            update: Update { at: received_at, received_at, scope: Scope::Partial, fields },
        }]))
    }

    fn parse_reply(&self, delivery: &Delivery) -> Result<ParsedWebhook, Unreadable> {
        let body = delivery.json()?;
        let key = booking_key(
            &id_at(&body, &self.pointers.booking).ok_or(Unreadable::Missing("booking id"))?,
        )?;
        Ok(ParsedWebhook::Changes(self.booking(&body, key, delivery.received_at)))
    }

    fn required_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn label(&self, delivery: &Delivery) -> DeliveryMeta {
        let body = delivery.json().unwrap_or_default();
        let event = text_at(&body, "/metaData/attributeType");
        let priority = self
            .webhook_priorities
            .priority(event.as_deref(), text_at(&body, "/metaData/resourceType").as_deref());
        DeliveryMeta::new(event.as_deref(), DedupKey::None, priority)
    }
}

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

pub(super) fn booking_key(id: &str) -> Result<EventKey, Unreadable> {
    EventKey::new(Source::Syncaroo, "booking", id.trim_start_matches('\''))
        .ok_or(Unreadable::Missing("usable booking id"))
}

/// The slot in the booking's id, if there is one.
fn slot<'a>(extractor: FieldExtractor<'a>, id: &str) -> FieldExtractor<'a> {
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
