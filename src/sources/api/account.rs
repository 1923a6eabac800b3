//! The account of a brand at a source, as the settings describe it.

use serde::{Deserialize, Serialize};

use crate::sources::secret::{Secret, SecretLoader};

/// How an account's calls are authenticated.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A secret in a header of this name.
    Header(&'static str, Secret),
    /// A token that does not expire, as `Authorization: Bearer`.
    Bearer(Secret),
    /// A token that must be requested, as `Authorization: Bearer`.
    ClientCredentials(ClientCredentials),
}

/// OAuth 2.0 client credentials (RFC 6749, section 4.4).
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// The token endpoint: a path below the base URL, or a whole URL.
    pub token_url: String,
    /// The id of the client.
    pub client_id: String,
    /// The secret.
    pub client_secret: Secret,
    /// The audience of the token; empty for none.
    pub audience: String,
    /// The format of a token request.
    pub style: TokenStyle,
}

/// The format of a token request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenStyle {
    /// A form, as in RFC 6749.
    #[default]
    Form,
    /// JSON.
    Json,
}

/// Read-through settings of an account, the same for every source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LiveSettings {
    /// When a lookup asks the source.
    pub when: LiveWhen,
    /// The maximum age of the source's data about a customer, for [`LiveWhen::Stale`].
    pub max_age_seconds: u64,
    /// How long the source is not asked again about a person that it does not know.
    pub negative_ttl_seconds: u64,
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self { when: LiveWhen::Unknown, max_age_seconds: 900, negative_ttl_seconds: 300 }
    }
}

/// When a lookup asks the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LiveWhen {
    /// Never.
    Off,
    /// If no stored customer matches the lookup.
    Unknown,
    /// Also for a known customer, if the source was never asked about the customer, or longer than
    /// `max_age_seconds` ago.
    Stale,
}

/// The account of a brand at a source: base URL, credential, rate limit.
#[derive(Debug, Clone)]
pub struct AccountRules {
    /// Base URL of the API, without a slash at the end.
    pub base_url: String,
    /// Other origins (`https://host[:port]`) to which URLs from the source may lead.
    pub origins: Vec<String>,
    /// The credential of the calls.
    pub credential: Credential,
    /// The most calls in any minute.
    pub calls_per_minute: u32,
    /// When lookups ask this source.
    pub live: LiveSettings,
}

/// Builds the account from a source's settings; `None` if it is not connected. The loader collects mistakes, by
/// the keys of the source's `api` table.
pub trait ApiSettings {
    /// The account.
    fn account(&self, keys: &mut SecretLoader<'_>) -> Option<AccountRules>;
}
