//! The templates of all pages. They have an environment of their own: nothing of a brand's settings is in it.

use minijinja::{Environment, UndefinedBehavior};

use crate::customer::model::text::MAX_CHARS;

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
    "invitation.html",
    "refusal.html",
    "overview.html",
    "inbox.html",
    "delivery.html",
    "delivery_job.html",
    "sources.html",
    "source.html",
    "customer_parts.html",
    "customers.html",
    "customer.html",
    "customer_timeline.html",
    "customer_join.html",
    "customer_preview.html",
    "customer_erase.html",
    "erasure.html",
    "keys.html",
    "people.html",
    "own_account.html",
    "settings.html",
    "decision_parts.html",
    "reviews.html",
    "review.html",
    "decisions.html",
    "decision.html",
    "lookups.html",
    "document.html",
    "audit.html",
);

/// The templates of all pages.
pub(super) fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.add_global("max_reason", MAX_CHARS);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
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
