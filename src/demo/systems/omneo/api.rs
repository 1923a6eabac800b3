//! The routes of the API.

use serde_json::{Value, json};

use super::list::listed;
use super::merge;
use super::profile::{aggregations, balances, with_identities};
use crate::customer::model::source::Source;
use crate::demo::systems::asked::{Answer, SystemRequest};
use crate::demo::systems::data::World;
use crate::demo::systems::object_kind::{ObjectKind, owner, word_key};
use crate::demo::systems::options::SystemOptions;
use crate::demo::systems::page;
use crate::demo::systems::paths::base_path;
use crate::sources::value::text_at;

/// Objects of a profile that have lists in pages: by profile, and for all profiles.
const LISTS: [(&str, ObjectKind); 6] = [
    ("transactions", ObjectKind::Transaction),
    ("orders", ObjectKind::Order),
    ("rewards", ObjectKind::Reward),
    ("benefits", ObjectKind::Benefit),
    ("interactions", ObjectKind::Interaction),
    ("points", ObjectKind::Point),
];

fn of_list(name: &str) -> Option<ObjectKind> {
    LISTS.into_iter().find(|(found, _)| *found == name).map(|(_, thing)| thing)
}

/// Responds to an authorized request. Links begin with `base_url`.
pub(in crate::demo::systems) fn answer(
    world: &World,
    terms: &SystemOptions,
    asked: &SystemRequest,
    base_url: &str,
) -> Answer {
    let parts = asked.below(base_path(Source::Omneo)).unwrap_or_default();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let list = |thing, profile| listed(world, terms, asked, base_url, thing, profile);
    match (asked.method.as_str(), parts.as_slice()) {
        ("POST", ["profiles", "merge"]) => merge::asked(world, &asked.json()),
        ("GET", ["profiles"]) => list(ObjectKind::Profile, None),
        ("GET", ["profiles", id]) => world
            .object(ObjectKind::Profile, id)
            .map_or_else(Answer::not_found, |object| data(&with_identities(world, &object.value))),
        ("GET", ["profiles", id, parts @ ..]) => {
            match (world.get(ObjectKind::Profile, id), parts) {
                (None, _) => Answer::not_found(),
                (Some(_), [name]) if let Some(thing) = of_list(name) => list(thing, Some(id)),
                (Some(profile), parts) => part_of_profile(world, id, &profile, parts),
            }
        }
        ("GET", ["identities", "search-profile", identifier]) => search(world, identifier),
        ("GET", ["identities"]) => list(ObjectKind::Identity, None),
        ("GET", [name]) => of_list(name).map_or_else(Answer::not_found, |thing| list(thing, None)),
        ("GET", [name, id]) => of_list(name)
            .and_then(|thing| world.object(thing, id))
            .map_or_else(Answer::not_found, |object| {
                Answer::ok(format!(r#"{{"data":{}}}"#, object.text))
            }),
        _ => Answer::not_found(),
    }
}

/// A part of a profile that has no pages.
fn part_of_profile(world: &World, id: &str, profile: &Value, parts: &[&str]) -> Answer {
    match parts {
        ["identities"] => Answer::ok(format!(
            r#"{{"data":{}}}"#,
            page::list(&world.by_key(ObjectKind::Identity, &owner(id)))
        )),
        ["attributes", "custom"] => data(profile.get("custom_attributes").unwrap_or(&json!([]))),
        ["attributes", group] => {
            data(profile.pointer(&format!("/attributes/{group}")).unwrap_or(&json!({})))
        }
        ["tiers"] => data(
            &profile
                .get("tier")
                .filter(|tier| tier.is_object())
                .map_or_else(|| json!([]), |tier| json!([tier])),
        ),
        ["balances"] => data(&balances(id, profile)),
        ["aggregations"] => data(&aggregations(id, profile)),
        _ => Answer::not_found(),
    }
}

/// The profiles with an identity.
fn search(world: &World, identifier: &str) -> Answer {
    let identities = world.by_key(ObjectKind::Identity, &word_key(identifier));
    let ids = identities.iter().filter_map(|identity| text_at(&identity.value, "/profile_id"));
    let profiles: Vec<Value> = ids
        .filter_map(|id| world.get(ObjectKind::Profile, &id))
        .map(|profile| with_identities(world, &profile))
        .collect();
    data(&Value::from(profiles))
}

fn data(value: &Value) -> Answer {
    Answer::ok(json!({ "data": value }).to_string())
}
