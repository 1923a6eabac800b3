//! OmnioTap's webhook envelope: snake_case outside, camelCase in `data`.
//!
//! Only `contact`/`created` is printed in its documentation; the other entities and actions are named there without a
//! body, so every field is optional. `updatedAt` is the time stamp, failing that `occurred_at`.

use jiff::Timestamp;
use serde_json::Value;

use super::OmnioTapSettings;
use crate::customer::event::{self, EventKey};
use crate::customer::kind::{Source, SourceKind};
use crate::customer::record::{Change, RecordKey, field};
use crate::customer::versions::{Scope, Update};
use crate::sources::picker::{Picker, text_at, time_at};
use crate::sources::webhook::{Label, Sameness, Urgency};
use crate::sources::{Delivery, Reader, Reading, Unreadable};

impl Reader for OmnioTapSettings {
    fn read_webhook(&self, delivery: &Delivery) -> Result<Reading, Unreadable> {
        let body = delivery.json()?;
        if !self.tenant_id.is_empty() && text_at(&body, "/tenant_id").ok_or(Unreadable::Missing("tenant_id"))? != self.tenant_id {
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
        let id = text_at(data, "/id").ok_or(Unreadable::Missing("id"))?;
        let occurred_at = time_at(&body, "/occurred_at").unwrap_or(delivery.received_at);
        let at = if deleted { occurred_at } else { time_at(data, "/updatedAt").unwrap_or(occurred_at) };
        let update = |fields| Update {
            at,
            scope: if deleted { Scope::Deletion } else { Scope::Partial },
            fields: if deleted { std::collections::BTreeMap::new() } else { fields },
        };
        let record = |kind, fields| {
            let key = RecordKey::new(kind, &id).ok_or(Unreadable::Missing("usable id"))?;
            Ok(Reading::Changes(vec![Change::Record { key, update: update(fields) }]))
        };
        let event = |what, fields| {
            let key = EventKey::new(Source::OmnioTap, what, &id).ok_or(Unreadable::Missing("usable id"))?;
            Ok(Reading::Changes(vec![Change::Event { key, update: update(fields) }]))
        };
        match entity.as_str() {
            "contact" => record(SourceKind::OmnioTapContact, person(data).finish()),
            "customer" => record(SourceKind::OmnioTapCustomer, customer(data).finish()),
            "lead" => event("lead", happening(data, &LEAD, at)),
            "opportunity" => event("opportunity", happening(data, &OPPORTUNITY, at)),
            "ticket" => event("ticket", happening(data, &TICKET, at)),
            _ => Ok(Reading::Ignored("unknown entity")),
        }
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
        let sameness = text_at(&body, "/event_id").map_or_else(|| Sameness::of_content("", &delivery.body), Sameness::Id);
        Label::new(event.as_deref(), sameness, Urgency::Usual)
    }
}

const LEAD: [(&str, &str); 4] =
    [("/title", "data.title"), ("/leadSource", "data.lead_source"), ("/status", "data.status"), ("/priority", "data.priority")];
const OPPORTUNITY: [(&str, &str); 5] =
    [("/title", "data.title"), ("/stage", "data.stage"), ("/amount", "data.amount"), ("/currency", "data.currency"), ("/status", "data.status")];
const TICKET: [(&str, &str); 4] =
    [("/number", "data.number"), ("/subject", "data.subject"), ("/status", "data.status"), ("/priority", "data.priority")];

fn person(data: &Value) -> Picker<'_> {
    Picker::new(data)
        .pick_text(&[("/firstName", field::FIRST_NAME), ("/lastName", field::LAST_NAME), ("/email", "email.main"), ("/phone", "phone.main")])
        .pick_time(&[("/createdAt", field::CREATED_AT)])
        .pick(&[("/status", "attribute.status"), ("/company", "attribute.company"), ("/jobTitle", "attribute.job_title")])
}

fn customer(data: &Value) -> Picker<'_> {
    person(data)
        .pick_text(&[("/contactId", "reference.omniotap.contact"), ("/customerNumber", "reference.omniotap.customer_number")])
        .pick(&[("/segment", "attribute.segment"), ("/customerNumber", "attribute.customer_number")])
        .pick_time(&[("/customerSince", "attribute.customer_since")])
}

/// The person is the customer where one is named, else the contact.
fn happening(data: &Value, places: &[(&str, &str)], at: Timestamp) -> std::collections::BTreeMap<String, Option<Value>> {
    let person = |pointer, kind| text_at(data, pointer).and_then(|id| RecordKey::new(kind, &id)).map(|key| key.to_string());
    let record = person("/customerId", SourceKind::OmnioTapCustomer).or_else(|| person("/contactId", SourceKind::OmnioTapContact));
    Picker::new(data)
        .pick(places)
        .pick_text(&[("/url", event::field::URL), ("/number", "reference.number")])
        .pick_time(&[("/createdAt", "data.created_at")])
        .set(event::field::OCCURRED_AT, Some(Value::from(at.to_string())))
        .set_known(event::field::RECORD, record)
        .finish()
}
