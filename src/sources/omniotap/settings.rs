//! Settings of an OmnioTap tenant.

use serde::{Deserialize, Serialize};

use super::verification::OmnioTapWebhookSettings;
use crate::sources::api::account::{AccountRules, ApiSettings, Credential, LiveSettings};
use crate::sources::secret::{SecretLoader, SecretRef};

/// The rate limit of a tenant, as OmnioTap documents it (<https://www.omniotap.com/docs>).
const MAX_CALLS_PER_MINUTE: u32 = 60;

/// Settings of a brand's OmnioTap tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmnioTapSettings {
    /// Webhooks of another tenant are refused; empty accepts any.
    pub tenant_id: String,
    /// URL template of an event's page.
    pub event_url: String,
    /// Verification of its webhooks.
    pub webhook: OmnioTapWebhookSettings,
    /// The account of its API.
    pub api: OmnioTapApiSettings,
}

/// The account of a brand's OmnioTap tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmnioTapApiSettings {
    /// Base URL of the API.
    pub base_url: String,
    /// Where the key is stored; empty: the API is not called.
    pub key: Vec<SecretRef>,
    /// The most calls in any minute.
    pub calls_per_minute: u32,
    /// Items on a page.
    pub page_size: u32,
    /// When lookups ask OmnioTap.
    pub live: LiveSettings,
}

impl Default for OmnioTapApiSettings {
    fn default() -> Self {
        let base_url = "https://api.omniotap.com/api/v1".to_owned();
        Self {
            base_url,
            key: Vec::new(),
            calls_per_minute: MAX_CALLS_PER_MINUTE,
            page_size: 50,
            live: LiveSettings::default(),
        }
    }
}

impl ApiSettings for OmnioTapApiSettings {
    fn account(&self, keys: &mut SecretLoader<'_>) -> Option<AccountRules> {
        let base_url = keys.base_url("base_url", &self.base_url, !self.key.is_empty());
        let rate = keys.rate("calls_per_minute", self.calls_per_minute, Some(MAX_CALLS_PER_MINUTE));
        let key = keys.only("key", &self.key)?;
        Some(AccountRules {
            base_url: base_url?,
            origins: Vec::new(),
            credential: Credential::Header("x-api-key", key),
            calls_per_minute: rate?,
            live: self.live.clone(),
        })
    }
}
