//! The export of a person to hand out. As a page: one file, without scripts, that loads nothing. Or as JSON, with the
//! same content for machines. It does not say which employee did what or why, and has no id of the service's own tables. It has
//! webhooks as the systems sent them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::{Environment, Value, context};

use super::export_for_person::for_person;
use crate::brand::Brand;
use crate::customer::answer::filters::Locale;

const PAGE: &str = include_str!("export_page.html");
const WORDS: &str = include_str!("export_page.toml");

/// The page cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum ExportPageError {
    /// The words of the page cannot be parsed.
    #[error("the words of the page cannot be parsed")]
    Words(#[from] toml::de::Error),
    /// The template fails.
    #[error("the page cannot be rendered: {}", .0.kind())]
    Template(#[from] minijinja::Error),
}

/// What the person gets of an export, and the words of the page.
fn given(data: &serde_json::Value) -> Result<(serde_json::Value, toml::Table), ExportPageError> {
    let words: toml::Table = toml::from_str(WORDS)?;
    let none = toml::Table::new();
    let shown = words.get("shown").and_then(toml::Value::as_table).unwrap_or(&none);
    Ok((for_person(data, shown), words))
}

/// What the person gets of an export, as JSON.
///
/// # Errors
/// If the words of the page cannot be parsed.
pub fn json_for_person(data: &serde_json::Value) -> Result<String, ExportPageError> {
    let (data, _) = given(data)?;
    // With `#`, it is written on many lines.
    Ok(format!("{data:#}"))
}

/// Renders an export in the language and the time zone of the brand.
///
/// # Errors
/// If the page cannot be rendered.
pub fn page(
    brand: &Brand,
    data: &serde_json::Value,
    now: Timestamp,
) -> Result<String, ExportPageError> {
    let rules = brand.rules.presenter.rules();
    let language = match rules.locale {
        Locale::English => "en",
        Locale::Dutch => "nl",
    };
    let (data, words) = given(data)?;
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    let zone = rules.time_zone.clone();
    environment.add_filter("when", move |value: &Value| when(value, &zone));
    // By its name, all values are escaped.
    environment.add_template("export_page.html", PAGE)?;
    let page = environment.get_template("export_page.html")?.render(context! {
        brand => brand.rules.slug,
        zone => rules.time_zone_name,
        now => now.to_string(),
        shown_fields => words.get("shown"),
        words => words.get(language),
        data,
    });
    Ok(page?)
}

/// A time in the brand's time zone. Any other text stays as it is.
fn when(value: &Value, zone: &TimeZone) -> Value {
    let at = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    at.map_or_else(
        || value.clone(),
        |at| Value::from(at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_shown_section_and_field_has_words_in_each_language() {
        let words: toml::Table = toml::from_str(WORDS).unwrap();
        let shown = words["shown"].as_table().unwrap();
        for language in ["en", "nl"] {
            let sections = words[language]["sections"].as_table().unwrap();
            let (named, listed): (BTreeSet<_>, BTreeSet<_>) =
                (sections.keys().collect(), shown.keys().collect());
            assert_eq!(named, listed, "{language}");
            let names = |language: &str| words[language]["names"].as_table().unwrap().clone();
            assert!(names(language).keys().eq(names("en").keys()), "{language}");
            let actions = |language: &str| words[language]["actions"].as_table().unwrap().clone();
            assert!(actions(language).keys().eq(actions("en").keys()), "{language}");
            let intros = |language: &str| words[language]["intros"].as_table().unwrap().clone();
            assert!(intros(language).keys().eq(intros("en").keys()), "{language}");
            let fields = words[language]["fields"].as_table().unwrap();
            for field in shown.values().flat_map(|list| list.as_array().unwrap()) {
                assert!(fields.contains_key(field.as_str().unwrap()), "{language}: {field}");
            }
        }
    }
}
