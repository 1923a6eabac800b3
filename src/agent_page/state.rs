//! What the agent page works with.

use std::collections::HashMap;
use std::sync::Arc;

use minijinja::{Environment, UndefinedBehavior};

use super::links::{AgentLinks, PATH, PublicUrl};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::http::client_ip::Proxies;
use crate::http::rate_limits::{Repeated, WrongKeys};
use crate::storage::pool::Pool;

/// What the agent page is built from.
pub struct AgentPageParts {
    /// The brands, by their id.
    pub brands: HashMap<i32, Arc<Brand>>,
    /// The connections to Postgres.
    pub pool: Pool,
    /// The clock.
    pub clock: Clock,
    /// Knows the addresses of callers.
    pub proxies: Proxies,
    /// Counts wrong tokens.
    pub wrong_tokens: WrongKeys,
    /// The public base URL of the service.
    pub url: PublicUrl,
}

/// Requests for the page of one customer, by everybody together. Whoever has a link needs no account, and each request reads
/// much.
const VISITS_PER_MINUTE: u32 = 60;

/// What the agent page works with.
pub struct AgentPage {
    pub(super) brands: HashMap<i32, Arc<Brand>>,
    pub(super) pool: Pool,
    pub(super) clock: Clock,
    pub(super) proxies: Proxies,
    pub(super) wrong_tokens: WrongKeys,
    /// Counts requests about each customer.
    pub(super) visits: Repeated,
    pub(super) url: PublicUrl,
    pub(super) environment: Environment<'static>,
}

/// All templates. Their names end in `.html`, which makes minijinja escape every value.
pub(super) const TEMPLATES: [(&str, &str); 4] = [
    ("base.html", include_str!("templates/base.html")),
    ("open.html", include_str!("templates/open.html")),
    ("refusal.html", include_str!("templates/refusal.html")),
    ("view.html", include_str!("templates/view.html")),
];

impl AgentPage {
    /// The agent page with its templates.
    ///
    /// # Errors
    /// If a template cannot be read. Tests read all of them.
    pub fn new(parts: AgentPageParts) -> Result<Self, minijinja::Error> {
        let AgentPageParts { brands, pool, clock, proxies, wrong_tokens, url } = parts;
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        for (name, text) in TEMPLATES {
            environment.add_template(name, text)?;
        }
        let visits = Repeated::new(VISITS_PER_MINUTE);
        Ok(Self { brands, pool, clock, proxies, wrong_tokens, visits, url, environment })
    }

    /// Whether any brand has an agent page.
    pub(super) fn is_on(&self) -> bool {
        let mut links = self.brands.values().filter_map(|brand| brand.agent_links.as_ref());
        links.any(AgentLinks::open_agent_page)
    }

    /// The path of the agent page, as browsers see it.
    pub(super) fn path(&self) -> String {
        format!("{}{PATH}", self.url.base())
    }

    /// The path of the page of a customer, as browsers see it.
    pub(super) fn view_path(&self, id: &str) -> String {
        format!("{}/view/{id}", self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_template_turns_off_escaping_or_has_code_of_its_own() {
        for (name, text) in TEMPLATES {
            assert!(name.ends_with(".html"), "{name}");
            for switch in ["|safe", "| safe", "autoescape", "style=", "onclick", "<script>"] {
                assert!(!text.contains(switch), "{name} contains {switch}");
            }
        }
    }
}
