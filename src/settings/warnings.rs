//! Settings that are valid, but probably wrong: names of events, attributes and references that no source has.

use super::file::BrandSettings;
use crate::customer::answer::presentation::PresentationRules;
use crate::customer::answer::template_facts::{CUSTOMER_NAMES, EVENT_NAMES};
use crate::customer::answer::template_names::{UsedName, templates_with_agent_page, used_names};
use crate::customer::model::near_name::{did_you_mean, near_name};
use crate::customer::model::source::Source;
use crate::sources::{SettingProblem, SourceSettings, TemplateNames};

/// The message of every type without one of its own.
const DEFAULT_MESSAGE: &str = "default";

/// What is wrong with an event type, if no source has it.
#[must_use]
pub fn unknown_event_type(sources: &SourceSettings, name: &str) -> Option<String> {
    if name == DEFAULT_MESSAGE { None } else { Names::new(sources).unknown_event_type(name) }
}

/// What is wrong with the names in the brand's own templates that no source has. A name that does not exist prints nothing.
#[must_use]
pub fn unknown_template_names(
    sources: &SourceSettings,
    presentation: &PresentationRules,
) -> Vec<String> {
    let names = Names::new(sources);
    used_names(presentation).iter().filter_map(|used| names.unknown_name(used)).collect()
}

/// The settings of a brand that are valid, but probably wrong.
pub(super) fn doubtful_settings(
    settings: &BrandSettings,
    presentation: &PresentationRules,
) -> Vec<SettingProblem> {
    let names = Names::new(&settings.sources);
    let mut warnings = Vec::new();
    for (n, hidden) in settings.timeline.hide.iter().enumerate() {
        let what = names.unknown_event_type(hidden);
        warnings.extend(what.map(|what| SettingProblem::new(format!("timeline.hide.{n}"), what)));
    }
    let messages = settings.timeline.messages.keys().filter(|name| *name != DEFAULT_MESSAGE);
    for name in messages {
        let what = names.unknown_event_type(name);
        let key = format!("timeline.messages.{name}");
        warnings.extend(what.map(|what| SettingProblem::new(key, what)));
    }
    for (n, reference) in settings.reference_ids.iter().enumerate() {
        let what = names.unknown_reference(reference);
        warnings.extend(what.map(|what| SettingProblem::new(format!("reference_ids.{n}"), what)));
    }
    for field in settings.precedence.keys() {
        let what = names.unknown_field(field);
        warnings.extend(what.map(|what| SettingProblem::new(format!("precedence.{field}"), what)));
    }
    for used in used_names(presentation) {
        let what = names.unknown_name(&used);
        warnings.extend(what.map(|what| SettingProblem::new(used.template, what)));
    }
    if !presentation.agent_page.is_on() {
        let what = "prints nothing for `agent_page`, because agent_page.mode is \"off\"";
        let printing = templates_with_agent_page(presentation).into_iter();
        warnings.extend(printing.map(|template| SettingProblem::new(template, what)));
    }
    warnings
}

/// The names of all sources.
struct Names(Vec<(Source, TemplateNames)>);

impl Names {
    fn new(sources: &SourceSettings) -> Self {
        let names = |source| (source, sources.parser(source).template_names());
        Self(Source::ALL.into_iter().map(names).collect())
    }

    /// The names of one source, or of all.
    fn of(&self, source: Option<Source>) -> impl Iterator<Item = &TemplateNames> {
        let wanted = move |one: Source| source.is_none_or(|source| source == one);
        self.0.iter().filter(move |(one, _)| wanted(*one)).map(|(_, names)| names)
    }

    fn unknown_event_type(&self, name: &str) -> Option<String> {
        let types: Vec<&str> = self.of(None).flat_map(|names| names.event_types).copied().collect();
        if types.contains(&name) {
            return None;
        }
        let source = source_of(name);
        let own: Vec<&str> = types.into_iter().filter(|event| source_of(event) == source).collect();
        let near = match source {
            Some(source) => near_below(name, &own, source),
            // The name of the source may be the mistake.
            None => {
                let all = self.of(None).flat_map(|names| names.event_types).copied();
                near_name(name, all)
            }
        };
        let types = format!("its types are {}", own.join(", "));
        Some(match source {
            Some(source) => {
                let hint = did_you_mean(near, &types);
                format!("{source} has no events of the type \"{name}\"{hint}")
            }
            None => {
                let hint = did_you_mean(near, "");
                format!("no source has events of the type \"{name}\"{hint}")
            }
        })
    }

