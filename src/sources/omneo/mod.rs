//! Omneo, a loyalty system: profiles, identities, transactions, rewards, interactions (docs: <https://docs.omneo.io>).

mod account;
mod answer;
mod api;
mod happening;
mod profile;
mod proof;
mod wire;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use account::OmneoApiSettings;
pub use proof::OmneoWebhookSettings;

/// How a brand's Omneo tenant is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmneoSettings {
    /// Identity handles whose identifiers are ids of another system's records: `{ crm = "omniotap.contact" }`.
    pub identity_kinds: BTreeMap<String, String>,
    /// Template of the page that shows an event.
    pub event_url: String,
    /// What proves that a webhook is its own.
    pub webhook: OmneoWebhookSettings,
    /// How its API is called.
    pub api: OmneoApiSettings,
}
