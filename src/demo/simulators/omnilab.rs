//! OmniLab's API, as its guides describe it: tokens, and the bookings of one contact.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::data::SimulatedData;
use super::object_kind::{ObjectKind, PARTICIPANT, owner};
use super::options::SimulatorOptions;
use super::page::Page;
use super::request::{Answer, SimulatorRequest};
use super::table::Object;
use super::time_format::written;
use super::webhook::{Action, Webhook};
use crate::customer::model::source::Source;
use crate::sources::value::{text_at, time_at, time_of};

/// The required audience of a token.
pub const AUDIENCE: &str = "https://api.omnilab.example";

/// Responds to an authorized request.
pub(super) fn answer(
    data: &SimulatedData,
    options: &SimulatorOptions,
    request: &SimulatorRequest,
) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/interactions:fetchContactBookings") => bookings(data, options, request),
        ("POST", "/v1/interactions:cancelInteractionBooking") => cancel(data, request),
        _ => Answer::not_found(),
    }
}

fn bookings(
    data: &SimulatedData,
    options: &SimulatorOptions,
    request: &SimulatorRequest,
) -> Answer {
    let Some(external_id) = request.parameter("external_id").filter(|id| !id.is_empty()) else {
        return Answer::error(400, "external_id is required");
    };
    let wanted: Vec<String> = request
        .parameters()
        .filter(|(name, _)| name == "interactions")
        .map(|(_, value)| value)
        .collect();
    if !wanted.is_empty() && request.parameter("public_keys").is_some() {
        return Answer::error(400, "interactions and public_keys can't be used together");
    }
    let bound = |name: &str| request.parameter(name).and_then(|text| time_of(&Value::from(text)));
    let (from, to) = (bound("slot_date_range.from"), bound("slot_date_range.to"));
    let status = request.parameter("booking_status");
    let fits = |row: &Arc<Object>| {
        let starts_at = time_at(&row.value, "/slot_starting_at");
        (status.is_none() || text_at(&row.value, "/booking_status") == status)
            && (wanted.is_empty()
                || text_at(&row.value, "/interaction")
                    .is_some_and(|interaction| wanted.contains(&interaction)))
            && from.is_none_or(|from| starts_at.is_some_and(|at| at >= from))
            && to.is_none_or(|to| starts_at.is_some_and(|at| at <= to))
    };
    let all: Vec<Arc<Object>> = data
        .by_key(ObjectKind::Appointment, &owner(&external_id))
        .into_iter()
        .filter(fits)
        .collect();
    let page = Page::of(
        &all,
        request.number("page_number").unwrap_or(1),
        request.number("page_size").unwrap_or(50).min(options.max_page),
    );
    Answer::ok(format!(
        r#"{{"bookings":{},"page_number":{},"page_size":{},"total_count":{}}}"#,
        page.list(),
        page.number,
        page.size,
        page.total
    ))
}

fn cancel(data: &SimulatedData, request: &SimulatorRequest) -> Answer {
    let Some(booking) = text_at(&request.json(), "/booking") else {
        return Answer::error(400, "booking is required");
    };
    if data.get(ObjectKind::Appointment, &booking).is_none() {
        return Answer::not_found();
    }
    let now = written(Source::OmniLab, data.now());
    data.edit(ObjectKind::Appointment, &booking, |object| {
        if let Some(fields) = object.as_object_mut() {
            fields.insert("booking_status".to_owned(), Value::from("CANCELLED"));
            fields.insert("cancelled_at".to_owned(), Value::from(now));
        }
    });
    Answer::ok("{}")
}

/// The webhook about a changed booking, with the system's data about the person who made it.
pub(super) fn webhook(action: Action, object: &Value, now: Timestamp) -> Webhook {
    let name = match (action, text_at(object, "/booking_status").as_deref()) {
        (Action::Created, _) => "booking.created.v1",
        (_, Some("CHECKED_IN")) => "booking.checked_in.v1",
        (Action::Deleted, _) | (_, Some("CANCELLED")) => "booking.cancelled.v1",
        _ => "booking.updated.v1",
    };
    let mut data = object.as_object().cloned().unwrap_or_default();
    let participant = data
        .remove(PARTICIPANT)
        .and_then(|participant| participant.as_object().cloned())
        .unwrap_or_default();
    data.extend(participant);
    if action == Action::Deleted {
        data.insert("booking_status".to_owned(), Value::from("CANCELLED"));
    }
    event(name, &Value::Object(data), now)
}

/// A webhook of this system.
#[must_use]
pub fn event(name: &str, data: &Value, now: Timestamp) -> Webhook {
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("user-agent", "OmniLab-Webhook/1.0".to_owned()),
        ("webhook-id", format!("msg_{}", Uuid::new_v4().simple())),
    ];
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Webhook {
        source: Source::OmniLab,
        headers,
        body: json!({ "type": name, "timestamp": written(Source::OmniLab, now), "data": data }),
    }
}
