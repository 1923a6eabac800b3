//! Renders a merged profile and its events into the answer that agents see, with the brand's templates.
//!
//! Templates have no clock and no access to other data, so the same facts and settings always give the same bytes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::tz::TimeZone;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::filters;
use super::profile::Profile;
use super::template_check;
use super::{Address, Answer, CustomField, TimelineItem};
use crate::customer::DERIVATION_VERSION;
use crate::customer::model::event::{Event, field};
use crate::customer::model::source::Source;
use crate::customer::model::text;

/// A brand's settings for its answers.
#[derive(Debug, Clone)]
pub struct PresentationRules {
    /// Time zone of `lastUpdate` and of the date filters.
    pub time_zone: TimeZone,
    /// The time zone's name in the settings.
    pub time_zone_name: String,
    /// Language of the built-in messages and of number formats.
    pub locale: filters::Locale,
    /// Custom fields: name and template, in order.
    pub custom_fields: Vec<(String, String)>,
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
    /// Other settings that affect answers, as text. It is part of the hash, so a change makes stored answers be
    /// rendered again.
    pub merging: String,
}

/// A template that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct TemplateError {
    /// The template's place in the settings: `custom_fields.0.value`, `messages.omneo.transaction`,
    /// `sources.omneo.url`.
    pub template: String,
    /// What is wrong with the template.
    pub problem: String,
}

/// The names that every template can use. `event` exists in messages and links only.
pub(crate) const ROOTS: [&str; 7] =
    ["customer", "attributes", "omneo", "omniotap", "omnilab", "syncaroo", "event"];

/// The most steps of one template: enough for any message, and too few to delay a lookup.
const FUEL: u64 = 20_000;

/// A brand's compiled templates.
#[derive(Debug)]
pub struct Presenter {
    environment: Environment<'static>,
    rules: PresentationRules,
    hash: [u8; 16],
    // Templates whose failure was already reported.
    reported_failures: Mutex<BTreeSet<String>>,
}

impl Presenter {
    /// Compiles the templates.
    ///
    /// # Errors
    /// Names the first template that does not compile or uses an unknown name.
    pub fn compile(rules: PresentationRules) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        filters::register(&mut environment, &rules.time_zone, rules.locale);
        let mut digest = Sha256::new();
        for (name, source) in templates(&rules) {
            digest.update(format!("{name}\u{0}{source}\u{0}"));
            let refuse = |problem: String| TemplateError { template: name.clone(), problem };
            environment
                .add_template_owned(name.clone(), source.clone())
                .map_err(|error| refuse(in_words(&error)))?;
            let has_event = !name.starts_with(FIELDS);
            if let Some(problem) = template_check::mistake(&environment, &name, &source, has_event)
            {
                return Err(refuse(problem));
            }
        }
        let names: Vec<&str> = rules.custom_fields.iter().map(|(name, _)| name.as_str()).collect();
        digest.update(format!(
            "{names:?}|{}|{:?}|{}|",
            rules.time_zone_name, rules.locale, rules.merging
        ));
        digest.update(format!(
            "{}|{}|{:?}",
            rules.timeline_type, rules.timeline_limit, rules.hidden_events
        ));
        digest.update(format!("{DERIVATION_VERSION}"));
        let mut hash = [0; 16];
        hash.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
        Ok(Self { environment, rules, hash, reported_failures: Mutex::default() })
    }

    /// Returns true on the first call for a template. Used to report each failing template once.
    #[must_use]
    pub fn is_first_failure(&self, template: &str) -> bool {
        self.reported_failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(template.to_owned())
    }

    /// Hash of everything that affects rendering: settings, templates and version.
    #[must_use]
    pub const fn hash(&self) -> [u8; 16] {
        self.hash
    }

    /// The brand's rules.
    #[must_use]
    pub const fn rules(&self) -> &PresentationRules {
        &self.rules
    }

    /// Renders a customer with its newest events. The events must be in
    /// [`timeline_order`](crate::customer::timeline_order).
    #[must_use]
    pub fn answer(&self, profile: &Profile, events: &[Event]) -> Rendered {
        let failed = Failed::default();
        let facts = ProfileFacts::new(profile);
        let facts = Value::from_serialize(&facts);
        let fields = self.rules.custom_fields.iter().enumerate().filter_map(|(n, (name, _))| {
            let value = self.render(&field_template(n), &facts, &failed)?;
            Some(CustomField { name: name.clone(), value })
        });
        let part = |part: &Option<crate::customer::answer::profile::Sourced<String>>| {
            part.as_ref().map(|sourced| sourced.value.clone()).unwrap_or_default()
        };
        let answer = Answer {
            addresses: profile
                .addresses
                .iter()
                .map(|a| Address { address: a.value.clone(), kind: a.kind.as_str() })
                .collect(),
            customer_firstname: part(&profile.first_name),
            customer_id: profile.customer_id.clone(),
            customer_lastname: part(&profile.last_name),
            custom_fields: fields.collect(),
            timeline: events
                .iter()
                .take(self.rules.timeline_limit)
                .filter_map(|event| self.item(event, &facts, &failed))
                .collect(),
        };
        Rendered { answer, failed_templates: failed.into_inner() }
    }

    /// Renders an event. `None` if its message is empty or the time of the event could not be parsed.
    fn item(&self, event: &Event, facts: &Value, failed: &Failed) -> Option<TimelineItem> {
        if event.is_undated() {
            return None;
        }
        let event_type = event.key.event_type();
        let context = minijinja::context! { event => Value::from_serialize(EventFacts::new(event, &event_type)), ..facts.clone() };
        let named = message_template(&event_type);
        let template = if self.environment.get_template(&named).is_ok() {
            named
        } else {
            message_template("default")
        };
        let message = self.render(&template, &context, failed)?;
        let own = event.versions.text(field::URL).filter(|url| is_link(url)).map(str::to_owned);
        let url = own
            .or_else(|| self.render(&url_template(event.key.source), &context, failed))
            .unwrap_or_default();
        Some(TimelineItem {
            external_id: event.key.id.clone(),
            last_update: match event.day() {
                Some(day) => format!("{day} 00:00:00"),
                None => event
                    .occurred_at()
                    .to_zoned(self.rules.time_zone.clone())
                    .strftime("%Y-%m-%d %H:%M:%S")
                    .to_string(),
            },
            kind: self.rules.timeline_type.clone(),
            message,
            source: event.key.source.as_str(),
            url,
        })
    }

    /// Renders a template. `None` if the result is empty, the template fails, or no template exists (links only).
    fn render(&self, template: &str, context: &Value, failed: &Failed) -> Option<String> {
        let rendered = self.environment.get_template(template).ok()?.render(context);
        if rendered.is_err() {
            failed.borrow_mut().insert(template.to_owned());
        }
        text::non_empty(&rendered.ok()?)
    }
}

