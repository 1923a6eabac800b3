//! Syncaroo's API for one connection: places, and a booking by its URL. The format of a booking is not published; this
//! one is the format that the default settings assume.

use serde_json::{Value, json};

use super::data::SimulatedData;
use super::object_kind::{ObjectKind, owner};
use super::options::SimulatorOptions;
use super::page;
use super::page::Page;
use super::paths::base_path;
use super::request::{Answer, SimulatorRequest};
use super::webhook::{Action, Webhook};
use crate::customer::model::source::Source;
use crate::sources::value::text_at;

/// The connection in the recordings.
pub const CONNECTION: &str = "555";

/// Responds to an authorized request.
pub(super) fn answer(
    data: &SimulatedData,
    options: &SimulatorOptions,
    request: &SimulatorRequest,
) -> Answer {
    let parts = request.below(base_path(Source::Syncaroo)).unwrap_or_default();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    if request.method != "GET" {
        return Answer::error(405, "Method not allowed");
    }
    let Some((&CONNECTION, parts)) = parts.split_first() else { return Answer::not_found() };
    match parts {
        ["locations"] => Answer::ok(format!(r#"{{"data":{}}}"#, all(data).list())),
        ["locations", location] => one(data, options, ObjectKind::Location, location),
        ["locations", location, "resources"] => Answer::ok(format!(
            r#"{{"data":{}}}"#,
            page::list(&data.by_key(ObjectKind::Resource, &owner(location)))
        )),
        ["locations", _, "resources", resource] => {
            one(data, options, ObjectKind::Resource, resource)
        }
        ["locations", _, "resources", _, "bookings", booking] => {
            one(data, options, ObjectKind::Booking, booking)
        }
        _ => Answer::not_found(),
    }
}

fn all(data: &SimulatedData) -> Page {
    data.page(ObjectKind::Location, 1, usize::MAX, None)
}

fn one(data: &SimulatedData, options: &SimulatorOptions, kind: ObjectKind, id: &str) -> Answer {
    let Some(object) = data.object(kind, id) else { return Answer::not_found() };
    if options.names_places || kind != ObjectKind::Booking {
        return Answer::ok(object.text.clone());
    }
    let mut shown = object.value.clone();
    for place in ["resource", "location"] {
        if let Some(fields) = shown.get_mut(place).and_then(Value::as_object_mut) {
            fields.remove("name");
        }
    }
    Answer::ok(shown.to_string())
}

/// The webhook about a change. It contains the URL of the object, and not its data.
pub(super) fn webhook(
    kind: ObjectKind,
    action: Action,
    object: &Value,
    base_url: &str,
) -> Option<Webhook> {
    let id = kind.id_of(object)?;
    let place = |name: &str| text_at(object, &format!("/{name}/id")).unwrap_or_default();
    let (attribute, resource_type, below) = match kind {
        ObjectKind::Location => ("locations", String::new(), format!("locations/{id}")),
        ObjectKind::Resource => (
            "resources",
            text_at(object, "/type").unwrap_or_default(),
            format!("locations/{}/resources/{id}", place("location")),
        ),
        _ => (
            "bookings",
            text_at(object, "/resource/type").unwrap_or_default(),
            format!(
                "locations/{}/resources/{}/bookings/{id}",
                place("location"),
                place("resource")
            ),
        ),
    };
    let mut body = json!({
        "connectionId": CONNECTION.parse::<u64>().unwrap_or_default(), "webhookType": "data", "locationId": "11980", "metaData": {
            "syncarooId": id, "resourceType": resource_type, "resourceId": "78430", "attributeType": attribute,
            "apiUrl": format!("{base_url}/{CONNECTION}/{below}")
        }
    });
    let action_name = match action {
        Action::Created if kind != ObjectKind::Booking => Some("new"),
        Action::Deleted => Some("unmapped"),
        Action::Created | Action::Updated | Action::Merged => None,
    };
    if let (Some(action_name), Some(fields)) = (action_name, body.as_object_mut()) {
        fields.insert("action".to_owned(), Value::from(action_name));
    }
    Some(Webhook {
        source: Source::Syncaroo,
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        body,
    })
}

/// A recorded webhook with its URLs changed to the current address of the API.
#[must_use]
pub fn led_to(base_url: &str, body: &Value) -> Value {
    let mut body = body.clone();
    for pointer in ["/metaData/apiUrl", "/actionCallback"] {
        if let Some(url) = body.pointer_mut(pointer)
            && let Some(rest) =
                url.as_str().and_then(|url| url.strip_prefix("https://app.syncaroo.com/api/v1"))
        {
            *url = Value::from(format!("{base_url}{rest}"));
        }
    }
    body
}
