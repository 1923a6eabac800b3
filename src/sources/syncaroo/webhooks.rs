//! Syncaroo's webhooks report that something changed, and its URL. The id of a booking contains its slot:
//! `<24 hex>*<start, epoch ms>*<end, epoch ms>`, sometimes after a stray apostrophe. Data about people is only
//! in replies of its API, whose format is assumed.

use serde_json::Value;

use super::booking::{API_URL, booking_key, slot};
use super::names::NAMES;
use super::place::PlaceKind;
use super::settings::SyncarooSettings;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::Change;
use crate::sources::delivery::Delivery;
use crate::sources::extract::FieldExtractor;
use crate::sources::template_names::TemplateNames;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::{id_at, text_at};
use crate::sources::webhook::{DedupKey, DeliveryMeta, ParsedWebhook, WebhookParser};

impl WebhookParser for SyncarooSettings {
    fn parse_webhook(&self, delivery: &Delivery) -> Result<ParsedWebhook, Unreadable> {
        let body = delivery.json()?;
        if self.connection_id != 0
            && text_at(&body, "/connectionId") != Some(self.connection_id.to_string())
        {
            return Err(Unreadable::Foreign("connection than sources.syncaroo.connection_id"));
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
        let fields = PlaceKind::ALL.into_iter().filter_map(|kind| kind.in_url(&url)).fold(
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

    fn required_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn template_names(&self) -> TemplateNames {
        NAMES
    }

    fn meta(&self, delivery: &Delivery) -> DeliveryMeta {
        let body = delivery.json().unwrap_or_default();
        let event = text_at(&body, "/metaData/attributeType");
        let priority = self
            .webhook_priorities
            .priority(event.as_deref(), text_at(&body, "/metaData/resourceType").as_deref());
        DeliveryMeta::new(event.as_deref(), DedupKey::None, priority)
    }
}
