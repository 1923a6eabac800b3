//! OmnioTap's webhook envelope: snake_case outside, camelCase in `data`.
//!
//! Only `contact`/`created` is printed in its documentation; the other entities and actions are named there without a
//! body, so every field is optional. `updatedAt` or `occurred_at` is the time stamp, whichever is later: a contact that was deleted
//! and restored comes with the former as it was before.

use super::OmnioTapSettings;
use super::entity::{Entity, Stamp};
use crate::customer::text::canonical_id;
use crate::customer::versions::Scope;
use crate::sources::picker::{Fields, id_at, said_at, text_at};
use crate::sources::webhook::{Label, Sameness, Urgency};
use crate::sources::{Delivery, Reader, Reading, Unreadable};

impl Reader for OmnioTapSettings {
    fn read_webhook(&self, delivery: &Delivery) -> Result<Reading, Unreadable> {
        let body = delivery.json()?;
        if !self.tenant_id.is_empty() && id_at(&body, "/tenant_id").ok_or(Unreadable::Missing("tenant_id"))? != canonical_id(&self.tenant_id) {
            return Err(Unreadable::Foreign("tenant"));
        }
        let entity = text_at(&body, "/entity_type").ok_or(Unreadable::Missing("entity_type"))?;
        let action = text_at(&body, "/action").ok_or(Unreadable::Missing("action"))?;
        let data = body.get("data").filter(|data| data.is_object()).ok_or(Unreadable::Missing("data"))?;
        let deleted = match action.as_str() {
            "created" | "updated" => false,
            "deleted" => true,
            _ => return Ok(Reading::Ignored("unknown action")),
        };
        let Some(entity) = Entity::ALL.into_iter().find(|known| known.name() == entity) else { return Ok(Reading::Ignored("unknown entity")) };
        let mut unread = Fields::new();
        let occurred_at = said_at(&body, &["/occurred_at"], &mut unread);
        let updated_at = if deleted { None } else { said_at(data, &["/updatedAt"], &mut unread) };
        let said_at = updated_at.max(occurred_at);
        let stamp = Stamp { at: said_at.unwrap_or(delivery.received_at), received_at: delivery.received_at, unread };
        let scope = if deleted { Scope::Deletion } else { Scope::Partial };
        Ok(Reading::Changes(vec![entity.change(data, stamp, updated_at.or(occurred_at), scope)?]))
    }

    fn read_answer(&self, _: &Delivery) -> Result<Reading, Unreadable> {
        Ok(Reading::Ignored("answers of this API are not read"))
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn label(&self, delivery: &Delivery) -> Label {
        let body = delivery.json().unwrap_or_default();
        let event = text_at(&body, "/entity_type").zip(text_at(&body, "/action")).map(|(entity, action)| format!("{entity}.{action}"));
        let sameness = id_at(&body, "/event_id").map_or_else(|| Sameness::of_content("", &delivery.body), Sameness::Id);
        Label::new(event.as_deref(), sameness, Urgency::Usual)
    }
}
