//! Omneo's API, as its reference describes it: profiles and their objects, lists with links, and merges.

mod hook;
mod list;
mod merge;

use jiff::Timestamp;
use serde_json::{Value, json};

pub(super) use self::hook::webhook;
use super::asked::{Answer, SystemRequest};
use super::data::World;
use super::object_kind::{ObjectKind, owner, word_key};
use super::options::SystemOptions;
use super::page;
use crate::sources::extract::text_at;

use self::list::listed;

/// The base path of the API.
pub(super) const BASE: &str = "/api/v3";

/// Objects of a profile that have lists in pages: by profile, and for all profiles.
const LISTS: [(&str, ObjectKind); 6] = [
    ("transactions", ObjectKind::Transaction),
    ("orders", ObjectKind::Order),
    ("rewards", ObjectKind::Reward),
    ("benefits", ObjectKind::Benefit),
    ("interactions", ObjectKind::Interaction),
    ("points", ObjectKind::Point),
];

/// Parts of a profile with an endpoint of their own.
const BALANCES: [&str; 4] =
    ["reward_balance", "point_balance", "benefit_balance", "combined_balance_dollars"];

/// Responds to an authorized request. Links begin with `base_url`.
pub(super) fn answer(
    world: &World,
    terms: &SystemOptions,
    asked: &SystemRequest,
    base_url: &str,
) -> Answer {
    let parts = asked.below(BASE).unwrap_or_default();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let of_list =
        |name: &str| LISTS.into_iter().find(|(found, _)| *found == name).map(|(_, thing)| thing);
    match (asked.method.as_str(), parts.as_slice()) {
        ("POST", ["profiles", "merge"]) => merge::asked(world, &asked.json()),
        ("GET", ["profiles"]) => listed(world, terms, asked, base_url, ObjectKind::Profile, None),
        ("GET", ["profiles", id]) => world
            .object(ObjectKind::Profile, id)
            .map_or_else(Answer::not_found, |object| data(&with_identities(world, &object.value))),
        ("GET", ["profiles", id, parts @ ..]) => {
            match (world.get(ObjectKind::Profile, id), parts) {
                (None, _) => Answer::not_found(),
                (Some(_), ["identities"]) => Answer::ok(format!(
                    r#"{{"data":{}}}"#,
                    page::list(&world.by_key(ObjectKind::Identity, &owner(id)))
                )),
                (Some(profile), ["attributes", "custom"]) => {
                    data(profile.get("custom_attributes").unwrap_or(&json!([])))
                }
                (Some(profile), ["attributes", group]) => {
                    data(profile.pointer(&format!("/attributes/{group}")).unwrap_or(&json!({})))
                }
                (Some(profile), ["tiers"]) => data(
                    &profile
                        .get("tier")
                        .filter(|tier| tier.is_object())
                        .map_or_else(|| json!([]), |tier| json!([tier])),
                ),
                (Some(profile), ["balances"]) => data(&part(id, &profile, &BALANCES)),
                (Some(profile), ["aggregations"]) => data(&aggregations(id, &profile)),
                (Some(_), [name]) => match of_list(name) {
                    Some(thing) => listed(world, terms, asked, base_url, thing, Some(id)),
                    None => Answer::not_found(),
                },
                _ => Answer::not_found(),
            }
        }
        ("GET", ["identities", "search-profile", identifier]) => {
            let identities = world.by_key(ObjectKind::Identity, &word_key(identifier));
            let ids =
                identities.iter().filter_map(|identity| text_at(&identity.value, "/profile_id"));
            let profiles: Vec<Value> = ids
                .filter_map(|id| world.get(ObjectKind::Profile, &id))
                .map(|profile| with_identities(world, &profile))
                .collect();
            data(&Value::from(profiles))
        }
        ("GET", ["identities"]) => {
            listed(world, terms, asked, base_url, ObjectKind::Identity, None)
        }
        ("GET", [name]) => of_list(name).map_or_else(Answer::not_found, |thing| {
            listed(world, terms, asked, base_url, thing, None)
        }),
        ("GET", [name, id]) => {
            let object = of_list(name).and_then(|thing| world.object(thing, id));
            object.map_or_else(Answer::not_found, |object| {
                Answer::ok(format!(r#"{{"data":{}}}"#, object.text))
            })
        }
        _ => Answer::not_found(),
    }
}

fn data(value: &Value) -> Answer {
    Answer::ok(json!({ "data": value }).to_string())
}

fn with_identities(world: &World, profile: &Value) -> Value {
    let mut profile = profile.clone();
    let identities: Vec<Value> = text_at(&profile, "/id")
        .map(|id| world.by_key(ObjectKind::Identity, &owner(&id)))
        .unwrap_or_default()
        .iter()
        .map(|row| row.value.clone())
        .collect();
    if let Some(fields) = profile.as_object_mut() {
        fields.insert("identities".to_owned(), Value::from(identities));
    }
    profile
}

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

fn aggregations(id: &str, profile: &Value) -> Value {
    let mut found = part(id, profile, &[]);
    if let (Some(to), Some(from)) =
        (found.as_object_mut(), profile.get("aggregations").and_then(Value::as_object))
    {
        to.extend(from.clone());
    }
    found
}

/// A time in this system's format: UTC without a time zone.
#[must_use]
pub fn written(at: Timestamp) -> String {
    at.strftime("%F %T").to_string()
}
