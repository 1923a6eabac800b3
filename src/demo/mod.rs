//! A believable brand: some dozens of customers with every difficulty in it, as recorded deliveries of four systems.

pub mod accuracy;
pub mod examples;
pub mod population;
pub mod post;
pub mod story;
pub mod systems;
pub mod vendor;

use std::path::Path;

use crate::brand::BrandRules;
use crate::settings::{Mistake, Settings};
use vendor::Secrets;

/// The demo brand's settings.
pub const SETTINGS: &str = include_str!("settings.toml");

/// The settings of the demo, with the brand's rules.
///
/// # Errors
/// Never, unless the demo's own settings are wrong.
pub fn settings(secrets: &Secrets) -> Result<Settings, Vec<Mistake>> {
    Settings::parse_with(SETTINGS, Path::new("src/demo/settings.toml"), &|place| secrets.fetch(place))
}

/// The demo brand's rules.
///
/// # Errors
/// Never, unless the demo's own settings are wrong.
pub fn brand() -> Result<BrandRules, Vec<Mistake>> {
    settings(&Secrets::known())?.brands.into_iter().next().ok_or_else(Vec::new)
}
