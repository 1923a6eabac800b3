//! The application: its start, its reload, its shutdown, the HTTP servers, and the background jobs.

mod application;
mod brands;
mod error;
mod foundation;
mod gauges;
mod generation;
mod given_ids;
mod jobs;
mod listeners;
mod maintenance;
mod registered_metrics;
mod reload;
mod replica;
mod request_state;
mod server;
mod services;
mod startup;
mod suppressions;
mod warnings;

pub use self::application::Application;
pub use self::brands::{find_brands, open_brands};
pub use self::error::StartError;
pub use self::reload::{Reload, Reloaded};
pub use self::suppressions::open_suppression_file;
pub(crate) use self::warnings::needed_connections;
