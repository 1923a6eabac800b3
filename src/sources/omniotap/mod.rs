//! OmnioTap, a CRM: contacts, customers, leads, opportunities, tickets (docs: <https://www.omniotap.com/docs>).

mod entity;
mod requests;
mod settings;
mod verification;
mod webhooks;

use serde::{Deserialize, Serialize};

pub use self::settings::OmnioTapApiSettings;
pub use self::verification::OmnioTapWebhookSettings;

/// How a brand's OmnioTap tenant is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmnioTapSettings {
    /// Deliveries of another tenant are refused; empty accepts any.
    pub tenant_id: String,
    /// Template of the page that shows an event.
    pub event_url: String,
    /// What proves that a webhook is its own.
    pub webhook: OmnioTapWebhookSettings,
    /// How its API is called.
    pub api: OmnioTapApiSettings,
}
