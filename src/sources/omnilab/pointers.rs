//! Where OmniLab's events and bookings have their values.

use serde::{Deserialize, Serialize};

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
