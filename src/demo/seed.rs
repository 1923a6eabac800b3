//! Fills the simulated systems with the result of the recorded deliveries, and finds the deliveries that no API can
//! return.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::recorded_deliveries;
use super::recorded_deliveries::Recorded;
use super::systems::{ObjectKind, PARTICIPANT, World};
use crate::customer::model::source::Source;
use crate::sources::value::{text_at, time_at};

/// The fields of OmniLab's events that identify the person.
const PERSON: [&str; 5] = ["external_id", "email", "phone", "first_name", "last_name"];

/// The profile inside an event of Omneo. It is not part of the event itself.
const BESIDE: &str = "profile";

/// Fills a world with the state after the recorded deliveries. Returns the deliveries that must be sent, because no API
/// returns their content: OmniLab's touchpoints, merges and deletions, deleted objects, and everything without an API.
///
/// # Errors
/// Never, unless the recordings are broken.
pub fn settle(world: &World) -> serde_json::Result<Vec<(Source, Recorded)>> {
    let mut recorded = recorded_deliveries::recorded()?;
    // Sorted by the time at the system, not by arrival. Deliveries without such a time keep their time of arrival.
    recorded.sort_by_key(|(_, recorded)| said_at(&recorded.body).unwrap_or(recorded.received_at()));
    let mut asked = BTreeSet::new();
    for (n, (source, recorded)) in recorded.iter().enumerate() {
        let kept = match source {
            Source::OmnioTap => omniotap(world, recorded),
            Source::Omneo => omneo(world, recorded),
            Source::OmniLab => omnilab(world, recorded),
            Source::Syncaroo => syncaroo(world, recorded),
        };
        asked.extend(kept.map(|kept| (n, kept)));
    }
    for (_, purchase) in recorded_deliveries::busy_purchases(recorded_deliveries::BUSY_PURCHASES) {
        world.put(ObjectKind::Transaction, purchase.body);
    }
    let is_told = |n: usize| {
        asked.iter().any(|(at, (thing, id))| *at == n && world.get(*thing, id).is_some())
    };
    let told: BTreeSet<usize> = (0..recorded.len()).filter(|n| is_told(*n)).collect();
    let mut to_send: Vec<_> = recorded
        .into_iter()
        .enumerate()
        .filter(|(n, _)| !told.contains(n))
        .map(|(_, delivery)| delivery)
        .collect();
    to_send.retain(|(_, recorded)| !recorded.is_answer());
    to_send.sort_by_key(|(_, recorded)| recorded.received_at());
    Ok(to_send)
}

/// The object that contains a delivery's content in the API. `None` if no API returns it.
type Kept = Option<(ObjectKind, String)>;

fn said_at(body: &Value) -> Option<Timestamp> {
    ["/data/updatedAt", "/occurred_at", "/updated_at", "/timestamp", "/updatedAt"]
        .into_iter()
        .find_map(|pointer| time_at(body, pointer))
}

/// Adds fields to an object, and creates it if it is missing.
fn join(world: &World, thing: ObjectKind, id: &str, fields: Map<String, Value>) {
    let mut object = world.get(thing, id).unwrap_or_else(|| json!({}));
    if let Some(known) = object.as_object_mut() {
        known.extend(fields);
    }
    world.put(thing, object);
}

fn omniotap(world: &World, recorded: &Recorded) -> Kept {
    let body = &recorded.body;
    let thing = match text_at(body, "/entity_type")?.as_str() {
        "contact" => ObjectKind::Contact,
        "customer" => ObjectKind::Customer,
        "lead" => ObjectKind::Lead,
        "opportunity" => ObjectKind::Opportunity,
        "ticket" => ObjectKind::Ticket,
        _ => return None,
    };
    let data = body.get("data")?.as_object()?;
    let id = text_at(body, "/data/id")?;
    if text_at(body, "/action")? == "deleted" {
        world.remove(thing, &id);
        return None;
    }
    join(world, thing, &id, data.clone());
    Some((thing, id))
}

fn omneo(world: &World, recorded: &Recorded) -> Kept {
    let (name, body) = (recorded.headers().get("x-omneo-event")?.as_str(), &recorded.body);
    let fields = body.as_object()?.clone();
    let thing = match name.split('.').next()? {
        "profile" | "tier" | "balance" | "aggregation" => return profile(world, name, fields),
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
    let beside =
        own.remove(BESIDE).and_then(|beside| beside.as_object().cloned()).unwrap_or_default();
    own.insert("profile_id".to_owned(), Value::from(owner.as_str()));
    join(world, thing, &id, own);
    // With a timestamp, the data is also an update of the profile.
    if beside.contains_key("updated_at") && world.get(ObjectKind::Profile, &owner).is_some() {
        join(world, ObjectKind::Profile, &owner, beside);
    }
    // No list of the API contains these.
    let is_listed = !matches!(thing, ObjectKind::Order | ObjectKind::Point | ObjectKind::Identity);
    is_listed.then_some((thing, id))
}

fn profile(world: &World, name: &str, mut fields: Map<String, Value>) -> Kept {
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
            world.merge_silently(&loser, &id);
            for identity in body.get("identities").and_then(Value::as_array).into_iter().flatten() {
                world.put(ObjectKind::Identity, identity.clone());
            }
        }
        _ => {}
    }
    join(world, ObjectKind::Profile, &id, fields);
    // A merge or a change of tier contains more than the resulting profile.
    matches!(
        name,
        "profile.created" | "profile.updated" | "balance.updated" | "aggregation.updated"
    )
    .then_some((ObjectKind::Profile, id))
}

/// The API returns bookings only, and not the person who made them.
fn omnilab(world: &World, recorded: &Recorded) -> Kept {
    let body = &recorded.body;
    let mut fields = body.get("data")?.as_object()?.clone();
    let id = text_at(body, "/data/booking")?;
    let at = body.get("timestamp")?.clone();
    let mut who = Map::new();
    for word in PERSON {
        who.extend(fields.remove(word).map(|value| (word.to_owned(), value)));
    }
    fields.remove("interaction_name");
    let when = match text_at(body, "/data/booking_status")?.as_str() {
        "CANCELLED" => "cancelled_at",
        "CHECKED_IN" => "checkedin_at",
        _ => "booked_at",
    };
    fields.insert(when.to_owned(), at);
    fields.insert("timezone".to_owned(), Value::from("Europe/Amsterdam"));
    let is_nameless = who.len() == 1;
    let mut known = world
        .get(ObjectKind::Appointment, &id)
        .and_then(|known| known.get(PARTICIPANT)?.as_object().cloned())
        .unwrap_or_default();
    known.extend(who);
    fields.insert(PARTICIPANT.to_owned(), Value::Object(known));
    join(world, ObjectKind::Appointment, &id, fields);
    is_nameless.then_some((ObjectKind::Appointment, id))
}

/// The recorded API responses fill the system. Its webhooks are sent, because only they lead to a booking.
fn syncaroo(world: &World, recorded: &Recorded) -> Kept {
    let body = &recorded.body;
    if !recorded.is_answer() {
        return None;
    }
    world.put(ObjectKind::Booking, body.clone());
    world.put(ObjectKind::Location, body.get("location")?.clone());
    let mut resource = body.get("resource")?.as_object()?.clone();
    resource.insert("location".to_owned(), json!({ "id": text_at(body, "/location/id") }));
    world.put(ObjectKind::Resource, Value::Object(resource));
    None
}
