//! OmniLab, engagement and bookings: touchpoints, rewards, bookings
//! (docs: <https://www.21factory.com/docs/developers>).

mod external_id;
mod requests;
mod responses;
mod settings;
mod verification;
mod webhooks;

use serde::{Deserialize, Serialize};

pub use self::external_id::ExternalIdKinds;
pub use self::requests::{bookings_of, cancelling, is_cancelled};
pub use self::settings::OmniLabApiSettings;
pub use self::verification::OmniLabWebhookSettings;

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

/// JSON pointers (RFC 6901) into a booking of the API; empty for "not sent".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each is named like the value it points to")]
pub struct OmniLabBookingPointers {
    pub booking: String,
    pub booked_at: String,
    pub cancelled_at: String,
    pub checked_in_at: String,
    pub activity: String,
    pub interaction: String,
    pub ticket_type: String,
    pub host: String,
    pub starts_at: String,
    pub duration_minutes: String,
    pub status: String,
    pub timezone: String,
}

impl Default for OmniLabBookingPointers {
    fn default() -> Self {
        let of = |name: &str| format!("/{name}");
        Self {
            booking: of("booking"),
            booked_at: of("booked_at"),
            cancelled_at: of("cancelled_at"),
            checked_in_at: of("checkedin_at"),
            activity: of("activity"),
            interaction: of("interaction"),
            ticket_type: of("ticket_type"),
            host: of("host"),
            starts_at: of("slot_starting_at"),
            duration_minutes: of("slot_duration_in_minutes"),
            status: of("booking_status"),
            timezone: of("timezone"),
        }
    }
}
