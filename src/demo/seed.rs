//! Fills the simulated systems with the result of the recorded deliveries, and finds the deliveries that no API can
//! return.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::recorded_deliveries;
use super::recorded_deliveries::Recorded;
use super::simulators::{ObjectKind, PARTICIPANT, SimulatedData};
use crate::customer::model::source::Source;
use crate::sources::value::{text_at, time_at};

/// The fields of OmniLab's events that identify the person.
const PERSON: [&str; 5] = ["external_id", "email", "phone", "first_name", "last_name"];

/// The profile inside an event of Omneo. It is not part of the event itself.
const EMBEDDED_PROFILE: &str = "profile";

/// Fills the simulators with the state after the recorded deliveries. Returns the deliveries that must be sent, because
/// no API returns their content: OmniLab's touchpoints, merges and deletions, deleted objects, and everything without an
/// API.
///
/// # Errors
/// Never, unless the recordings are broken.
pub fn seed_simulators(data: &SimulatedData) -> serde_json::Result<Vec<(Source, Recorded)>> {
    let mut recorded = recorded_deliveries::recorded()?;
    // Sorted by the time at the system, not by arrival. Deliveries without such a time keep their time of arrival.
    recorded
        .sort_by_key(|(_, recorded)| changed_at(&recorded.body).unwrap_or(recorded.received_at()));
    let mut in_api = BTreeSet::new();
    for (n, (source, recorded)) in recorded.iter().enumerate() {
        let object = match source {
            Source::OmnioTap => omniotap(data, recorded),
            Source::Omneo => omneo(data, recorded),
            Source::OmniLab => omnilab(data, recorded),
            Source::Syncaroo => syncaroo(data, recorded),
        };
        in_api.extend(object.map(|object| (n, object)));
    }
    for (_, purchase) in recorded_deliveries::busy_purchases(recorded_deliveries::BUSY_PURCHASES) {
        data.put(ObjectKind::Transaction, purchase.body);
    }
    let is_in_api =
        |n: usize| in_api.iter().any(|(at, (kind, id))| *at == n && data.get(*kind, id).is_some());
    let readable: BTreeSet<usize> = (0..recorded.len()).filter(|n| is_in_api(*n)).collect();
    let mut to_send: Vec<_> = recorded
        .into_iter()
        .enumerate()
        .filter(|(n, _)| !readable.contains(n))
        .map(|(_, delivery)| delivery)
        .collect();
    to_send.retain(|(_, recorded)| !recorded.is_answer());
    to_send.sort_by_key(|(_, recorded)| recorded.received_at());
    Ok(to_send)
}

/// The object that contains a delivery's content in the API. `None` if no API returns it.
type ApiObject = Option<(ObjectKind, String)>;

fn changed_at(body: &Value) -> Option<Timestamp> {
    ["/data/updatedAt", "/occurred_at", "/updated_at", "/timestamp", "/updatedAt"]
        .into_iter()
        .find_map(|pointer| time_at(body, pointer))
}

/// Adds fields to an object, and creates it if it is missing.
fn merge_fields(data: &SimulatedData, kind: ObjectKind, id: &str, fields: Map<String, Value>) {
    let mut object = data.get(kind, id).unwrap_or_else(|| json!({}));
    if let Some(known) = object.as_object_mut() {
        known.extend(fields);
    }
    data.put(kind, object);
}

fn omniotap(data: &SimulatedData, recorded: &Recorded) -> ApiObject {
    let body = &recorded.body;
    let kind = match text_at(body, "/entity_type")?.as_str() {
        "contact" => ObjectKind::Contact,
        "customer" => ObjectKind::Customer,
        "lead" => ObjectKind::Lead,
        "opportunity" => ObjectKind::Opportunity,
        "ticket" => ObjectKind::Ticket,
        _ => return None,
    };
    let fields = body.get("data")?.as_object()?;
    let id = text_at(body, "/data/id")?;
    if text_at(body, "/action")? == "deleted" {
        data.remove(kind, &id);
        return None;
    }
    merge_fields(data, kind, &id, fields.clone());
    Some((kind, id))
}

