//! Omneo, a loyalty system: profiles, identities, transactions, rewards, interactions (docs: <https://docs.omneo.io>).

mod api;
mod context;
mod events;
mod mentioned;
mod names;
mod profile;
pub(super) mod requests;
mod responses;
mod samples;
mod settings;
mod setup;
mod shape;
mod verification;
mod webhooks;
mod zone;

pub use self::requests::{OmneoEvents, OmneoPage, OmneoPart, OmneoRequest, ProfileFilter};
pub use self::settings::{OmneoApiSettings, OmneoSettings};
pub use self::setup::SETUP;
pub use self::verification::OmneoWebhookSettings;
