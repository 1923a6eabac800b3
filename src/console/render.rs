//! Makes pages from templates. They have an environment of their own: nothing of a brand's settings is in it.

use minijinja::{Environment, UndefinedBehavior, context};
use serde::Serialize;

use super::frame::Frame;
use super::reply::{Refusal, Reply};
use super::visit::Visit;

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        /// All templates. Their names end in `.html`, which makes minijinja escape every value.
        const TEMPLATES: &[(&str, &str)] = &[$(($name, include_str!(concat!("templates/", $name)))),+];
    };
}

templates!(
    "base.html",
    "parts.html",
    "login.html",
    "refusal.html",
    "overview.html",
    "inbox.html",
    "delivery.html",
    "sources.html",
    "source.html",
    "customer_parts.html",
    "customers.html",
    "customer.html",
    "customer_timeline.html",
    "customer_preview.html",
    "customer_erase.html",
    "customer_erased.html",
    "keys.html",
    "people.html",
    "settings.html",
    "decision_parts.html",
    "reviews.html",
    "review.html",
    "decisions.html",
    "decision.html",
    "lookups.html",
    "audit.html",
);

/// The templates of all pages.
pub(super) fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
}

/// Makes a page.
pub(super) fn render(
    environment: &Environment<'_>,
    template: &str,
    frame: &Frame,
    page: &impl Serialize,
) -> Result<String, Refusal> {
    let rendered = environment
        .get_template(template)
        .and_then(|template| template.render(context! { frame => frame, page => page }));
    rendered.map_err(|error| {
        // The text of an error may contain what was to be shown.
        tracing::error!(template, kind = %error.kind(), line = error.line(), "a page of the console failed");
        Refusal::Template
    })
}

impl Visit {
    /// Makes a page of the console. `section` is the path of the item of the navigation that it belongs to.
    pub(super) fn page(
        &self,
        template: &str,
        (section, title): (&str, &str),
        page: &impl Serialize,
    ) -> Result<Reply, Refusal> {
        let frame = Frame::new(self, section, title);
        render(&self.console.environment, template, &frame, page).map(Reply::Page)
    }

    /// Goes to a page of this brand after an act. `done` is one of the names of `frame.rs`.
    pub(super) fn redirect(&self, path: &str, done: &str) -> Reply {
        let separator = if path.contains('?') { '&' } else { '?' };
        Reply::Redirect(format!("{path}{separator}done={done}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_template_turns_off_escaping() {
        for (name, text) in TEMPLATES {
            assert!(name.ends_with(".html"), "{name}");
            for switch in ["|safe", "| safe", "autoescape", "style=", "onclick", "<script>"] {
                assert!(!text.contains(switch), "{name} contains {switch}");
            }
        }
    }
}
