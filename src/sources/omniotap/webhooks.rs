//! OmnioTap's webhook envelope: snake_case outside, camelCase in `data`.
//!
//! Its documentation shows only the body of `contact`/`created`. Other entities and actions are only named, so
//! every field is optional. The time stamp is `updatedAt` or `occurred_at`, whichever is later: when a deleted
//! contact is restored, `updatedAt` is unchanged.

use serde_json::Value;

use super::entity::{Entity, Stamp, mentions_in};
use super::names::NAMES;
use super::settings::OmnioTapSettings;
use crate::customer::model::field_versions::Scope;
use crate::customer::model::text::canonical_id;
use crate::sources::delivery::Delivery;
use crate::sources::extract::Fields;
use crate::sources::mentioned::Mentions;
use crate::sources::said_at::{SaidAt, said_at};
use crate::sources::template_names::TemplateNames;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::{id_at, text_at};
use crate::sources::webhook::{DedupKey, DeliveryMeta, ParsedWebhook, Priority, WebhookParser};

impl WebhookParser for OmnioTapSettings {
    fn parse_webhook(&self, delivery: &Delivery) -> Result<ParsedWebhook, Unreadable> {
        let body = delivery.json()?;
        self.require_own(&body)?;
        let entity = text_at(&body, "/entity_type").ok_or(Unreadable::Missing("entity_type"))?;
        let action = text_at(&body, "/action").ok_or(Unreadable::Missing("action"))?;
        let data =
            body.get("data").filter(|data| data.is_object()).ok_or(Unreadable::Missing("data"))?;
        let deleted = match action.as_str() {
            "created" | "updated" => false,
            "deleted" => true,
            _ => return Ok(ParsedWebhook::Ignored("unknown action")),
        };
        let Some(entity) = Entity::ALL.into_iter().find(|known| known.name() == entity) else {
            return Ok(ParsedWebhook::Ignored("unknown entity"));
        };
        let mut unread = Fields::new();
        let occurred_at = said_at(&body, &["/occurred_at"], &mut unread);
        // The time of the last change is not the time of the deletion. The deletion counts even if its time
        // cannot be parsed.
        let (scope, said_at, happened_at) = if deleted {
            (Scope::Deletion, occurred_at.known().map_or(SaidAt::Unsaid, SaidAt::At), None)
        } else {
            let updated_at = said_at(data, &["/updatedAt"], &mut unread);
            (
                Scope::Partial,
                updated_at.or_later(occurred_at),
                updated_at.known().or(occurred_at.known()),
            )
        };
        let stamp = Stamp {
            at: said_at.stamp(delivery.received_at),
            received_at: delivery.received_at,
            unread,
        };
        Ok(ParsedWebhook::Changes(vec![entity.change(data, stamp, happened_at, scope)?]))
    }

    fn mentions(&self, delivery: &Delivery) -> Mentions {
        let body = delivery.json().unwrap_or_default();
        if self.require_own(&body).is_err() {
            return Mentions::default();
        }
        let name = text_at(&body, "/entity_type").unwrap_or_default();
        let entity = Entity::ALL.into_iter().find(|known| known.name() == name);
        mentions_in(entity, body.get("data").unwrap_or(&Value::Null))
    }

    fn required_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn template_names(&self) -> TemplateNames {
        NAMES
    }

    fn meta(&self, delivery: &Delivery) -> DeliveryMeta {
        let body = delivery.json().unwrap_or_default();
        let event = text_at(&body, "/entity_type")
            .zip(text_at(&body, "/action"))
            .map(|(entity, action)| format!("{entity}.{action}"));
        let dedup_key = id_at(&body, "/event_id")
            .map_or_else(|| DedupKey::of_content("", &delivery.body), DedupKey::Id);
        DeliveryMeta::new(event.as_deref(), dedup_key, Priority::Normal)
    }
}

impl OmnioTapSettings {
    /// Refuses a webhook of another tenant.
    fn require_own(&self, body: &Value) -> Result<(), Unreadable> {
        if self.tenant_id.is_empty() {
            return Ok(());
        }
        let tenant = id_at(body, "/tenant_id").ok_or(Unreadable::Missing("tenant_id"))?;
        let foreign = "tenant than sources.omniotap.tenant_id";
        let is_own = tenant == canonical_id(&self.tenant_id);
        if is_own { Ok(()) } else { Err(Unreadable::Foreign(foreign)) }
    }
}
