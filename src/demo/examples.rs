//! One example webhook of each source for a new user to send. All change the same customer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::webhook_signer::{Request, Secrets};
use crate::customer::model::source::Source;

/// The address of the customer.
pub const EMAIL: &str = "nova@example.org";

/// The recorded booking. A webhook of this source only says that something was booked, and gives the URL with the
/// details.
const BOOKING: &str = "61c18cf515e22a061cf589b1*1796896800000*1796900400000";

/// The webhooks, signed with the current time. `syncaroo` is the base URL of Syncaroo's API.
#[must_use]
pub fn examples(secrets: &Secrets, syncaroo: &str, now: Timestamp) -> Vec<(Source, Request)> {
    let at = now.strftime("%FT%TZ").to_string();
    let sign = |source, headers: &[(&str, &str)], body: &Value| {
        let headers: BTreeMap<String, String> = headers
            .iter()
            .chain(&[("content-type", "application/json")])
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        (source, secrets.sign(source, &headers, body, now))
    };
    let message = format!("msg_{}", Uuid::new_v4().simple());
    vec![
        sign(Source::OmnioTap, &[], &contact_created(&at)),
        sign(Source::Omneo, &[("x-omneo-event", "profile.updated")], &profile_updated(now)),
        sign(Source::OmniLab, &[("webhook-id", &message)], &feedback_submitted(&at)),
        sign(Source::Syncaroo, &[], &room_booked(syncaroo)),
    ]
}

fn contact_created(at: &str) -> Value {
    json!({
        "event_id": Uuid::new_v4(),
        "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851",
        "entity_type": "contact",
        "action": "created",
        "occurred_at": at,
        "data": {
            "id": "5b1d0f6e-7a86-4e0f-9c55-2f3a6d0f9a11",
            "firstName": "Nova",
            "lastName": "Jansen",
            "email": EMAIL,
            "phone": "06 57575757",
            "createdAt": at,
            "updatedAt": at
        }
    })
}

fn profile_updated(now: Timestamp) -> Value {
    json!({
        "id": "0d5f3c52-4b1f-4f0e-8f0e-6f2f1c9b7a22",
        "first_name": "Nova",
        "last_name": "Jansen",
        "email": EMAIL,
        "tier": {"handle": "gold", "name": "Gold"},
        "point_balance": 1250,
        "updated_at": now.strftime("%F %T").to_string()
    })
}

fn feedback_submitted(at: &str) -> Value {
    json!({
        "type": "feedback.submitted.v1",
        "timestamp": at,
        "data": {
            "external_id": "CONTACT-5757",
            "email": EMAIL,
            "interaction": "int_welcome",
            "interaction_name": "Welcome desk",
            "rating": 5,
            "comment": "What a place!"
        }
    })
}

fn room_booked(api: &str) -> Value {
    let place = "555/locations/61116b1ad9fa63170734b701/resources/6140afff1da7a718a6076cea";
    json!({
        "connectionId": 555,
        "webhookType": "data",
        "locationId": "11981",
        "metaData": {
            "syncarooId": BOOKING,
            "resourceType": "meeting-room",
            "resourceId": "78431",
            "attributeType": "bookings",
            "apiUrl": format!("{api}/{place}/bookings/{BOOKING}")
        }
    })
}
