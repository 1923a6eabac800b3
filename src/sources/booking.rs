//! Cancelling bookings: of the four systems only OmniLab publishes how, and the settings must allow it.

use super::SourceSettings;
use super::api::Ask;
use super::omnilab::{bookings_of, cancelling, is_cancelled};
use crate::customer::model::event::{Event, EventKey};
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::{Source, SourceKind};

/// Why a booking can't be cancelled. The text never holds its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCancellable {
    /// The settings don't allow it.
    #[error("cancelling bookings is off: sources.omnilab.api.cancel_bookings = true allows it")]
    Off,
    /// No booking has such an id.
    #[error("that can't be the id of a booking")]
    NoId,
}

/// A booking that may be cancelled, and how.
pub struct Cancelling {
    /// At whom.
    pub source: Source,
    /// The booking, as it is known here.
    pub event: EventKey,
    /// What cancels it. To be asked once: whether it was done can't be told from a failure.
    pub ask: Ask,
}

impl SourceSettings {
    /// How a booking is cancelled.
    ///
    /// # Errors
    /// When it can't be.
    pub fn cancelling(&self, booking: &str) -> Result<Cancelling, NotCancellable> {
        if !self.omnilab.api.cancel_bookings {
            return Err(NotCancellable::Off);
        }
        let event = EventKey::new(Source::OmniLab, "booking", booking).ok_or(NotCancellable::NoId)?;
        Ok(Cancelling { source: Source::OmniLab, ask: cancelling(&event.id), event })
    }
}

impl Cancelling {
    /// Whether it is cancelled already, by what is known here.
    #[must_use]
    pub fn is_done(&self, known: &Event) -> bool {
        is_cancelled(known)
    }

    /// What is asked to see the bookings of whoever made it anew.
    #[must_use]
    pub fn refresh(&self, owner: &RecordKey) -> Option<Ask> {
        (owner.kind == SourceKind::OmniLabParticipant).then(|| bookings_of(&owner.id))
    }
}
