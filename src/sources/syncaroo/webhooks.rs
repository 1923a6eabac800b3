//! Syncaroo's webhooks report that something changed, and its URL. The id of a booking contains its slot:
//! `<24 hex>*<start, epoch ms>*<end, epoch ms>`, sometimes after a stray apostrophe. Data about people is only
//! in replies of its API, whose format is assumed.

use serde_json::Value;

use super::booking::{API_URL, BOOKINGS, attribute_type, booking_of_webhook, slot};
use super::names::NAMES;
use super::place::PlaceRef;
use super::settings::SyncarooSettings;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::Change;
use crate::sources::delivery::Delivery;
use crate::sources::extract::FieldExtractor;
use crate::sources::mentioned::Mentions;
use crate::sources::template_names::TemplateNames;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::text_at;
use crate::sources::webhook::{DedupKey, DeliveryMeta, ParsedWebhook, WebhookParser};

impl WebhookParser for SyncarooSettings {
    fn parse_webhook(&self, delivery: &Delivery) -> Result<ParsedWebhook, Unreadable> {
        let body = delivery.json()?;
        self.require_own(&body)?;
        if attribute_type(&body).ok_or(Unreadable::Missing("attributeType"))? != BOOKINGS {
            return Ok(ParsedWebhook::Ignored("it is not about a booking"));
        }
        let key = booking_of_webhook(&body)?;
        let mut fields = slot(FieldExtractor::new(&body), &key.id)
            .pick_text(&[
                ("/metaData/resourceType", "data.resource_type"),
                ("/metaData/resourceId", "data.resource_id"),
                ("/locationId", "data.location_id"),
                ("/metaData/apiUrl", API_URL),
            ])
            .finish();
        let url = text_at(&body, "/metaData/apiUrl").unwrap_or_default();
        for place in PlaceRef::all_in(&url) {
            place.set(&mut fields);
        }
        let received_at = delivery.received_at;
        Ok(ParsedWebhook::Changes(vec![Change::Event {
            key,
            update: Update { at: received_at, received_at, scope: Scope::Partial, fields },
        }]))
    }

    fn mentions(&self, delivery: &Delivery) -> Mentions {
        let body = delivery.json().unwrap_or_default();
        let booking = self.require_own(&body).and_then(|()| booking_of_webhook(&body));
        Mentions { events: booking.into_iter().collect(), ..Mentions::default() }
    }

    fn required_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn template_names(&self) -> TemplateNames {
        NAMES
    }

    fn meta(&self, delivery: &Delivery) -> DeliveryMeta {
        let body = delivery.json().unwrap_or_default();
        let event = attribute_type(&body);
        let priority = self
            .webhook_priorities
            .priority(event.as_deref(), text_at(&body, "/metaData/resourceType").as_deref());
        DeliveryMeta::new(event.as_deref(), DedupKey::None, priority)
    }
}

impl SyncarooSettings {
    /// Refuses a webhook of another connection.
    fn require_own(&self, body: &Value) -> Result<(), Unreadable> {
        let is_own = self.connection_id == 0
            || text_at(body, "/connectionId") == Some(self.connection_id.to_string());
        let foreign = "connection than sources.syncaroo.connection_id";
        if is_own { Ok(()) } else { Err(Unreadable::Foreign(foreign)) }
    }
}
