//! A brand's settings for its answers: its templates and their names.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::agent_page::AgentPageUse;
use super::filters::Locale;
use crate::customer::DERIVATION_VERSION;
use crate::customer::model::event::Event;
use crate::customer::model::source::Source;

/// A brand's settings for its answers.
#[derive(Debug, Clone)]
pub struct PresentationRules {
    /// Time zone of `lastUpdate` and of the date filters.
    pub time_zone: TimeZone,
    /// The time zone's name in the settings.
    pub time_zone_name: String,
    /// Language of the built-in messages and of number formats.
    pub locale: Locale,
    /// Custom fields: name and template, in order.
    pub custom_fields: Vec<(String, String)>,
    /// Name of the custom field that says by what the customer's records are joined; empty for none.
    pub matched_by_field: String,
    /// Name of the custom field that says how recent the data is; empty for none.
    pub data_as_of_field: String,
    /// Message templates by event type. They override those of the locale.
    pub messages: BTreeMap<String, String>,
    /// Link templates for events, by source.
    pub url_templates: BTreeMap<Source, String>,
    /// The value of `timeline[].type`.
    pub timeline_type: String,
    /// The most events in an answer.
    pub timeline_limit: usize,
    /// Event types that are hidden from agents.
    pub hidden_events: Vec<String>,
    /// Where an answer has the link to the agent page.
    pub agent_page: AgentPageUse,
    /// Other settings that affect answers, as text. It is part of the hash, so a change makes stored answers be
    /// rendered again.
    pub merging: String,
}

/// A template, not compiled.
pub(super) struct Template {
    pub name: String,
    pub source: String,
}

impl Template {
    /// Whether the template is about one event.
    pub(super) fn has_event(&self) -> bool {
        !self.name.starts_with(FIELDS)
    }
}

impl PresentationRules {
    /// Whether a timeline contains an event.
    #[must_use]
    pub fn shows(&self, event: &Event) -> bool {
        event.versions.is_live() && !self.hidden_events.contains(&event.key.event_type())
    }

    /// All templates: custom fields, messages, links.
    pub(super) fn templates(&self) -> Vec<Template> {
        let mut messages: BTreeMap<String, String> = self.locale.messages();
        messages.extend(self.messages.clone());
        self.templates_with(&messages)
    }

    /// The templates of the settings, without the built-in messages.
    pub(super) fn own_templates(&self) -> Vec<Template> {
        self.templates_with(&self.messages)
    }

    fn templates_with(&self, messages: &BTreeMap<String, String>) -> Vec<Template> {
        let fields = self.custom_fields.iter().enumerate();
        let fields = fields.map(|(n, (_, source))| (field_template(n), source));
        let messages = messages.iter().map(|(name, source)| (message_template(name), source));
        let urls = self.url_templates.iter();
        let urls = urls.map(|(source, template)| (url_template(*source), template));
        let all = fields.chain(messages).chain(urls);
        all.map(|(name, source)| Template { name, source: source.clone() }).collect()
    }

    /// Hash of everything that affects rendering: settings, templates and version.
    pub(super) fn hash(&self, templates: &[Template]) -> [u8; 16] {
        let mut digest = Sha256::new();
        for Template { name, source } in templates {
            digest.update(format!("{name}\u{0}{source}\u{0}"));
        }
        let names: Vec<&str> = self.custom_fields.iter().map(|(name, _)| name.as_str()).collect();
        digest.update(format!(
            "{names:?}|{}|{:?}|{}|",
            self.time_zone_name, self.locale, self.merging
        ));
        digest.update(format!(
            "{}|{}|{:?}",
            self.timeline_type, self.timeline_limit, self.hidden_events
        ));
        digest.update(format!("|{:?}|{:?}|", self.matched_by_field, self.data_as_of_field));
        // A brand without the agent page keeps its hash.
        if self.agent_page.is_on() {
            digest.update(format!("{:?}|", self.agent_page));
        }
        digest.update(format!("{DERIVATION_VERSION}|{:?}", self.locale.words()));
        let mut hash = [0; 16];
        hash.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
        hash
    }
}

/// Prefix of the names of custom field templates.
const FIELDS: &str = "custom_fields.";

pub(super) fn field_template(n: usize) -> String {
    format!("{FIELDS}{n}.value")
}

pub(super) fn message_template(event_type: &str) -> String {
    format!("timeline.messages.{event_type}")
}

pub(super) fn url_template(source: Source) -> String {
    format!("sources.{source}.event_url")
}
