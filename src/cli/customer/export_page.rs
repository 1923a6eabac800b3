//! The export of a person as a page to read: one file, without scripts, that loads nothing.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::{Environment, Value, context};

use crate::brand::Brand;
use crate::cli::output::plain;
use crate::customer::answer::filters::Locale;

const PAGE: &str = include_str!("export_page.html");
const WORDS: &str = include_str!("export_page.toml");

/// Renders an export in the language and the time zone of the brand.
pub(super) fn page(
    brand: &Brand,
    data: &serde_json::Value,
    now: Timestamp,
) -> anyhow::Result<String> {
    let rules = brand.rules.presenter.rules();
    let language = match rules.locale {
        Locale::English => "en",
        Locale::Dutch => "nl",
    };
    let words: toml::Table = toml::from_str(WORDS)?;
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
        words => words.get(language),
        data,
    })?;
    // Text of the sources cannot control the terminal.
    Ok(page.lines().map(plain).collect::<Vec<_>>().join("\n"))
}

/// A time in the brand's time zone. Any other text stays as it is.
fn when(value: &Value, zone: &TimeZone) -> Value {
    let at = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    at.map_or_else(
        || value.clone(),
        |at| Value::from(at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()),
    )
}
