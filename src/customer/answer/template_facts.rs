//! The facts that templates can use.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::profile::{Profile, Sourced};
use crate::customer::model::event::{Event, field};
use crate::customer::model::source::Source;

/// The names that every template can use. `event` exists in messages and links only.
pub(crate) const ROOTS: [&str; 7] =
    ["customer", "attributes", "omneo", "omniotap", "omnilab", "syncaroo", "event"];

/// The names below `customer`.
pub(crate) const CUSTOMER_NAMES: [&str; 3] = ["id", "first_name", "last_name"];

/// The names below `event` that every event has.
pub(crate) const EVENT_NAMES: [&str; 4] = ["type", "id", "source", "occurred_at"];

#[derive(Serialize)]
pub(super) struct ProfileFacts<'a> {
    customer: CustomerFacts<'a>,
    attributes: BTreeMap<&'a str, &'a Value>,
    omneo: BTreeMap<&'a str, &'a Value>,
    omniotap: BTreeMap<&'a str, &'a Value>,
    omnilab: BTreeMap<&'a str, &'a Value>,
    syncaroo: BTreeMap<&'a str, &'a Value>,
}

#[derive(Serialize)]
struct CustomerFacts<'a> {
    id: &'a str,
    // A missing part is unknown. As a null value, it would print "none".
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
}

impl<'a> ProfileFacts<'a> {
    pub(super) fn new(profile: &'a Profile) -> Self {
        let of = |source| profile.by_source.get(&source).map(plain).unwrap_or_default();
        Self {
            customer: CustomerFacts {
                id: &profile.customer_id,
                first_name: profile.first_name.as_ref().map(|sourced| sourced.value.as_str()),
                last_name: profile.last_name.as_ref().map(|sourced| sourced.value.as_str()),
            },
            attributes: plain(&profile.attributes),
            omneo: of(Source::Omneo),
            omniotap: of(Source::OmnioTap),
            omnilab: of(Source::OmniLab),
            syncaroo: of(Source::Syncaroo),
        }
    }
}

fn plain(attributes: &BTreeMap<String, Sourced<Value>>) -> BTreeMap<&str, &Value> {
    attributes.iter().map(|(name, sourced)| (name.as_str(), &sourced.value)).collect()
}

#[derive(Serialize)]
pub(super) struct EventFacts<'a> {
    #[serde(rename = "type")]
    event_type: &'a str,
    id: &'a str,
    source: &'static str,
    occurred_at: String,
    #[serde(flatten)]
    data: BTreeMap<&'a str, &'a Value>,
}

impl<'a> EventFacts<'a> {
    pub(super) fn new(event: &'a Event, event_type: &'a str) -> Self {
        let data = event
            .versions
            .with_prefix(field::DATA)
            .map(|(name, value, _)| (name, value))
            .filter(|(name, _)| !EVENT_NAMES.contains(name));
        let occurred_at =
            event.day().map_or_else(|| event.occurred_at().to_string(), |day| day.to_string());
        Self {
            event_type,
            id: &event.key.id,
            source: event.key.source.as_str(),
            occurred_at,
            data: data.collect(),
        }
    }
}
