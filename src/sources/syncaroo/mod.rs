//! Syncaroo, workspace bookings: rooms and desks (docs: <https://syncaroo.com/docs/>).

mod object;
mod place;
mod priorities;
mod requests;
mod responses;
mod settings;
mod verification;
mod webhooks;

use serde::{Deserialize, Serialize};

pub use self::priorities::{SyncarooPriorities, SyncarooPriority};
pub use self::settings::SyncarooApiSettings;
pub use self::verification::SyncarooWebhookSettings;

/// How a brand's Syncaroo connection is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyncarooSettings {
    /// Deliveries of another connection are refused; 0 accepts any.
    pub connection_id: u64,
    /// Template of the page that shows an event.
    pub event_url: String,
    /// What proves that a webhook is its own.
    pub webhook: SyncarooWebhookSettings,
    /// How its API is called.
    pub api: SyncarooApiSettings,
    /// What is processed first, and what is not needed.
    pub webhook_priorities: SyncarooPriorities,
    /// Where the values are in an answer about a booking or a place, whose shape isn't published.
    pub pointers: SyncarooPointers,
}

/// JSON pointers (RFC 6901) into an answer about a booking or a place; empty for "not sent".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each is named like the value it points to")]
pub struct SyncarooPointers {
    pub booking: String,
    pub updated_at: String,
    pub status: String,
    pub starts_at: String,
    pub ends_at: String,
    pub resource: String,
    pub location: String,
    pub member: String,
    pub email: String,
    pub phone: String,
    pub first_name: String,
    pub last_name: String,
    pub full_name: String,
    pub place: String,
    pub place_name: String,
}

impl Default for SyncarooPointers {
    fn default() -> Self {
        Self {
            booking: "/id".to_owned(),
            updated_at: "/updatedAt".to_owned(),
            status: "/status".to_owned(),
            starts_at: "/start".to_owned(),
            ends_at: "/end".to_owned(),
            resource: "/resource/name".to_owned(),
            location: "/location/name".to_owned(),
            member: "/member/id".to_owned(),
            email: "/member/email".to_owned(),
            phone: "/member/phone".to_owned(),
            first_name: "/member/firstName".to_owned(),
            last_name: "/member/lastName".to_owned(),
            full_name: "/member/name".to_owned(),
            place: "/id".to_owned(),
            place_name: "/name".to_owned(),
        }
    }
}
