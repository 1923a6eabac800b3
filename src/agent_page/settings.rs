//! The settings of the agent page of a brand.

use serde::{Deserialize, Serialize};

/// What an answer links to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentPageMode {
    /// Nothing.
    Off,
    /// The agent page: whoever has the link can open it.
    Link,
    /// The page of the customer in the console, for people who are logged in.
    Login,
}

/// The settings of the agent page of a brand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct AgentPageSettings {
    pub mode: AgentPageMode,
    pub link_days: u32,
    pub event_links: bool,
}

impl Default for AgentPageSettings {
    fn default() -> Self {
        Self { mode: AgentPageMode::Off, link_days: 30, event_links: false }
    }
}
