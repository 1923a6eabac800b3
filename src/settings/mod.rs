//! Makes typed, checked settings from one TOML file and the environment. It reports all mistakes before the service
//! starts, and at once.
//!
//! [`SettingsFile`] is the content of the file. [`Checked`] turns it into the values that the program uses. Nothing
//! else reads the environment.

mod agent_page;
mod brand_file;
mod brands;
mod checked;
mod database;
mod document;
pub mod environment;
pub mod file;
mod identity;
mod limits;
mod mistake;
mod networks;
mod oidc;
pub mod percent_limit;
mod placeholders;
mod reachability;
mod repair;
mod secrets;
mod shape;
mod shared_hash;
mod sources;
mod syntax;
mod texts;
mod traces;
mod type_mistakes;
mod type_words;
mod values;
mod warnings;

pub use self::checked::{Checked, SecretAccess, Settings};
pub use self::database::suppression_file;
pub use self::environment::{default_cache_dir, has_database_url, new_settings_file, user_name};
pub use self::file::SettingsFile;
pub use self::mistake::Mistake;
pub use self::oidc::{OidcSettings, oidc_secret};
pub use self::shared_hash::shared_hash;
pub use self::traces::trace_headers;
pub use self::warnings::{unknown_event_type, unknown_template_names};
