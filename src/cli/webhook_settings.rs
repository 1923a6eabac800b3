//! The settings of a source's webhooks, for commands that need no database.

use crate::brand::BrandRules;
use crate::cli::exit::Failure;
use crate::cli::session::{names_of, no_such_brand, several_brands};
use crate::customer::model::source::Source;
use crate::settings::Settings;

/// The brand with the slug, or the only brand.
pub(super) fn choose_brand<'a>(
    settings: &'a Settings,
    slug: Option<&str>,
) -> Result<&'a BrandRules, Failure> {
    let names = names_of(&settings.brands);
    let mut wanted =
        settings.brands.iter().filter(|brand| slug.is_none_or(|slug| slug == brand.slug));
    match (wanted.next(), wanted.next()) {
        (Some(brand), None) => Ok(brand),
        (None, _) => Err(no_such_brand(&names)),
        (Some(_), Some(_)) => Err(several_brands(&names)),
    }
}

/// The table of the settings for a source's webhooks.
pub(super) fn table(brand: &BrandRules, source: Source) -> String {
    format!("brands.{}.sources.{source}.webhook", brand.slug)
}

/// Fails if a secret of a source's webhooks is not available in this shell.
pub(super) fn check_secrets(
    settings: &Settings,
    brand: &BrandRules,
    source: Source,
) -> Result<(), Failure> {
    let table = table(brand, source);
    match settings.missing.iter().find(|mistake| mistake.is_below(&table)) {
        Some(missing) => {
            Err(Failure::mistake(format!("this command needs the secret of the source: {missing}")))
        }
        None => Ok(()),
    }
}
