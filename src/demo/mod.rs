//! The demo brand: some dozens of customers with every difficulty, as recorded deliveries of four systems.

pub mod accuracy;
pub mod background_activity;
pub mod examples;
pub mod http_post;
pub mod population;
pub mod recorded_deliveries;
pub mod seed;
pub mod simulators;
pub mod webhook_signer;

use std::path::Path;

use self::simulators::Simulators;
use self::webhook_signer::Secrets;
use crate::brand::BrandRules;
use crate::customer::model::source::Source;
use crate::settings::{Mistake, Settings};

/// The demo brand's settings.
pub const SETTINGS: &str = include_str!("settings.toml");

/// Settings of the demo's systems. Angle brackets mark the places of their URLs.
const ACCOUNTS: &str = include_str!("accounts.toml");

/// The demo brand's settings, with the URLs of running systems, as in a settings file.
#[must_use]
pub fn connected(simulators: &Simulators) -> String {
    let text = format!("{SETTINGS}{ACCOUNTS}")
        .replace("<syncaroo tokens>", &simulators.token_url(Source::Syncaroo));
    Source::ALL.into_iter().fold(text, |text, source| {
        text.replace(&format!("<{source}>"), &simulators.base_url(source))
    })
}

/// The demo's settings, parsed, with the brand's rules.
///
/// # Errors
/// Never, unless the demo's own settings are wrong.
pub fn settings(text: &str, secrets: &Secrets) -> Result<Settings, Vec<Mistake>> {
    Settings::parse_with(text, Path::new("src/demo/settings.toml"), &|place| secrets.fetch(place))
}

/// The demo brand's rules.
///
/// # Errors
/// Never, unless the demo's own settings are wrong.
pub fn brand() -> Result<BrandRules, Vec<Mistake>> {
    settings(SETTINGS, &Secrets::known())?.brands.into_iter().next().ok_or_else(Vec::new)
}
