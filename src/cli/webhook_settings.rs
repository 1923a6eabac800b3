//! The settings of a source's webhooks, for commands that need no database.

use crate::brand::BrandRules;
use crate::cli::session::names_of;
use crate::customer::model::source::Source;
use crate::settings::Settings;

/// The brand with the slug, or the only brand.
pub(super) fn choose_brand<'a>(
    settings: &'a Settings,
    slug: Option<&str>,
) -> anyhow::Result<&'a BrandRules> {
    let names = names_of(&settings.brands);
    let mut wanted =
        settings.brands.iter().filter(|brand| slug.is_none_or(|slug| slug == brand.slug));
    match (wanted.next(), wanted.next()) {
        (Some(brand), None) => Ok(brand),
        (None, _) => anyhow::bail!("there is no such brand in the settings; brands: {names}"),
        (Some(_), Some(_)) => anyhow::bail!(
            "the settings have several brands; choose one with --brand; brands: {names}"
        ),
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
) -> anyhow::Result<()> {
    let table = table(brand, source);
    match settings.missing.iter().find(|mistake| mistake.is_below(&table)) {
        Some(missing) => anyhow::bail!("this command needs the secret of the source: {missing}"),
        None => Ok(()),
    }
}
