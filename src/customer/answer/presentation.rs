//! Renders a merged profile and its events into the answer that agents see, with the brand's templates.
//!
//! Templates have no clock and no access to other data, so the same facts and settings always give the same bytes.

use std::cell::RefCell;
use std::collections::BTreeSet;

use minijinja::{Environment, UndefinedBehavior, Value};
use parking_lot::Mutex;

use super::agent_page::{AgentPageUse, PLACEHOLDER, cleaned};
pub use super::presentation_rules::PresentationRules;
use super::presentation_rules::{Template, field_template, message_template, url_template};
use super::profile::{Profile, Sourced};
use super::template_facts::{EventFacts, ProfileFacts};
use super::{
    Address, Answer, CustomField, TimelineItem, about_answer, filters, template_check,
    template_limits, template_words,
};
use crate::customer::model::event::{Event, field};
use crate::customer::model::text;

/// A template that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct TemplateError {
    /// The template's place in the settings: `custom_fields.0.value`,
    /// `timeline.messages.omneo.transaction`, `sources.omneo.event_url`.
    pub template: String,
    /// What is wrong with the template.
    pub problem: String,
}

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
    /// Names every template that does not compile or uses an unknown name.
    pub fn compile(rules: PresentationRules) -> Result<Self, Vec<TemplateError>> {
        let templates = rules.templates();
        let environment = compiled(&rules, &templates)?;
        let hash = rules.hash(&templates);
        Ok(Self { environment, rules, hash, reported_failures: Mutex::default() })
    }

    /// Returns true on the first call for a template. Used to report each failing template once.
    #[must_use]
    pub fn is_first_failure(&self, template: &str) -> bool {
        self.reported_failures.lock().insert(template.to_owned())
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

    /// The names of the templates.
    pub fn template_names(&self) -> impl Iterator<Item = &str> {
        self.environment.templates().map(|(name, _)| name)
    }

    /// The custom fields, each with the names that its template uses, such as `omneo.tier`.
    pub fn custom_fields(&self) -> impl Iterator<Item = (&str, BTreeSet<String>)> {
        self.rules.custom_fields.iter().enumerate().map(|(n, (name, _))| {
            let template = self.environment.get_template(&field_template(n));
            let names = template.map(|template| template.undeclared_variables(true));
            (name.as_str(), names.unwrap_or_default().into_iter().collect())
        })
    }

    /// Renders a customer with its newest events, as [`keep_newest`](crate::customer::keep_newest) leaves them.
    #[must_use]
    pub fn answer(&self, profile: &Profile, events: &[Event]) -> Rendered {
        let failed = Failed::default();
        let agent_page = self.rules.agent_page;
        let facts = Value::from_serialize(ProfileFacts::new(profile, agent_page));
        let fields = self.rules.custom_fields.iter().enumerate().filter_map(|(n, (name, _))| {
            let rendered = self.rendered(&field_template(n), &facts, &failed)?;
            Some(CustomField { name: name.clone(), value: cleaned(&rendered, agent_page)? })
        });
        let part = |part: &Option<Sourced<String>>| {
            part.as_ref().map(|sourced| sourced.value.clone()).unwrap_or_default()
        };
        let mut answer = Answer {
            addresses: profile
                .addresses
                .iter()
                .map(|a| Address { address: a.value.clone(), kind: a.kind.as_str() })
                .collect(),
            customer_firstname: part(&profile.first_name),
            customer_id: profile.customer_id.clone(),
            customer_lastname: part(&profile.last_name),
            custom_fields: Vec::new(),
            timeline: events.iter().filter_map(|event| self.item(event, &facts, &failed)).collect(),
        };
        if agent_page.is_on() {
            answer = answer.without_forged();
        }
        if agent_page == AgentPageUse::FieldsAndEvents {
            let without_url = answer.timeline.iter_mut().filter(|item| item.url.is_empty());
            without_url.for_each(|item| item.url.push(PLACEHOLDER));
        }
        answer.custom_fields =
            fields.chain(about_answer::fields(&self.rules, profile, events)).collect();
        Rendered { answer, failed_templates: failed.into_inner() }
    }

    /// Renders some events of a customer, with their own URLs only. `None` for those that no answer contains.
    #[must_use]
    pub fn items(&self, profile: &Profile, events: &[Event]) -> Vec<Option<TimelineItem>> {
        let facts = Value::from_serialize(ProfileFacts::new(profile, AgentPageUse::Off));
        let failed = Failed::default();
        events.iter().map(|event| self.item(event, &facts, &failed)).collect()
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
        text::non_empty(&self.rendered(template, context, failed)?)
    }

    /// The output of a template as it is. `None` if the template fails, or does not exist.
    fn rendered(&self, template: &str, context: &Value, failed: &Failed) -> Option<String> {
        let template_of_name = self.environment.get_template(template).ok()?;
        let rendered = template_limits::render(&template_of_name, context);
        if rendered.is_err() {
            failed.borrow_mut().insert(template.to_owned());
        }
        rendered.ok()
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

/// Whether a link from a source or a template is a web address.
#[must_use]
pub fn is_link(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// An environment with the templates and their filters.
fn compiled(
    rules: &PresentationRules,
    templates: &[Template],
) -> Result<Environment<'static>, Vec<TemplateError>> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    template_limits::limit(&mut environment);
    filters::register(&mut environment, &rules.time_zone, rules.locale);
    let mut errors = Vec::new();
    for template in templates {
        let Template { name, source } = template;
        let problems = match environment.add_template_owned(name.clone(), source.clone()) {
            Ok(()) => {
                let limits = template_limits::mistakes(source);
                let has_event = template.has_event();
                [limits, template_check::mistakes(&environment, name, source, has_event)].concat()
            }
            Err(error) => vec![template_words::in_words(&error, source)],
        };
        let problems = problems.into_iter();
        errors.extend(problems.map(|problem| TemplateError { template: name.clone(), problem }));
    }
    if errors.is_empty() { Ok(environment) } else { Err(errors) }
}
