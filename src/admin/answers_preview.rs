//! What new templates would change in the answer of a customer. Nothing is changed.

use std::collections::BTreeSet;

use crate::brand::Brand;
use crate::customer::answer::agent_page::{SHOWN, with_link};
use crate::customer::answer::presentation::{PresentationRules, Presenter, TemplateError};
use crate::lookup::query_customers::{render, render_with};
use crate::settings::unknown_template_names;
use crate::storage::StorageError;
use crate::storage::answers::find_answer;
use crate::storage::pool::Connection;

/// The answer of a customer, before and after. It is personal data, so it does not implement `Debug`.
pub struct AnswerPreview {
    /// The customer's key.
    pub customer_key: String,
    /// The stored answer, as JSON.
    pub before: String,
    /// The answer that the settings of the brand render, as JSON.
    pub after: String,
    /// The templates that failed. Their fields or messages are missing in the answer.
    pub failed_templates: BTreeSet<String>,
}

/// Renders the answer of a customer with the settings of the brand. The records and addresses of the customer stay as
/// they are stored. `None` if the customer no longer exists.
///
/// # Errors
/// If Postgres fails.
pub async fn preview_answer(
    db: &mut Connection,
    brand: &Brand,
    customer_key: &str,
) -> Result<Option<AnswerPreview>, StorageError> {
    let before = find_answer(db, brand.id(), customer_key).await?;
    let rendered = render(db, brand, customer_key).await?;
    Ok(before.zip(rendered).map(|(before, rendered)| AnswerPreview {
        customer_key: customer_key.to_owned(),
        before: with_link(&before, SHOWN).into_owned(),
        after: rendered.answer.for_people().to_json(),
        failed_templates: rendered.failed_templates,
    }))
}

/// A template to try.
#[derive(Clone, Copy)]
pub enum TriedTemplate<'a> {
    /// The custom field with this name. It replaces the one of the settings, or is added.
    Field(&'a str),
    /// The message of this event type.
    Message(&'a str),
}

/// What is wrong with the names in a template that no source has.
#[must_use]
pub fn doubtful_names(brand: &Brand, (place, template): (TriedTemplate<'_>, &str)) -> Vec<String> {
    let mut only = brand.rules.presenter.rules().clone();
    (only.custom_fields, only.messages, only.url_templates) = Default::default();
    with_template(&mut only, place, template);
    unknown_template_names(&brand.rules.sources, &only)
}

/// Renders the answer of a customer with one other template. `None` if the customer no longer exists.
///
/// # Errors
/// If the template cannot be compiled, as the inner result; or if Postgres fails.
pub async fn try_template(
    db: &mut Connection,
    brand: &Brand,
    (place, template): (TriedTemplate<'_>, &str),
    customer_key: &str,
) -> Result<Result<Option<AnswerPreview>, Vec<TemplateError>>, StorageError> {
    let mut rules = brand.rules.presenter.rules().clone();
    with_template(&mut rules, place, template);
    let presenter = match Presenter::compile(rules) {
        Ok(presenter) => presenter,
        Err(errors) => return Ok(Err(errors)),
    };
    let before = render(db, brand, customer_key).await?;
    let after = render_with(db, brand, &presenter, customer_key).await?;
    Ok(Ok(before.zip(after).map(|(before, after)| AnswerPreview {
        customer_key: customer_key.to_owned(),
        before: before.answer.for_people().to_json(),
        after: after.answer.for_people().to_json(),
        failed_templates: after.failed_templates,
    })))
}

/// Puts a template in its place.
fn with_template(rules: &mut PresentationRules, place: TriedTemplate<'_>, template: &str) {
    match place {
        TriedTemplate::Field(name) => {
            let field = rules.custom_fields.iter_mut().find(|(field, _)| field == name);
            match field {
                Some((_, value)) => template.clone_into(value),
                None => rules.custom_fields.push((name.to_owned(), template.to_owned())),
            }
        }
        TriedTemplate::Message(event_type) => {
            rules.messages.insert(event_type.to_owned(), template.to_owned());
        }
    }
}
