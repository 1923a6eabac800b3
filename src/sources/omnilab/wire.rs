//! OmniLab's webhooks: the raw source event as body, the delivery's id in the header `webhook-id`.
//!
//! The event's type may carry an internal transport prefix; the plain type ends in `.v<number>`. A participant is known
//! by the external id that the brand gave; an event without one can't be tied to anybody.

use serde_json::Value;

use super::OmniLabSettings;
use crate::customer::event::{self, EventKey};
use crate::customer::kind::{Source, SourceKind};
use crate::customer::record::{Change, RecordKey, field};
use crate::customer::versions::{Scope, Update};
use crate::sources::picker::{Picker, text_at, time_at};
use crate::sources::webhook::{Label, Sameness, Urgency};
use crate::sources::{Delivery, Reader, Reading, Unreadable};

/// The parts of OmniLab that events come from, as its event reference lists them.
const AREAS: [&str; 7] = ["touchpoint", "cta", "question", "feedback", "reward", "booking", "smartlink"];

impl Reader for OmniLabSettings {
    fn read_webhook(&self, delivery: &Delivery) -> Result<Reading, Unreadable> {
        let body = delivery.json()?;
        let places = &self.pointers;
        let full_type = text_at(&body, &places.event_type).ok_or(Unreadable::Missing("event type"))?;
        let Some((area, what)) = plain_type(&full_type) else { return Ok(Reading::Ignored("unknown event")) };
        let Some(external_id) = text_at(&body, &places.external_id) else { return Ok(Reading::Ignored("it names no participant")) };
        let at = time_at(&body, &places.time).unwrap_or(delivery.received_at);
        let participant = RecordKey::new(SourceKind::OmniLabParticipant, &external_id).ok_or(Unreadable::Missing("usable external id"))?;
        let booking = if area == "booking" { text_at(&body, &places.booking) } else { None };
        let (what, id) = match booking {
            Some(booking) => ("booking".to_owned(), booking),
            None => (what, delivery.header("webhook-id").map(str::to_owned).ok_or(Unreadable::Missing("webhook-id header"))?),
        };
        let key = EventKey::new(Source::OmniLab, &what, &id).ok_or(Unreadable::Missing("usable id"))?;
        let record =
            Change::Record { key: participant.clone(), update: Update { at, scope: Scope::Partial, fields: self.person(&body, &external_id) } };
        let happening = Change::Event { key, update: Update { at, scope: Scope::Partial, fields: self.happening(&body, &participant, at) } };
        Ok(Reading::Changes(vec![record, happening]))
    }

    fn read_answer(&self, _: &Delivery) -> Result<Reading, Unreadable> {
        Ok(Reading::Ignored("answers of this API are not read"))
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &["webhook-id"]
    }

    fn label(&self, delivery: &Delivery) -> Label {
        let event = delivery.json().ok().and_then(|body| text_at(&body, &self.pointers.event_type));
        let sameness = delivery.header("webhook-id").map_or_else(|| Sameness::of_content("", &delivery.body), |id| Sameness::Id(id.to_owned()));
        Label::new(event.as_deref(), sameness, Urgency::Usual)
    }
}

type Fields = std::collections::BTreeMap<String, Option<Value>>;

impl OmniLabSettings {
    fn person(&self, body: &Value, external_id: &str) -> Fields {
        let places = &self.pointers;
        let picker = Picker::new(body).pick_text(&[
            (&places.first_name, field::FIRST_NAME),
            (&places.last_name, field::LAST_NAME),
            (&places.email, "email.main"),
            (&places.phone, "phone.main"),
        ]);
        if self.external_id_kind.is_empty() {
            return picker.finish();
        }
        picker.set(&format!("{}{}", field::REFERENCE, self.external_id_kind), Some(Value::from(external_id))).finish()
    }

    fn happening(&self, body: &Value, participant: &RecordKey, at: jiff::Timestamp) -> Fields {
        let places = &self.pointers;
        Picker::new(body)
            .pick(&[
                (&places.interaction, "data.interaction"),
                (&places.name, "data.name"),
                (&places.reward, "data.reward"),
                (&places.rating, "data.rating"),
                (&places.comment, "data.comment"),
                (&places.question, "data.question"),
                (&places.answer, "data.answer"),
                (&places.activity, "data.activity"),
                (&places.duration_minutes, "data.duration_minutes"),
                (&places.booking_status, "data.status"),
            ])
            .pick_text(&[(&places.url, event::field::URL)])
            .pick_time(&[(&places.starts_at, "data.starts_at")])
            .set(event::field::OCCURRED_AT, Some(Value::from(at.to_string())))
            .set(event::field::RECORD, Some(Value::from(participant.to_string())))
            .finish()
    }
}

/// `internal.prefix.touchpoint.participated.v1` is `touchpoint.participated` of the area `touchpoint`.
fn plain_type(full: &str) -> Option<(&'static str, String)> {
    let words: Vec<&str> = full.split(['.', '/', ':']).collect();
    let start = words.iter().position(|word| AREAS.contains(word))?;
    let area = AREAS.into_iter().find(|area| words.get(start) == Some(area))?;
    let plain: Vec<&str> = words.into_iter().skip(start).filter(|word| !is_version(word)).collect();
    (plain.len() > 1).then(|| (area, plain.join(".")))
}

fn is_version(word: &str) -> bool {
    word.strip_prefix('v').is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}
