//! OmniLab, engagement and bookings: touchpoints, rewards, bookings (docs: <https://www.21factory.com/docs/developers>).

mod account;
mod api;
mod proof;
mod wire;

use serde::{Deserialize, Serialize};

pub use account::OmniLabApiSettings;
pub use proof::OmniLabWebhookSettings;

/// How a brand's OmniLab tenant is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OmniLabSettings {
    /// The kind of record whose id the external id is, where the brand passes one on: `omneo.profile`. Empty for none.
    pub external_id_kind: String,
    /// Template of the page that shows an event.
    pub event_url: String,
    /// What proves that a webhook is its own.
    pub webhook: OmniLabWebhookSettings,
    /// How its API is called.
    pub api: OmniLabApiSettings,
    /// Where the values are in an event, whose body isn't published.
    pub pointers: OmniLabPointers,
}

/// JSON pointers (RFC 6901) into an event; empty for "not sent".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each is named like the value it points to")]
pub struct OmniLabPointers {
    pub event_type: String,
    pub time: String,
    pub external_id: String,
    pub email: String,
    pub phone: String,
    pub first_name: String,
    pub last_name: String,
    pub interaction: String,
    pub name: String,
    pub reward: String,
    pub rating: String,
    pub comment: String,
    pub question: String,
    pub answer: String,
    pub url: String,
    pub booking: String,
    pub activity: String,
    pub starts_at: String,
    pub duration_minutes: String,
    pub booking_status: String,
}

impl Default for OmniLabPointers {
    fn default() -> Self {
        let data = |name: &str| format!("/data/{name}");
        Self {
            event_type: "/type".to_owned(),
            time: "/timestamp".to_owned(),
            external_id: data("external_id"),
            email: data("email"),
            phone: data("phone"),
            first_name: data("first_name"),
            last_name: data("last_name"),
            interaction: data("interaction"),
            name: data("interaction_name"),
            reward: data("reward"),
            rating: data("rating"),
            comment: data("comment"),
            question: data("question"),
            answer: data("answer"),
            url: data("url"),
            booking: data("booking"),
            activity: data("activity"),
            starts_at: data("slot_starting_at"),
            duration_minutes: data("slot_duration_in_minutes"),
            booking_status: data("booking_status"),
        }
    }
}
