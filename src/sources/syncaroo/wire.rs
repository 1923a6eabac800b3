//! Syncaroo's webhooks say that something changed and where to ask; a booking's slot is in its id:
//! `<24 hex>*<start, epoch ms>*<end, epoch ms>`, sometimes with a stray apostrophe in front. People are only in the
//! answers of its API, whose shape is assumed.

use serde_json::Value;

use super::SyncarooSettings;
use crate::customer::event::{self, EventKey};
use crate::customer::kind::{Source, SourceKind};
use crate::customer::record::{Change, RecordKey, field};
use crate::customer::versions::{Scope, Update};
use crate::sources::picker::{Picker, text_at, time_at, time_of};
use crate::sources::webhook::{Label, Sameness};
use crate::sources::{Delivery, Reader, Reading, Unreadable};

impl Reader for SyncarooSettings {
    fn read_webhook(&self, delivery: &Delivery) -> Result<Reading, Unreadable> {
        let body = delivery.json()?;
        if self.connection_id != 0 && body.get("connectionId").and_then(Value::as_u64) != Some(self.connection_id) {
            return Err(Unreadable::Foreign("connection"));
        }
        let attribute = text_at(&body, "/metaData/attributeType").ok_or(Unreadable::Missing("attributeType"))?;
        if attribute != "bookings" {
            return Ok(Reading::Ignored("it is about no booking"));
        }
        let id = text_at(&body, "/metaData/syncarooId").ok_or(Unreadable::Missing("syncarooId"))?;
        let key = booking_key(&id)?;
        let fields = slot(Picker::new(&body), &key.id)
            .pick_text(&[
                ("/metaData/resourceType", "data.resource_type"),
                ("/metaData/resourceId", "data.resource_id"),
                ("/locationId", "data.location_id"),
            ])
            .finish();
        Ok(Reading::Changes(vec![Change::Event { key, update: Update { at: delivery.received_at, scope: Scope::Partial, fields } }]))
    }

    fn read_answer(&self, delivery: &Delivery) -> Result<Reading, Unreadable> {
        let body = delivery.json()?;
        let places = &self.pointers;
        let key = booking_key(&text_at(&body, &places.booking).ok_or(Unreadable::Missing("booking id"))?)?;
        let at = time_at(&body, &places.updated_at).unwrap_or(delivery.received_at);
        let member = text_at(&body, &places.member).and_then(|id| RecordKey::new(SourceKind::SyncarooMember, &id));
        let mut changes = Vec::new();
        if let Some(member) = &member {
            let fields = Picker::new(&body)
                .pick_text(&[
                    (&places.first_name, field::FIRST_NAME),
                    (&places.last_name, field::LAST_NAME),
                    (&places.full_name, field::FULL_NAME),
                    (&places.email, "email.main"),
                    (&places.phone, "phone.main"),
                ])
                .finish();
            changes.push(Change::Record { key: member.clone(), update: Update { at, scope: Scope::Partial, fields } });
        }
        let fields = slot(Picker::new(&body), &key.id)
            .pick(&[(&places.status, "data.status"), (&places.resource, "data.resource"), (&places.location, "data.location")])
            .pick_known_time(&[
                (&places.starts_at, "data.starts_at"),
                (&places.starts_at, event::field::OCCURRED_AT),
                (&places.ends_at, "data.ends_at"),
            ])
            .set_known(event::field::RECORD, member.map(|key| key.to_string()))
            .finish();
        changes.push(Change::Event { key, update: Update { at, scope: Scope::Partial, fields } });
        Ok(Reading::Changes(changes))
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn label(&self, delivery: &Delivery) -> Label {
        let body = delivery.json().unwrap_or_default();
        let event = text_at(&body, "/metaData/attributeType");
        let urgency = self.actions.urgency(event.as_deref(), text_at(&body, "/metaData/resourceType").as_deref());
        Label::new(event.as_deref(), Sameness::None, urgency)
    }
}

fn booking_key(id: &str) -> Result<EventKey, Unreadable> {
    EventKey::new(Source::Syncaroo, "booking", id.trim_start_matches('\'')).ok_or(Unreadable::Missing("usable booking id"))
}

/// The slot that the booking's id names, if it does.
fn slot<'a>(picker: Picker<'a>, id: &str) -> Picker<'a> {
    let mut parts = id.split('*').skip(1);
    let mut time = || parts.next().and_then(|ms| ms.parse::<i64>().ok()).and_then(|ms| time_of(&Value::from(ms))).map(|at| at.to_string());
    let (starts_at, ends_at) = (time(), time());
    picker.set_known("data.starts_at", starts_at.clone()).set_known(event::field::OCCURRED_AT, starts_at).set_known("data.ends_at", ends_at)
}
