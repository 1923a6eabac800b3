//! Settings of an OmniLab tenant.

use serde::{Deserialize, Serialize};

use super::external_id::ExternalIdKinds;
use super::pointers::{OmniLabBookingPointers, OmniLabPointers};
use super::verification::OmniLabWebhookSettings;
use crate::sources::api::account::{
    AccountRules, ApiSettings, ClientCredentials, Credential, LiveSettings, TokenStyle,
};
use crate::sources::secret::{SecretLoader, SecretRef};

/// Settings of a brand's OmniLab tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmniLabSettings {
    /// The kinds of record whose ids the brand uses as external ids: `omneo.profile`. Empty for none.
    pub external_id_kind: ExternalIdKinds,
    /// URL template of an event's page.
    pub event_url: String,
    /// Verification of its webhooks.
    pub webhook: OmniLabWebhookSettings,
    /// The account of its API.
    pub api: OmniLabApiSettings,
    /// Where an event has its values. The body is not documented.
    pub pointers: OmniLabPointers,
    /// Where a booking in the API has its values.
    pub booking_pointers: OmniLabBookingPointers,
}

/// The account of a brand's OmniLab tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmniLabApiSettings {
    /// Base URL of the API.
    pub base_url: String,
    /// The token endpoint.
    pub token_url: String,
    /// The id of the client.
    pub client_id: String,
    /// Where the client secret is stored; empty: the API is not called.
    pub client_secret: Vec<SecretRef>,
    /// The audience of the token.
    pub audience: String,
    /// The most calls in any minute.
    pub calls_per_minute: u32,
    /// Items on a page.
    pub page_size: u32,
    /// Whether supervisors may cancel bookings.
    pub cancel_bookings: bool,
    /// When lookups ask OmniLab.
    pub live: LiveSettings,
}

impl Default for OmniLabApiSettings {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            token_url: "/v1/oauth:token".to_owned(),
            client_id: String::new(),
            client_secret: Vec::new(),
            audience: String::new(),
            calls_per_minute: 120,
            page_size: 50,
            cancel_bookings: false,
            live: LiveSettings::default(),
        }
    }
}

impl ApiSettings for OmniLabApiSettings {
    fn account(&self, keys: &mut SecretLoader<'_>) -> Option<AccountRules> {
        if self.client_secret.is_empty() && (self.cancel_bookings || !self.client_id.is_empty()) {
            keys.mistake("client_secret", "is needed to call the API");
        }
        let is_called = !self.client_secret.is_empty();
        let client_id = keys.text("client_id", &self.client_id, is_called);
        let audience = keys.text("audience", &self.audience, is_called);
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
                audience: audience?,
                style: TokenStyle::Json,
            }),
            calls_per_minute: rate?,
            live: self.live.clone(),
        })
    }
}
