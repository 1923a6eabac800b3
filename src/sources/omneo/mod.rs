//! Omneo, a loyalty system: profiles, identities, transactions, rewards, interactions (docs: <https://docs.omneo.io>).

mod events;
mod profile;
mod requests;
mod responses;
mod settings;
mod shape;
mod verification;
mod webhooks;
mod zone;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::settings::OmneoApiSettings;
pub use self::verification::OmneoWebhookSettings;

/// How a brand's Omneo tenant is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmneoSettings {
    /// Identity handles whose identifiers are ids of another system's records: `{ crm = "omniotap.contact" }`.
    pub identity_kinds: BTreeMap<String, String>,
    /// The time zone of its times, which are written without one: an IANA name.
    pub time_zone: String,
    /// Template of the page that shows an event.
    pub event_url: String,
    /// What proves that a webhook is its own.
    pub webhook: OmneoWebhookSettings,
    /// How its API is called.
    pub api: OmneoApiSettings,
}

impl Default for OmneoSettings {
    fn default() -> Self {
        Self {
            identity_kinds: BTreeMap::new(),
            time_zone: "UTC".to_owned(),
            event_url: String::new(),
            webhook: OmneoWebhookSettings::default(),
            api: OmneoApiSettings::default(),
        }
    }
}