    fn unknown_reference(&self, name: &str) -> Option<String> {
        let known: Vec<&str> = self.of(None).flat_map(|names| names.references).copied().collect();
        let is_known = known.iter().any(|known| {
            *known == name
                || (known.ends_with('.') && name.len() > known.len() && name.starts_with(known))
        });
        let near = near_name(name, known.iter().copied());
        let all = known.iter().map(|name| {
            if name.ends_with('.') { format!("{name}<handle>") } else { (*name).to_owned() }
        });
        let all = format!("they are {}", all.collect::<Vec<_>>().join(", "));
        (!is_known).then(|| format!("no source has this reference{}", did_you_mean(near, &all)))
    }

    /// The names of a field of the answer: the names of a person, or an attribute.
    fn unknown_field(&self, name: &str) -> Option<String> {
        let of_person = CUSTOMER_NAMES.into_iter().filter(|name| *name != "id");
        if of_person.clone().any(|known| known == name) {
            return None;
        }
        self.unknown_attribute(None, name, of_person.collect())
            .map(|near| format!("no source has an attribute `{name}`{near}"))
    }

    /// Whether a source, or any source, lacks an attribute. If so, the suggestion.
    fn unknown_attribute(
        &self,
        source: Option<Source>,
        name: &str,
        others: Vec<&str>,
    ) -> Option<String> {
        let prefixes: Vec<&str> =
            self.of(source).filter_map(|names| names.own_attributes).collect();
        if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            return None;
        }
        let mut known = others;
        known.extend(self.of(source).flat_map(|names| names.attributes));
        if known.contains(&name) {
            return None;
        }
        let near = near_name(name, known.iter().copied());
        Some(match (near, prefixes.first()) {
            (None, Some(prefix)) => {
                format!("; an attribute of your own is written {prefix}{name}")
            }
            (None, None) if known.is_empty() => String::new(),
            (near, _) => did_you_mean(near, &format!("its attributes are {}", known.join(", "))),
        })
    }

    fn unknown_name(&self, used: &UsedName) -> Option<String> {
        let UsedName { template, root, name } = used;
        match root.as_str() {
            "customer" => {
                let known = format!("there are {}", CUSTOMER_NAMES.join(", "));
                let hint = did_you_mean(near_name(name, CUSTOMER_NAMES), &known);
                (!CUSTOMER_NAMES.contains(&name.as_str()))
                    .then(|| format!("`customer.{name}` does not exist{hint}"))
            }
            "event" => self.unknown_event_value(template, name),
            "attributes" => self
                .unknown_attribute(None, name, Vec::new())
                .map(|near| format!("no source has the attribute `{name}`{near}")),
            source => self
                .unknown_attribute(Some(source.parse().ok()?), name, Vec::new())
                .map(|near| format!("{source} has no attribute `{name}`{near}")),
        }
    }

    /// A value that the events of a template do not have.
    fn unknown_event_value(&self, template: &str, name: &str) -> Option<String> {
        let of_message = template.strip_prefix("timeline.messages.");
        let of_url = template.strip_prefix("sources.");
        let source = of_message.or(of_url).and_then(source_of);
        let mut known = EVENT_NAMES.to_vec();
        known.extend(self.of(source).flat_map(|names| names.event_values));
        let near = did_you_mean(near_name(name, known.iter().copied()), "");
        (!known.contains(&name)).then(|| match source {
            Some(source) => format!("events of {source} have no `event.{name}`{near}"),
            None => format!("no event has `event.{name}`{near}"),
        })
    }
}

/// The source with which a name such as `omneo.order` begins.
fn source_of(name: &str) -> Option<Source> {
    name.split('.').next()?.parse().ok()
}

/// The most similar type of a source. Only what follows the name of the source is compared.
fn near_below<'a>(name: &str, types: &[&'a str], source: Source) -> Option<&'a str> {
    let tail = |name: &'a str| name.split_once('.').map_or("", |(_, tail)| tail);
    let wanted = name.strip_prefix(source.as_str())?.trim_start_matches('.');
    let near = near_name(wanted, types.iter().map(|name| tail(name)))?;
    types.iter().copied().find(|name| tail(name) == near)
}
