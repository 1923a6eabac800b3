//! A profile, and its parts that have an endpoint of their own.

use serde_json::Value;

use crate::demo::simulators::data::SimulatedData;
use crate::demo::simulators::object_kind::{ObjectKind, owner};
use crate::sources::value::text_at;

/// The fields of a profile that are its balances.
const BALANCES: [&str; 4] =
    ["reward_balance", "point_balance", "benefit_balance", "combined_balance_dollars"];

/// A profile as the API returns it.
pub(super) fn with_identities(data: &SimulatedData, profile: &Value) -> Value {
    let mut profile = profile.clone();
    let identities: Vec<Value> = text_at(&profile, "/id")
        .map(|id| data.by_key(ObjectKind::Identity, &owner(&id)))
        .unwrap_or_default()
        .iter()
        .map(|row| row.value.clone())
        .collect();
    if let Some(fields) = profile.as_object_mut() {
        fields.insert("identities".to_owned(), Value::from(identities));
    }
    profile
}

/// Some fields of a profile.
fn part(id: &str, profile: &Value, names: &[&str]) -> Value {
    let mut found: serde_json::Map<String, Value> = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), profile.get(*name)?.clone())))
        .collect();
    found.insert("profile_id".to_owned(), Value::from(id));
    if let Some(at) = profile.get("updated_at") {
        found.insert("updated_at".to_owned(), at.clone());
    }
    Value::Object(found)
}

pub(super) fn aggregations(id: &str, profile: &Value) -> Value {
    let mut found = part(id, profile, &[]);
    if let (Some(to), Some(from)) =
        (found.as_object_mut(), profile.get("aggregations").and_then(Value::as_object))
    {
        to.extend(from.clone());
    }
    found
}

pub(super) fn balances(id: &str, profile: &Value) -> Value {
    part(id, profile, &BALANCES)
}
