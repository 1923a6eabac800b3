//! Settings of an Omneo tenant.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::verification::OmneoWebhookSettings;
use crate::sources::api::account::{AccountRules, ApiSettings, Credential, LiveSettings};
use crate::sources::secret::{SecretLoader, SecretRef};

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

/// The account of a brand's Omneo tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmneoApiSettings {
    /// Base URL of the API.
    pub base_url: String,
    /// Where the token is stored; empty: the API is not called.
    pub token: Vec<SecretRef>,
    /// The most calls in any minute.
    pub calls_per_minute: u32,
    /// Items on a page.
    pub page_size: u32,
    /// When lookups ask Omneo.
    pub live: LiveSettings,
}

impl Default for OmneoApiSettings {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            token: Vec::new(),
            calls_per_minute: 120,
            page_size: 100,
            live: LiveSettings::default(),
        }
    }
}

impl ApiSettings for OmneoApiSettings {
    fn account(&self, keys: &mut SecretLoader<'_>) -> Option<AccountRules> {
        let base_url = keys.base_url("base_url", &self.base_url, !self.token.is_empty());
        let rate = keys.rate("calls_per_minute", self.calls_per_minute, None);
        let token = keys.only("token", &self.token)?;
        Some(AccountRules {
            base_url: base_url?,
            origins: Vec::new(),
            credential: Credential::Bearer(token),
            calls_per_minute: rate?,
            live: self.live.clone(),
        })
    }
}
