//! The requests to OmniLab's API: the bookings of a person, and cancelling a booking.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::settings::OmniLabSettings;
use crate::sources::api::http::{Request, Target};
use crate::sources::path::Path;

/// The name of the list of bookings.
pub(super) const BOOKINGS: &str = "bookings";

/// A request to OmniLab.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OmniLabRequest {
    /// A page of the bookings of a participant.
    Bookings {
        /// The participant's external id.
        external_id: String,
        /// The page, from 1.
        page: u64,
    },
    /// Cancels a booking.
    CancelBooking {
        /// The booking's id.
        booking: String,
    },
}

impl OmniLabRequest {
    /// The first page of the bookings of a participant.
    #[must_use]
    pub fn bookings_of(external_id: &str) -> Self {
        Self::Bookings { external_id: external_id.to_owned(), page: 1 }
    }

    /// The request that cancels a booking.
    #[must_use]
    pub fn cancelling(booking: &str) -> Self {
        Self::CancelBooking { booking: booking.to_owned() }
    }

    pub(in crate::sources) const fn page_number(&self) -> Option<u64> {
        match self {
            Self::Bookings { page: 1, .. } | Self::CancelBooking { .. } => None,
            Self::Bookings { page, .. } => Some(*page),
        }
    }

    /// Its kind, without its values.
    pub(in crate::sources) const fn kind(&self) -> &'static str {
        match self {
            Self::Bookings { .. } => "bookings",
            Self::CancelBooking { .. } => "cancel booking",
        }
    }

    /// The HTTP form.
    pub(super) fn over_http(&self, settings: &OmniLabSettings) -> Request {
        match self {
            Self::Bookings { external_id, page } => {
                let path = Path::new("/v1/interactions:fetchContactBookings")
                    .with("external_id", external_id)
                    .with("page_size", &settings.api.page_size.to_string())
                    .with("page_number", &page.to_string());
                Request::get(Target::Below(path.finish()))
            }
            Self::CancelBooking { booking } => Request {
                body: Some(json!({ "booking": booking })),
                target: Target::Below("/v1/interactions:cancelInteractionBooking".to_owned()),
                is_repeatable: false,
            },
        }
    }
}
