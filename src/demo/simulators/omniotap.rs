//! OmnioTap's API, as its page describes it: lists of its entities, sixty requests a minute. It has no request by id.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::data::SimulatedData;
use super::object_kind::ObjectKind;
use super::options::{Envelope, SimulatorOptions};
use super::paths::base_path;
use super::request::{Answer, SimulatorRequest};
use super::table::Object;
use super::time_format::written;
use super::webhook::{Action, Webhook};
use crate::customer::model::source::Source;
use crate::sources::value::text_at;

/// The tenant in the recordings.
const TENANT: &str = "d290f1ee-6c54-4b01-90e6-d701748f0851";

const ENTITIES: [(&str, ObjectKind); 5] = [
    ("contacts", ObjectKind::Contact),
    ("customers", ObjectKind::Customer),
    ("leads", ObjectKind::Lead),
    ("opportunities", ObjectKind::Opportunity),
    ("tickets", ObjectKind::Ticket),
];

/// Filter parameters and their fields.
const FILTERS: [(&str, &str); 4] = [
    ("status", "/status"),
    ("priority", "/priority"),
    ("stage", "/stage"),
    ("source", "/leadSource"),
];

/// Responds to an authorized request that is within the limit.
pub(super) fn answer(
    data: &SimulatedData,
    options: &SimulatorOptions,
    request: &SimulatorRequest,
) -> Answer {
    let parts = request.below(base_path(Source::OmnioTap)).unwrap_or_default();
    let [part] = parts.as_slice() else { return Answer::not_found() };
    let Some((name, kind)) = ENTITIES.into_iter().find(|(name, _)| name == part) else {
        return Answer::not_found();
    };
    match request.method.as_str() {
        "GET" => list(data, options, request, name, kind),
        "POST" if kind != ObjectKind::Opportunity => create(data, request, kind),
        _ => Answer::error(405, "Method not allowed"),
    }
}

fn list(
    data: &SimulatedData,
    options: &SimulatorOptions,
    request: &SimulatorRequest,
    name: &str,
    kind: ObjectKind,
) -> Answer {
    let filters: Vec<(&str, String)> = FILTERS
        .into_iter()
        .filter_map(|(parameter, pointer)| Some((pointer, request.parameter(parameter)?)))
        .collect();
    let search =
        request.parameter("search").map(|text| text.to_lowercase()).filter(|text| !text.is_empty());
    let fits = |row: &Arc<Object>| {
        search.as_ref().is_none_or(|text| row.words.contains(text))
            && filters
                .iter()
                .all(|(pointer, wanted)| text_at(&row.value, pointer).as_ref() == Some(wanted))
    };
    let (number, size) = (
        request.number("page").unwrap_or(1),
        request.number("limit").unwrap_or(50).min(options.max_page),
    );
    let is_all = search.is_none() && filters.is_empty();
    let page = data.page(kind, number, size, (!is_all).then_some(&fits));
    let (list, total) = (page.list(), page.total);
    Answer::ok(match options.envelope {
        Envelope::Pagination => format!(
            r#"{{"data":{list},"pagination":{{"page":{},"limit":{},"total":{total},"totalPages":{}}}}}"#,
            page.number,
            page.size,
            page.pages()
        ),
        Envelope::Bare => list,
        Envelope::Named => format!(r#"{{"{name}":{list},"total":{total}}}"#),
        Envelope::Items => format!(r#"{{"items":{list}}}"#),
    })
}

fn create(data: &SimulatedData, request: &SimulatorRequest, kind: ObjectKind) -> Answer {
    let Value::Object(mut object) = request.json() else {
        return Answer::error(400, "A JSON object is expected");
    };
    let (id, at) = (Uuid::new_v4().to_string(), written(Source::OmnioTap, data.now()));
    for (name, value) in [("id", &id), ("createdAt", &at), ("updatedAt", &at)] {
        object.insert(name.to_owned(), Value::from(value.as_str()));
    }
    let object = Value::Object(object);
    data.change(kind, &object);
    Answer::new(201, json!({ "data": object }).to_string())
}

/// The webhook about a change.
pub(super) fn webhook(kind: ObjectKind, action: Action, object: &Value, now: Timestamp) -> Webhook {
    let entity = match kind {
        ObjectKind::Customer => "customer",
        ObjectKind::Lead => "lead",
        ObjectKind::Opportunity => "opportunity",
        ObjectKind::Ticket => "ticket",
        _ => "contact",
    };
    let data = if action == Action::Deleted {
        json!({ "id": text_at(object, "/id") })
    } else {
        object.clone()
    };
    let body = json!({
        "event_id": Uuid::new_v4(), "tenant_id": TENANT, "entity_type": entity, "action": action.as_str(), "occurred_at": written(Source::OmnioTap, now),
        "data": data
    });
    Webhook {
        source: Source::OmnioTap,
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        body,
    }
}
