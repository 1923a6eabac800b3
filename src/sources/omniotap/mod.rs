//! OmnioTap, a CRM: contacts, customers, leads, opportunities, tickets (docs: <https://www.omniotap.com/docs>).

mod api;
mod entity;
mod names;
pub(super) mod requests;
mod responses;
mod samples;
mod settings;
mod setup;
mod verification;
mod webhooks;

pub use self::entity::Entity;
pub use self::requests::{OmnioTapRequest, Person};
pub use self::settings::{OmnioTapApiSettings, OmnioTapSettings};
pub use self::setup::SETUP;
pub use self::verification::OmnioTapWebhookSettings;
