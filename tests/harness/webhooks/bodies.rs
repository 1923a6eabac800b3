//! Webhooks of the four systems: envelopes and bodies as in `fixtures/webhooks`.

use hookpoint::customer::model::source::Source;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Webhook;

/// Some fields of an object.
pub type Fields = Map<String, Value>;

/// An id in the format of most of the systems.
pub fn uuid(kind: u16, number: u64) -> String {
    format!("{number:08x}-5eed-4{kind:03x}-8000-{number:012x}")
}

/// A time in Omneo's format: without a zone, to the second.
fn plain(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn bytes(body: &Value) -> Vec<u8> {
    serde_json::to_vec(body).unwrap()
}

/// OmnioTap's envelope.
pub fn omniotap(
    number: u64,
    entity: &str,
    action: &str,
    at: Timestamp,
    mut data: Fields,
) -> Webhook {
    if action != "deleted" {
        data.insert("updatedAt".to_owned(), json!(at.to_string()));
    }
    let body = json!({
        "event_id": uuid(1, number),
        "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851",
        "entity_type": entity,
        "action": action,
        "occurred_at": at.to_string(),
        "data": data,
    });
    Webhook { source: Source::OmnioTap, header: None, body: bytes(&body) }
}

/// Omneo's webhook: the body is the object, the event name is in a header.
pub fn omneo(event: &str, at: Timestamp, mut body: Fields) -> Webhook {
    body.insert("updated_at".to_owned(), json!(plain(at)));
    if event.ends_with(".deleted") {
        body.insert("deleted_at".to_owned(), json!(plain(at)));
    }
    Webhook {
        source: Source::Omneo,
        header: Some(("x-omneo-event", event.to_owned())),
        body: bytes(&Value::Object(body)),
    }
}

/// An identity in a profile's list.
pub fn identity(
    number: u64,
    profile: &str,
    handle: &str,
    identifier: &str,
    at: Timestamp,
) -> Value {
    json!({
        "id": number, "profile_id": profile, "handle": handle, "identifier": identifier, "is_primary": false, "is_active": true,
        "merged_from": null, "created_at": plain(at), "updated_at": plain(at),
    })
}

/// The fields of a whole profile, without those that identify the person.
pub fn profile(number: u64, at: Timestamp) -> Fields {
    let luck = number % 97;
    let body = json!({
        "external_id": format!("871040{number:07}"), "title": null, "gender": "female", "currency": "EUR", "joined_at": plain(at),
        "birth_day": luck % 28 + 1, "birth_month": luck % 12 + 1, "birth_year": 1950 + luck % 50, "profile_type": "active",
        "tier_handle": "silver",
        "tier": { "id": 2, "handle": "silver", "name": "Silver", "assigned_at": plain(at), "achieved_at": plain(at) },
        "flattened_tags": ["newsletter", "interior"], "flattened_statuses": ["active"],
        "reward_balance": luck, "point_balance": luck * 10, "combined_balance_dollars": luck as f64 / 10.0,
        "aggregations": { "spend_12m": luck * 7, "spend_all": luck * 11, "spend_atv_12m": 87.49, "shop_count": luck, "shop_days": luck },
        "attributes": { "comms": { "email_optout": false, "sms_optout": true, "email_promo": true }, "appearance": {} },
        "custom_attributes": [{ "namespace": "profile", "handle": "favorite_color", "type": "string", "value": "green" }],
        "created_at": plain(at),
    });
    body.as_object().unwrap().clone()
}

/// A purchase, with part of its profile.
pub fn purchase(number: u64, profile: &Fields, occurred_at: Timestamp, is_void: bool) -> Fields {
    let total = if is_void { 0.0 } else { (number % 300) as f64 + 0.95 };
    let body = json!({
        "id": 7_000_000 + number, "external_id": format!("POS-{number}"), "profile_id": profile["id"],
        "location": { "id": 3, "name": "Amsterdam Negen Straatjes" },
        "total": total, "total_original": (number % 300) as f64 + 0.95, "currency": "EUR", "systems": ["pos"], "is_void": is_void,
        "transacted_at": plain(occurred_at), "timezone": "Europe/Amsterdam", "type": "purchase",
        "status": if is_void { "voided" } else { "completed" },
        "order_number": format!("NL-{number:08}"), "receipt_ref": format!("AMS-{number}"), "tags": [],
        "items": [{ "id": 1, "name": "Table lamp Vecht", "quantity": 1, "price": total }], "payments": [{ "type": "pin", "amount": total }],
        "profile": profile, "created_at": plain(occurred_at),
    });
    body.as_object().unwrap().clone()
}

/// A reward of a profile.
pub fn reward(number: u64, profile: &str, at: Timestamp, left: u64) -> Fields {
    let body = json!({
        "id": 40_000 + number, "profile_id": profile, "value_initial": 10, "value_remaining": left, "issued_at": plain(at),
        "expires_at": "2027-10-03 21:59:59", "is_expired": false, "is_active": true,
        "definition": { "name": "Ten euro thank you", "handle": "thank-you-10", "type": "standard" }, "created_at": plain(at),
    });
    body.as_object().unwrap().clone()
}

/// OmniLab's webhook. The id of the delivery is in a header.
pub fn omnilab(number: u64, event: &str, at: Timestamp, data: &Fields) -> Webhook {
    let body = json!({ "type": format!("{event}.v1"), "timestamp": at.to_string(), "data": data });
    Webhook {
        source: Source::OmniLab,
        header: Some(("webhook-id", format!("msg_{number:024}"))),
        body: bytes(&body),
    }
}

/// Syncaroo's webhook. It contains only the slot of a booking.
pub fn syncaroo(number: u64, attribute: &str, at: Timestamp) -> Webhook {
    let room = format!("61116c0bab78{:012x}", number % 50);
    let start = at.as_second() * 1_000;
    let id = if attribute == "bookings" {
        format!("'{number:024x}*{start}*{}", start + 1_800_000)
    } else {
        room.clone()
    };
    let body = json!({
        "connectionId": 555, "webhookType": "data", "locationId": "11980",
        "metaData": {
            "syncarooId": id, "resourceType": "meeting-room", "resourceId": "78430", "attributeType": attribute,
            "apiUrl": format!("https://app.syncaroo.com/api/v1/555/locations/61116b1ad9fa63170734b694/resources/{room}/{attribute}/{id}"),
        },
        "hash": "...",
    });
    Webhook { source: Source::Syncaroo, header: None, body: bytes(&body) }
}
