//! Syncaroo, workspace bookings: rooms and desks (docs: <https://syncaroo.com/docs/>).

mod api;
mod booking;
mod names;
mod place;
mod pointers;
mod priorities;
pub(super) mod requests;
mod responses;
mod samples;
mod settings;
mod setup;
mod verification;
mod webhooks;

pub use self::place::PlaceKind;
pub use self::pointers::SyncarooPointers;
pub use self::priorities::{SyncarooPriorities, SyncarooPriority};
pub use self::requests::SyncarooRequest;
pub use self::settings::{SyncarooApiSettings, SyncarooSettings};
pub use self::setup::SETUP;
pub use self::verification::SyncarooWebhookSettings;
