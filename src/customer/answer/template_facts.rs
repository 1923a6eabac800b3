//! The facts that templates can use.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::agent_page::{AgentPageUse, PLACEHOLDER, is_forged};
use super::profile::{Profile, Sourced};
use crate::customer::model::event::{Event, field};
use crate::customer::model::source::Source;

/// The names that templates can use. `event` exists in messages and links only.
pub(crate) const ROOTS: [&str; 8] =
    ["customer", "attributes", "omneo", "omniotap", "omnilab", "syncaroo", AGENT_PAGE, "event"];

/// The link to the agent page. It exists in custom fields only.
pub(crate) const AGENT_PAGE: &str = "agent_page";

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
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_page: Option<char>,
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
    /// The facts. With the agent page, a value that contains its placeholder is left out.
    pub(super) fn new(profile: &'a Profile, agent_page: AgentPageUse) -> Self {
        let plain = |attributes| plain(attributes, agent_page);
        let of = |source| profile.by_source.get(&source).map(plain).unwrap_or_default();
        let name = |part: &'a Option<Sourced<String>>| {
            let name = part.as_ref().map(|sourced| sourced.value.as_str());
            name.filter(|name| !agent_page.is_on() || !name.contains(PLACEHOLDER))
        };
        Self {
            customer: CustomerFacts {
                id: &profile.customer_id,
                first_name: name(&profile.first_name),
                last_name: name(&profile.last_name),
            },
            attributes: plain(&profile.attributes),
            omneo: of(Source::Omneo),
            omniotap: of(Source::OmnioTap),
            omnilab: of(Source::OmniLab),
            syncaroo: of(Source::Syncaroo),
            agent_page: agent_page.placeholder(),
        }
    }
}

fn plain(
    attributes: &BTreeMap<String, Sourced<Value>>,
    agent_page: AgentPageUse,
) -> BTreeMap<&str, &Value> {
    let all = attributes.iter().map(|(name, sourced)| (name.as_str(), &sourced.value));
    let is_plain = |(name, value): &(&str, &Value)| {
        !agent_page.is_on() || !name.contains(PLACEHOLDER) && !is_forged(value)
    };
    all.filter(is_plain).collect()
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