fn omneo(data: &SimulatedData, recorded: &Recorded) -> ApiObject {
    let (name, body) = (recorded.headers().get("x-omneo-event")?.as_str(), &recorded.body);
    let fields = body.as_object()?.clone();
    let kind = match name.split('.').next()? {
        "profile" | "tier" | "balance" | "aggregation" => return profile(data, name, fields),
        "transaction" => ObjectKind::Transaction,
        "order" => ObjectKind::Order,
        "reward" => ObjectKind::Reward,
        "benefit" => ObjectKind::Benefit,
        "interaction" => ObjectKind::Interaction,
        "point" => ObjectKind::Point,
        "identity" => ObjectKind::Identity,
        _ => return None,
    };
    let id = text_at(body, "/id")?;
    let owner = text_at(body, "/profile_id").or_else(|| text_at(body, "/profile/id"))?;
    let mut own = fields;
    let embedded_profile = own
        .remove(EMBEDDED_PROFILE)
        .and_then(|embedded_profile| embedded_profile.as_object().cloned())
        .unwrap_or_default();
    own.insert("profile_id".to_owned(), Value::from(owner.as_str()));
    merge_fields(data, kind, &id, own);
    // With a timestamp, the data is also an update of the profile.
    if embedded_profile.contains_key("updated_at")
        && data.get(ObjectKind::Profile, &owner).is_some()
    {
        merge_fields(data, ObjectKind::Profile, &owner, embedded_profile);
    }
    // No list of the API contains these.
    let is_listed = !matches!(kind, ObjectKind::Order | ObjectKind::Point | ObjectKind::Identity);
    is_listed.then_some((kind, id))
}

fn profile(data: &SimulatedData, name: &str, mut fields: Map<String, Value>) -> ApiObject {
    let body = Value::Object(fields.clone());
    let id = text_at(&body, "/profile_id").or_else(|| text_at(&body, "/id"))?;
    for word in ["identities", "source_profile_id", "destination_profile_id", "profile_id"] {
        fields.remove(word);
    }
    match name {
        "aggregation.updated" => {
            let at = fields.remove("updated_at")?;
            fields =
                [("aggregations".to_owned(), Value::Object(fields)), ("updated_at".to_owned(), at)]
                    .into_iter()
                    .collect();
        }
        "profile.merged" => {
            let loser = text_at(&body, "/source_profile_id")?;
            data.merge_silently(&loser, &id);
            for identity in body.get("identities").and_then(Value::as_array).into_iter().flatten() {
                data.put(ObjectKind::Identity, identity.clone());
            }
        }
        _ => {}
    }
    merge_fields(data, ObjectKind::Profile, &id, fields);
    // A merge or a change of tier contains more than the resulting profile.
    matches!(
        name,
        "profile.created" | "profile.updated" | "balance.updated" | "aggregation.updated"
    )
    .then_some((ObjectKind::Profile, id))
}

/// The API returns bookings only, and not the person who made them.
fn omnilab(data: &SimulatedData, recorded: &Recorded) -> ApiObject {
    let body = &recorded.body;
    let mut fields = body.get("data")?.as_object()?.clone();
    let id = text_at(body, "/data/booking")?;
    let at = body.get("timestamp")?.clone();
    let mut person = Map::new();
    for word in PERSON {
        person.extend(fields.remove(word).map(|value| (word.to_owned(), value)));
    }
    fields.remove("interaction_name");
    let time_field = match text_at(body, "/data/booking_status")?.as_str() {
        "CANCELLED" => "cancelled_at",
        "CHECKED_IN" => "checkedin_at",
        _ => "booked_at",
    };
    fields.insert(time_field.to_owned(), at);
    fields.insert("timezone".to_owned(), Value::from("Europe/Amsterdam"));
    let is_nameless = person.len() == 1;
    let mut known = data
        .get(ObjectKind::Appointment, &id)
        .and_then(|known| known.get(PARTICIPANT)?.as_object().cloned())
        .unwrap_or_default();
    known.extend(person);
    fields.insert(PARTICIPANT.to_owned(), Value::Object(known));
    merge_fields(data, ObjectKind::Appointment, &id, fields);
    is_nameless.then_some((ObjectKind::Appointment, id))
}

/// The recorded API responses fill the system. Its webhooks are sent, because only they lead to a booking.
fn syncaroo(data: &SimulatedData, recorded: &Recorded) -> ApiObject {
    let body = &recorded.body;
    if !recorded.is_answer() {
        return None;
    }
    data.put(ObjectKind::Booking, body.clone());
    data.put(ObjectKind::Location, body.get("location")?.clone());
    let mut resource = body.get("resource")?.as_object()?.clone();
    resource.insert("location".to_owned(), json!({ "id": text_at(body, "/location/id") }));
    data.put(ObjectKind::Resource, Value::Object(resource));
    None
}