/// A rendered customer.
pub struct Rendered {
    /// The answer.
    pub answer: Answer,
    /// The templates that failed. Their output is missing in the answer.
    pub failed_templates: BTreeSet<String>,
}

/// The names of templates that failed.
type Failed = RefCell<BTreeSet<String>>;

/// Whether a link from a source is a web address. Others are left out.
fn is_link(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Prefix of the names of custom field templates.
const FIELDS: &str = "custom_fields.";

fn field_template(n: usize) -> String {
    format!("{FIELDS}{n}.value")
}

fn message_template(event_type: &str) -> String {
    format!("timeline.messages.{event_type}")
}

fn url_template(source: Source) -> String {
    format!("sources.{source}.event_url")
}

fn templates(rules: &PresentationRules) -> Vec<(String, String)> {
    let mut messages: BTreeMap<String, String> = rules.locale.messages();
    messages.extend(rules.messages.clone());
    let fields = rules
        .custom_fields
        .iter()
        .enumerate()
        .map(|(n, (_, source))| (field_template(n), source.clone()));
    let urls = rules
        .url_templates
        .iter()
        .map(|(source, template)| (url_template(*source), template.clone()));
    fields
        .chain(messages.into_iter().map(|(name, source)| (message_template(&name), source)))
        .chain(urls)
        .collect()
}

fn in_words(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

#[derive(Serialize)]
struct ProfileFacts<'a> {
    customer: CustomerFacts<'a>,
    attributes: BTreeMap<&'a str, &'a serde_json::Value>,
    omneo: BTreeMap<&'a str, &'a serde_json::Value>,
    omniotap: BTreeMap<&'a str, &'a serde_json::Value>,
    omnilab: BTreeMap<&'a str, &'a serde_json::Value>,
    syncaroo: BTreeMap<&'a str, &'a serde_json::Value>,
}

#[derive(Serialize)]
struct CustomerFacts<'a> {
    id: &'a str,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
}

impl<'a> ProfileFacts<'a> {
    fn new(profile: &'a Profile) -> Self {
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

fn plain(
    attributes: &BTreeMap<String, crate::customer::answer::profile::Sourced<serde_json::Value>>,
) -> BTreeMap<&str, &serde_json::Value> {
    attributes.iter().map(|(name, sourced)| (name.as_str(), &sourced.value)).collect()
}

#[derive(Serialize)]
struct EventFacts<'a> {
    #[serde(rename = "type")]
    event_type: &'a str,
    id: &'a str,
    source: &'static str,
    occurred_at: String,
    #[serde(flatten)]
    data: BTreeMap<&'a str, &'a serde_json::Value>,
}

impl<'a> EventFacts<'a> {
    fn new(event: &'a Event, event_type: &'a str) -> Self {
        let own = ["type", "id", "source", "occurred_at"];
        let data = event
            .versions
            .with_prefix(field::DATA)
            .map(|(name, value, _)| (name, value))
            .filter(|(name, _)| !own.contains(name));
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
