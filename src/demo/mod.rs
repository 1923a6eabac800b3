//! A believable brand: some dozens of customers with every difficulty in it, as recorded deliveries of four systems.

pub mod accuracy;
pub mod population;
pub mod story;

use std::path::Path;

use crate::brand::BrandRules;
use crate::settings::{Mistake, Settings};

/// The demo brand's settings.
pub const SETTINGS: &str = include_str!("settings.toml");

/// The settings of the demo, with the brand's rules.
///
/// # Errors
/// Never, unless the demo's own settings are wrong.
pub fn settings() -> Result<Settings, Vec<Mistake>> {
    Settings::parse(SETTINGS, Path::new("src/demo/settings.toml"))
}

/// The demo brand's rules.
///
/// # Errors
/// Never, unless the demo's own settings are wrong.
pub fn brand() -> Result<BrandRules, Vec<Mistake>> {
    settings()?.brands.into_iter().next().ok_or_else(Vec::new)
}
