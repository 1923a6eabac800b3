//! OmnioTap, a CRM: contacts, customers, leads, opportunities, tickets (docs: <https://www.omniotap.com/docs>).

mod entity;
mod requests;
mod settings;
mod verification;
mod webhooks;

use serde::{Deserialize, Serialize};

pub use self::settings::OmnioTapApiSettings;
pub use self::verification::OmnioTapWebhookSettings;

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
