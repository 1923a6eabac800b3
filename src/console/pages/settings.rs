//! The settings that are in use, and templates to try.

use serde::Serialize;
use serde_json::Value;

use crate::admin::answer_difference::{Line, differing_lines};
use crate::admin::answers_preview::{AnswerPreview, TriedTemplate, doubtful_names, try_template};
use crate::admin::audit::record_view;
use crate::admin::effective_settings::{EffectiveSetting, effective_settings};
use crate::console::reply::{Refusal, Reply};
use crate::console::visit::Visit;
use crate::customer::model::email::Email;
use crate::customer::model::phone::Phone;
use crate::customer::model::text::canonical_id;
use crate::lookup::query::Question;
use crate::lookup::query_customers::{ReadRules, find_keys};
use crate::settings::file::MultipleMatches;
use crate::settings::unknown_event_type;

#[derive(Serialize)]
struct SettingsPage {
    settings: Vec<EffectiveSetting>,
    /// What was tried; empty fields at first.
    tried: Tried,
    /// What came of it.
    outcome: Option<Outcome>,
}

#[derive(Serialize, Default)]
struct Tried {
    is_message: bool,
    name: String,
    template: String,
    customer: String,
}

#[derive(Serialize, Default)]
struct Outcome {
    problems: Vec<String>,
    /// The lines that would change: whether the line is new, and the line.
    lines: Vec<(bool, String)>,
    /// What is probably wrong in the template.
    warnings: Vec<String>,
    /// What to write into the settings file.
    toml: String,
}

/// The settings that are in use.
pub(super) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    page(visit, Tried::default(), None)
}

fn page(visit: &Visit, tried: Tried, outcome: Option<Outcome>) -> Result<Reply, Refusal> {
    let settings = effective_settings(&visit.console.file, &visit.brand.rules.slug);
    let page = SettingsPage { settings, tried, outcome };
    visit.page("settings.html", ("/settings", "Settings"), &page)
}

/// Tries a template on a customer. Nothing is stored.
pub(super) async fn try_one(visit: &Visit) -> Result<Reply, Refusal> {
    let form = |name| visit.form.value(name).to_owned();
    let tried = Tried {
        is_message: visit.form.value("place") == "message",
        name: form("name"),
        template: form("template"),
        customer: form("customer"),
    };
    let outcome = outcome(visit, &tried).await?;
    page(visit, tried, Some(outcome))
}

async fn outcome(visit: &Visit, tried: &Tried) -> Result<Outcome, Refusal> {
    if tried.name.is_empty() {
        return Ok(problem("Name the custom field, or the event type of the message."));
    }
    let Some(question) = question(visit, &tried.customer) else {
        return Ok(problem("Name a customer: an e-mail address, a phone number, or an id."));
    };
    let sources = &visit.brand.rules.sources;
    if let Some(what) = tried.is_message.then(|| unknown_event_type(sources, &tried.name)).flatten()
    {
        return Ok(problem(&format!("{what}.")));
    }
    // Also those of an address to which lookups give no answer, because several customers have it.
    let max_customers = ReadRules::from(&visit.console.file.lookup).max_customers.max(2);
    let rules = ReadRules { max_customers, multiple_matches: MultipleMatches::All };
    let mut connection = visit.pool().acquire().await?;
    let keys = find_keys(&mut connection, &visit.brand, &question, rules).await?;
    let key = match keys.as_slice() {
        [key] => key,
        [] => return Ok(problem("Nobody has this address or id.")),
        _ => {
            let text = "Several customers have this address. Write the customer id of one of them.";
            return Ok(problem(text));
        }
    };
    let records = key.parse().into_iter().collect();
    let what = ("view customer", "with a template to try".to_owned());
    let by = (visit.attribution(), visit.now());
    record_view(visit.pool(), &visit.brand, what, &records, by).await?;
    let place = if tried.is_message {
        TriedTemplate::Message(&tried.name)
    } else {
        TriedTemplate::Field(&tried.name)
    };
    let template = (place, tried.template.as_str());
    Ok(match try_template(&mut connection, &visit.brand, template, key).await? {
        Err(errors) => Outcome {
            problems: errors.into_iter().map(|error| error.problem).collect(),
            ..Outcome::default()
        },
        Ok(None) => problem("This customer has just been removed."),
        Ok(Some(preview)) => {
            Outcome { warnings: doubtful_names(&visit.brand, template), ..shown(tried, &preview) }
        }
    })
}

fn problem(text: &str) -> Outcome {
    Outcome { problems: vec![text.to_owned()], ..Outcome::default() }
}

fn shown(tried: &Tried, preview: &AnswerPreview) -> Outcome {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let lines = differing_lines(&parsed(&preview.before), &parsed(&preview.after));
    let failed = preview.failed_templates.iter();
    let failed = failed.map(|name| {
        format!("The template {name} fails for this customer; its field or message is left out.")
    });
    let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let (name, template) = (text(&tried.name), text(&tried.template));
    Outcome {
        problems: failed.collect(),
        lines: lines.into_iter().map(|Line { is_new, text }| (is_new, text)).collect(),
        toml: if tried.is_message {
            format!("{name} = {template}")
        } else {
            format!("{{ name = {name}, value = {template} }}")
        },
        ..Outcome::default()
    }
}

/// Reads what a person typed: an address, or else an id.
fn question(visit: &Visit, typed: &str) -> Option<Question> {
    if typed.is_empty() {
        return None;
    }
    if let Ok(email) = Email::parse(typed) {
        return Some(Question::Address(email.into()));
    }
    let phone = Phone::normalise(typed, visit.brand.rules.identity.region).ok();
    let phone = phone.filter(|_| typed.starts_with(['+', '0']));
    Some(
        phone.map_or_else(
            || Question::Id(canonical_id(typed)),
            |phone| Question::Address(phone.into()),
        ),
    )
}
