//! Syncaroo's API for one connection: places, and a booking by its URL. The format of a booking is not published; this
//! one is the format that the default settings assume.

use serde_json::{Value, json};

use super::asked::{Answer, SystemRequest};
use super::data::World;
use super::object_kind::{ObjectKind, owner};
use super::options::SystemOptions;
use super::page;
use super::page::Page;
use super::paths::base_path;
use super::webhook::{Action, Webhook};
use crate::customer::model::source::Source;
use crate::sources::value::text_at;

/// The connection in the recordings.
pub const CONNECTION: &str = "555";

/// Responds to an authorized request.
pub(super) fn answer(world: &World, terms: &SystemOptions, asked: &SystemRequest) -> Answer {
    let parts = asked.below(base_path(Source::Syncaroo)).unwrap_or_default();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    if asked.method != "GET" {
        return Answer::error(405, "Method not allowed");
    }
    let Some((&CONNECTION, parts)) = parts.split_first() else { return Answer::not_found() };
    match parts {
        ["locations"] => Answer::ok(format!(r#"{{"data":{}}}"#, all(world).list())),
        ["locations", location] => one(world, terms, ObjectKind::Location, location),
        ["locations", location, "resources"] => Answer::ok(format!(
            r#"{{"data":{}}}"#,
            page::list(&world.by_key(ObjectKind::Resource, &owner(location)))
        )),
        ["locations", _, "resources", resource] => {
            one(world, terms, ObjectKind::Resource, resource)
        }
        ["locations", _, "resources", _, "bookings", booking] => {
            one(world, terms, ObjectKind::Booking, booking)
        }
        _ => Answer::not_found(),
    }
}

fn all(world: &World) -> Page {
    world.page(ObjectKind::Location, 1, usize::MAX, None)
}

fn one(world: &World, terms: &SystemOptions, thing: ObjectKind, id: &str) -> Answer {
    let Some(object) = world.object(thing, id) else { return Answer::not_found() };
    if terms.names_places || thing != ObjectKind::Booking {
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
    thing: ObjectKind,
    action: Action,
    object: &Value,
    base_url: &str,
) -> Option<Webhook> {
    let id = thing.id_of(object)?;
    let place = |name: &str| text_at(object, &format!("/{name}/id")).unwrap_or_default();
    let (attribute, resource_type, below) = match thing {
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
    let said = match action {
        Action::Created if thing != ObjectKind::Booking => Some("new"),
        Action::Deleted => Some("unmapped"),
        Action::Created | Action::Updated | Action::Merged => None,
    };
    if let (Some(said), Some(fields)) = (said, body.as_object_mut()) {
        fields.insert("action".to_owned(), Value::from(said));
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
