//! OmniLab's webhooks: the body is the raw source event, the header `webhook-id` has the id of the delivery.
//!
//! The event's type may have an internal transport prefix; the plain type ends in `.v<number>`. A participant
//! is identified by the external id that the brand gave. An event without one, or with a placeholder, belongs
//! to nobody.

use serde_json::Value;

use super::names::NAMES;
use super::settings::OmniLabSettings;
use crate::customer::model::event;
use crate::customer::model::event::EventKey;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::{Change, RecordKey, field};
use crate::customer::model::source::{Source, SourceKind};
use crate::customer::model::text;
use crate::sources::delivery::Delivery;
use crate::sources::digest::digest;
use crate::sources::extract::{FieldExtractor, Fields};
use crate::sources::mentioned::Mentions;
use crate::sources::said_at::{said_at, undated};
use crate::sources::template_names::TemplateNames;
use crate::sources::time::Moment;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::{id_at, read_id, text_at};
use crate::sources::webhook::{DedupKey, DeliveryMeta, ParsedWebhook, Priority, WebhookParser};

/// The parts of OmniLab that send events, as in its event reference.
const AREAS: [&str; 7] =
    ["touchpoint", "cta", "question", "feedback", "reward", "booking", "smartlink"];

impl WebhookParser for OmniLabSettings {
    fn parse_webhook(&self, delivery: &Delivery) -> Result<ParsedWebhook, Unreadable> {
        let body = delivery.json()?;
        let places = &self.pointers;
        let full_type =
            text_at(&body, &places.event_type).ok_or(Unreadable::Missing("event type"))?;
        let Some((area, what)) = plain_type(&full_type) else {
            return Ok(ParsedWebhook::Ignored("unknown event"));
        };
        let external_id = read_id(&body, &places.external_id)
            .map_err(|_| Unreadable::Missing("usable external id"))?;
        let Some(external_id) = external_id else {
            return Ok(ParsedWebhook::Ignored("it has no participant"));
        };
        let mut unread = Fields::new();
        let said_at = said_at(&body, &[&places.time], &mut unread);
        let (at, received_at) = (said_at.stamp(delivery.received_at), delivery.received_at);
        let participant = RecordKey::new(SourceKind::OmniLabParticipant, &external_id)
            .ok_or(Unreadable::Missing("usable external id"))?;
        let booking = if area == "booking" { id_at(&body, &places.booking) } else { None };
        let (what, id) = match booking {
            Some(booking) => ("booking".to_owned(), booking),
            // A delivery without an id is identified by its content.
            None => (what, id_of(delivery).unwrap_or_else(|| hex(&digest("", &delivery.body)))),
        };
        let key =
            EventKey::new(Source::OmniLab, &what, &id).ok_or(Unreadable::Missing("usable id"))?;
        let update = |fields: Fields| Update { at, received_at, scope: Scope::Partial, fields };
        let record = Change::Record {
            key: participant.clone(),
            update: update(self.person(&body, &external_id)),
        };
        let event = self
            .event_fields(&body, &participant, said_at.known())
            .with(undated(said_at.known(), &unread).into_iter().collect())
            .with(unread)
            .finish();
        let event = Change::Event { key, update: update(event) };
        Ok(ParsedWebhook::Changes(vec![record, event]))
    }

    fn mentions(&self, delivery: &Delivery) -> Mentions {
        let body = delivery.json().unwrap_or_default();
        let places = &self.pointers;
        let id = read_id(&body, &places.external_id).ok().flatten();
        let participant =
            id.as_deref().and_then(|id| RecordKey::new(SourceKind::OmniLabParticipant, id));
        let booking = id_at(&body, &places.booking);
        let booking = booking.and_then(|id| EventKey::new(Source::OmniLab, "booking", &id));
        Mentions {
            records: participant.into_iter().collect(),
            events: booking.into_iter().collect(),
            fields: self.person(&body, id.as_deref().unwrap_or_default()),
        }
    }

    fn required_headers(&self) -> &'static [&'static str] {
        &["webhook-id"]
    }

    fn template_names(&self) -> TemplateNames {
        NAMES
    }

    fn meta(&self, delivery: &Delivery) -> DeliveryMeta {
        let event = delivery.json().ok().and_then(|body| text_at(&body, &self.pointers.event_type));
        let dedup_key =
            id_of(delivery).map_or_else(|| DedupKey::of_content("", &delivery.body), DedupKey::Id);
        DeliveryMeta::new(event.as_deref(), dedup_key, Priority::Normal)
    }
}

/// The id of the delivery, unless it is a placeholder.
fn id_of(delivery: &Delivery) -> Option<String> {
    delivery.header("webhook-id").and_then(text::id)
}

/// A part of a digest that is long enough to distinguish contents.
fn hex(digest: &[u8; 32]) -> String {
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

impl OmniLabSettings {
    fn person(&self, body: &Value, external_id: &str) -> Fields {
        let places = &self.pointers;
        FieldExtractor::new(body)
            .pick_name(&[
                (&places.first_name, field::FIRST_NAME),
                (&places.last_name, field::LAST_NAME),
            ])
            .pick_address(&[(&places.email, "email.main"), (&places.phone, "phone.main")])
            .with(self.external_id_kind.references(external_id))
            .finish()
    }

    fn event_fields<'a>(
        &self,
        body: &'a Value,
        participant: &RecordKey,
        occurred_at: Option<Moment>,
    ) -> FieldExtractor<'a> {
        let places = &self.pointers;
        FieldExtractor::new(body)
            .pick(&[
                (&places.interaction, "data.interaction"),
                (&places.name, "data.name"),
                (&places.reward, "data.reward"),
                (&places.rating, "data.rating"),
                (&places.comment, "data.comment"),
                (&places.question, "data.question"),
                (&places.answer, "data.answer"),
                (&places.activity, "data.activity"),
                (&places.booking_status, "data.status"),
            ])
            .pick_number(&[(&places.duration_minutes, "data.duration_minutes")])
            .pick_text(&[(&places.url, event::field::URL)])
            .pick_time(&[(&places.starts_at, "data.starts_at")])
            .set_known(event::field::OCCURRED_AT, occurred_at.map(Moment::text))
            .set(event::field::RECORD, Some(Value::from(participant.to_string())))
    }
}

/// `internal.prefix.touchpoint.participated.v1` becomes `touchpoint.participated` of the area `touchpoint`.
fn plain_type(full: &str) -> Option<(&'static str, String)> {
    let words: Vec<&str> = full.split(['.', '/', ':']).collect();
    let start = words.iter().position(|word| AREAS.contains(word))?;
    let area = AREAS.into_iter().find(|area| words.get(start) == Some(area))?;
    let plain: Vec<&str> = words.into_iter().skip(start).filter(|word| !is_version(word)).collect();
    (plain.len() > 1).then(|| (area, plain.join(".")))
}

fn is_version(word: &str) -> bool {
    word.strip_prefix('v')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}
