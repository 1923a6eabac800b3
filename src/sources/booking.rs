//! Cancels bookings. Of the four systems only OmniLab documents how, and the settings must allow it.

use super::SourceSettings;
use super::api::request::ApiRequest;
use super::omnilab::{OmniLabRequest, is_cancelled};
use crate::customer::model::event::{Event, EventKey};
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::{Source, SourceKind};

/// Why a booking cannot be cancelled. The text never contains its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCancellable {
    /// The settings do not allow it.
    #[error(
        "cancelling bookings is off: set sources.omnilab.api.cancel_bookings = true to allow it"
    )]
    Off,
    /// The id is not a booking id.
    #[error("this is not a booking id; use the `externalID` of the booking in the timeline")]
    NoId,
}

/// A booking that may be cancelled, and the request for it.
pub struct Cancelling {
    /// The source to call.
    pub source: Source,
    /// The key of the booking's event.
    pub event: EventKey,
    /// The request. It is sent once: after a failure, it is unknown whether the booking was cancelled.
    pub ask: ApiRequest,
}

impl SourceSettings {
    /// The request that cancels a booking.
    ///
    /// # Errors
    /// When the booking cannot be cancelled.
    pub fn cancelling(&self, booking: &str) -> Result<Cancelling, NotCancellable> {
        if !self.omnilab.api.cancel_bookings {
            return Err(NotCancellable::Off);
        }
        let event =
            EventKey::new(Source::OmniLab, "booking", booking).ok_or(NotCancellable::NoId)?;
        Ok(Cancelling {
            source: Source::OmniLab,
            ask: OmniLabRequest::cancelling(&event.id).into(),
            event,
        })
    }
}

impl Cancelling {
    /// Whether the stored booking is already cancelled.
    #[must_use]
    pub fn is_done(&self, known: &Event) -> bool {
        is_cancelled(known)
    }

    /// The request that reads the bookings of their owner again.
    #[must_use]
    pub fn refresh(&self, owner: &RecordKey) -> Option<ApiRequest> {
        (owner.kind == SourceKind::OmniLabParticipant)
            .then(|| OmniLabRequest::bookings_of(&owner.id).into())
    }
}
