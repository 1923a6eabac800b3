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

/// Settings of a brand's Omneo tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmneoSettings {
    /// Identity handles whose identifiers are ids of records in another system: `{ crm = "omniotap.contact" }`.
    pub identity_kinds: BTreeMap<String, String>,
    /// The time zone of its times, which have no zone in the data: an IANA name.
    pub time_zone: String,
    /// URL template of an event's page.
    pub event_url: String,
    /// Verification of its webhooks.
    pub webhook: OmneoWebhookSettings,
    /// The account of its API.
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
