//! What a brand needs to link to its agent page.

use std::sync::atomic::{AtomicI32, Ordering};

use url::Url;

use super::settings::{AgentPageMode, AgentPageSettings};
use crate::clock::Clock;

/// The path of the agent page, below the public URL of the service.
pub const PATH: &str = "/agent";

/// Where the pages are to which answers can link.
#[derive(Debug)]
pub struct LinkPlaces {
    /// The public base URL of the service.
    pub service: PublicUrl,
    /// The base URL of the console, if it is served.
    pub console: Option<String>,
}

/// The public base URL of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    /// What comes before all paths. Empty, or such as `/hookpoint`: a proxy removes it.
    base: String,
}

impl PublicUrl {
    /// The URL of the settings. Without one, the address on which the service listens.
    #[must_use]
    pub fn new(public_url: &str, listens_on: &str) -> Self {
        match Url::parse(public_url.trim_end_matches('/')) {
            Ok(url) => Self {
                origin: url.origin().ascii_serialization(),
                base: url.path().trim_end_matches('/').to_owned(),
            },
            Err(_) => Self { origin: format!("http://{listens_on}"), base: String::new() },
        }
    }

    /// What comes before all paths.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether browsers reach it with https only.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https:")
    }
}

/// What a link leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The agent page. The token comes after the `#`, which browsers never send.
    AgentPage { url: String, days: u32 },
    /// The page of the customer in the console. Its path comes last.
    Console { url: String },
}

/// What a brand needs to link to its agent page.
#[derive(Debug)]
pub struct AgentLinks {
    pub(super) target: Target,
    pub(super) clock: Clock,
    generation: AtomicI32,
}

impl AgentLinks {
    /// The links of a brand. `None` if its settings say that there are none.
    #[must_use]
    pub fn new(
        settings: &AgentPageSettings,
        slug: &str,
        places: &LinkPlaces,
        clock: &Clock,
    ) -> Option<Self> {
        let target = match settings.mode {
            AgentPageMode::Off => return None,
            AgentPageMode::Link => {
                let PublicUrl { origin, base } = &places.service;
                Target::AgentPage { url: format!("{origin}{base}{PATH}"), days: settings.link_days }
            }
            AgentPageMode::Login => {
                let console = places.console.as_ref()?;
                Target::Console { url: format!("{console}/{slug}/customers") }
            }
        };
        Some(Self { target, clock: clock.clone(), generation: AtomicI32::new(0) })
    }

    /// Whether the links lead to the agent page.
    #[must_use]
    pub const fn open_agent_page(&self) -> bool {
        matches!(self.target, Target::AgentPage { .. })
    }

    /// The generation of new links. Those of other generations are revoked.
    pub(super) fn generation(&self) -> i32 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Sets the generation of new links, as the database has it.
    pub fn set_generation(&self, generation: i32) {
        self.generation.store(generation, Ordering::SeqCst);
    }
}
