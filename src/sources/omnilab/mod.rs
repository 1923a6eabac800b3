//! OmniLab, engagement and bookings: touchpoints, rewards, bookings
//! (docs: <https://www.21factory.com/docs/developers>).

mod api;
mod external_id;
mod names;
mod pointers;
pub(super) mod requests;
mod responses;
mod samples;
mod settings;
mod setup;
mod signature;
mod verification;
mod webhooks;

pub use self::external_id::ExternalIdKinds;
pub use self::pointers::{OmniLabBookingPointers, OmniLabPointers};
pub use self::requests::OmniLabRequest;
pub use self::responses::is_cancelled;
pub use self::settings::{OmniLabApiSettings, OmniLabSettings};
pub use self::setup::SETUP;
pub use self::verification::OmniLabWebhookSettings;
