//! A believable brand: some dozens of customers with every difficulty in it, as recorded deliveries of four systems.

pub mod accuracy;
pub mod aftermath;
pub mod examples;
pub mod life;
pub mod population;
pub mod post;
pub mod story;
pub mod systems;
pub mod vendor;

use std::path::Path;

use crate::brand::BrandRules;
use crate::customer::kind::Source;
use crate::settings::{Mistake, Settings};
use systems::Systems;
use vendor::Secrets;

/// The demo brand's settings.
pub const SETTINGS: &str = include_str!("settings.toml");

/// How the demo's systems are called; where they are stands in angle brackets.
const ACCOUNTS: &str = include_str!("accounts.toml");

/// The settings of the demo's brand with its accounts at running systems, as a file would have them.
#[must_use]
pub fn connected(systems: &Systems) -> String {
    let text = format!("{SETTINGS}{ACCOUNTS}").replace("<syncaroo tokens>", &systems.token_url(Source::Syncaroo));
    Source::ALL.into_iter().fold(text, |text, source| text.replace(&format!("<{source}>"), &systems.base_url(source)))
}

/// The settings of the demo, with the brand's rules.
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
