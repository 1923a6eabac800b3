//! OmnioTap, a CRM: contacts, customers, leads, opportunities, tickets (docs: <https://www.omniotap.com/docs>).

mod account;
mod api;
mod entity;
mod proof;
mod wire;

use serde::{Deserialize, Serialize};

pub use account::OmnioTapApiSettings;
pub use proof::OmnioTapWebhookSettings;

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
