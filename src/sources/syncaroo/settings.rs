//! Settings of a Syncaroo connection.

use serde::{Deserialize, Serialize};

use super::pointers::SyncarooPointers;
use super::priorities::SyncarooPriorities;
use super::verification::SyncarooWebhookSettings;
use crate::sources::api::account::{
    AccountRules, ApiSettings, ClientCredentials, Credential, LiveSettings, TokenStyle,
};
use crate::sources::secret::{SecretLoader, SecretRef};

/// Settings of a brand's Syncaroo connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyncarooSettings {
    /// Webhooks of another connection are refused; 0 accepts any.
    pub connection_id: u64,
    /// URL template of an event's page.
    pub event_url: String,
    /// Verification of its webhooks.
    pub webhook: SyncarooWebhookSettings,
    /// The account of its API.
    pub api: SyncarooApiSettings,
    /// Which webhooks are processed first, and which are dropped.
    pub webhook_priorities: SyncarooPriorities,
    /// Where replies about bookings and places have their values. Their format is not documented.
    pub pointers: SyncarooPointers,
}

/// The account of a brand's Syncaroo connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyncarooApiSettings {
    /// Base URL of the API.
    pub base_url: String,
    /// The token endpoint.
    pub token_url: String,
    /// The id of the client.
    pub client_id: String,
    /// Where the client secret is stored; empty: the API is not called.
    pub client_secret: Vec<SecretRef>,
    /// The audience of the token; empty for none.
    pub audience: String,
    /// The format of a token request.
    pub token_request_format: TokenStyle,
    /// The most calls in any minute.
    pub calls_per_minute: u32,
    /// When lookups ask Syncaroo.
    pub live: LiveSettings,
}

impl Default for SyncarooApiSettings {
    fn default() -> Self {
        Self {
            base_url: "https://app.syncaroo.com/api/v1".to_owned(),
            token_url: String::new(),
            client_id: String::new(),
            client_secret: Vec::new(),
            audience: String::new(),
            token_request_format: TokenStyle::Form,
            calls_per_minute: 120,
            live: LiveSettings::default(),
        }
    }
}

impl ApiSettings for SyncarooApiSettings {
    fn account(&self, keys: &mut SecretLoader<'_>) -> Option<AccountRules> {
        if self.client_secret.is_empty() && !self.client_id.is_empty() {
            keys.mistake("client_secret", "is needed to call the API");
        }
        let is_called = !self.client_secret.is_empty();
        let client_id = keys.text("client_id", &self.client_id, is_called);
        let token_url = keys.token_url("token_url", &self.token_url, is_called);
        let base_url = keys.base_url("base_url", &self.base_url, is_called);
        let rate = keys.rate("calls_per_minute", self.calls_per_minute, None);
        let client_secret = keys.only("client_secret", &self.client_secret)?;
        Some(AccountRules {
            base_url: base_url?,
            origins: Vec::new(),
            credential: Credential::ClientCredentials(ClientCredentials {
                token_url: token_url?,
                client_id: client_id?,
                client_secret,
                audience: self.audience.clone(),
                style: self.token_request_format,
            }),
            calls_per_minute: rate?,
            live: self.live.clone(),
        })
    }
}
