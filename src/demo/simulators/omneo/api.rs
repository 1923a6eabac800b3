//! The routes of the API.

use serde_json::{Value, json};

use super::list::listed;
use super::merge;
use super::profile::{aggregations, balances, with_identities};
use crate::customer::model::source::Source;
use crate::demo::simulators::data::SimulatedData;
use crate::demo::simulators::object_kind::{ObjectKind, owner, word_key};
use crate::demo::simulators::options::SimulatorOptions;
use crate::demo::simulators::page;
use crate::demo::simulators::paths::base_path;
use crate::demo::simulators::request::{Answer, SimulatorRequest};
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
    LISTS.into_iter().find(|(found, _)| *found == name).map(|(_, kind)| kind)
}

/// Responds to an authorized request. Links begin with `base_url`.
pub(in crate::demo::simulators) fn answer(
    data: &SimulatedData,
    options: &SimulatorOptions,
    request: &SimulatorRequest,
    base_url: &str,
) -> Answer {
    let parts = request.below(base_path(Source::Omneo)).unwrap_or_default();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let list = |kind, profile| listed(data, options, request, base_url, kind, profile);
    match (request.method.as_str(), parts.as_slice()) {
        ("POST", ["profiles", "merge"]) => merge::merge_profiles(data, &request.json()),
        ("GET", ["profiles"]) => list(ObjectKind::Profile, None),
        ("GET", ["profiles", id]) => {
            data.object(ObjectKind::Profile, id).map_or_else(Answer::not_found, |object| {
                data_of(&with_identities(data, &object.value))
            })
        }
        ("GET", ["profiles", id, parts @ ..]) => match (data.get(ObjectKind::Profile, id), parts) {
            (None, _) => Answer::not_found(),
            (Some(_), [name]) if let Some(kind) = of_list(name) => list(kind, Some(id)),
            (Some(profile), parts) => part_of_profile(data, id, &profile, parts),
        },
        ("GET", ["identities", "search-profile", identifier]) => search(data, identifier),
        ("GET", ["identities"]) => list(ObjectKind::Identity, None),
        ("GET", [name]) => of_list(name).map_or_else(Answer::not_found, |kind| list(kind, None)),
        ("GET", [name, id]) => of_list(name)
            .and_then(|kind| data.object(kind, id))
            .map_or_else(Answer::not_found, |object| {
                Answer::ok(format!(r#"{{"data":{}}}"#, object.text))
            }),
        _ => Answer::not_found(),
    }
}

/// A part of a profile that has no pages.
fn part_of_profile(data: &SimulatedData, id: &str, profile: &Value, parts: &[&str]) -> Answer {
    match parts {
        ["identities"] => Answer::ok(format!(
            r#"{{"data":{}}}"#,
            page::list(&data.by_key(ObjectKind::Identity, &owner(id)))
        )),
        ["attributes", "custom"] => data_of(profile.get("custom_attributes").unwrap_or(&json!([]))),
        ["attributes", group] => {
            data_of(profile.pointer(&format!("/attributes/{group}")).unwrap_or(&json!({})))
        }
        ["tiers"] => data_of(
            &profile
                .get("tier")
                .filter(|tier| tier.is_object())
                .map_or_else(|| json!([]), |tier| json!([tier])),
        ),
        ["balances"] => data_of(&balances(id, profile)),
        ["aggregations"] => data_of(&aggregations(id, profile)),
        _ => Answer::not_found(),
    }
}

/// The profiles with an identity.
fn search(data: &SimulatedData, identifier: &str) -> Answer {
    let identities = data.by_key(ObjectKind::Identity, &word_key(identifier));
    let ids = identities.iter().filter_map(|identity| text_at(&identity.value, "/profile_id"));
    let profiles: Vec<Value> = ids
        .filter_map(|id| data.get(ObjectKind::Profile, &id))
        .map(|profile| with_identities(data, &profile))
        .collect();
    data_of(&Value::from(profiles))
}

fn data_of(value: &Value) -> Answer {
    Answer::ok(json!({ "data": value }).to_string())
}
