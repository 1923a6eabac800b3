//! What templates can do with dates and money, in the brand's time zone and language.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use minijinja::{Environment, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use super::kind::UnknownName;

/// What may stand in a URL as it is (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A language that the built-in messages and the numbers are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locale {
    /// English: `1,234.50`.
    English,
    /// Dutch: `1.234,50`.
    Dutch,
}

impl Locale {
    /// The built-in messages: event type to template.
    #[must_use]
    pub fn messages(self) -> BTreeMap<String, String> {
        let text = match self {
            Self::English => include_str!("messages/en.toml"),
            Self::Dutch => include_str!("messages/nl.toml"),
        };
        toml::from_str(text).unwrap_or_default()
    }

    const fn separators(self) -> (char, char) {
        match self {
            Self::English => (',', '.'),
            Self::Dutch => ('.', ','),
        }
    }
}

impl FromStr for Locale {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "en" => Ok(Self::English),
            "nl" => Ok(Self::Dutch),
            _ => Err(UnknownName),
        }
    }
}

/// Adds `date`, `datetime`, `time`, `money`, `number` and `urlencode` to the filters that every template has.
pub(super) fn register(environment: &mut Environment<'static>, zone: &TimeZone, locale: Locale) {
    for (name, format) in [("date", "%Y-%m-%d"), ("datetime", "%Y-%m-%d %H:%M"), ("time", "%H:%M")] {
        let zone = zone.clone();
        environment.add_filter(name, move |value: &Value| point_in_time(value, &zone).map(|at| at.strftime(format).to_string()).unwrap_or_default());
    }
    environment.add_filter("number", move |value: &Value| number(value, locale, None));
    environment.add_filter("money", move |value: &Value, currency: Option<&str>| {
        let amount = number(value, locale, Some(2));
        match currency.filter(|code| !code.is_empty() && !amount.is_empty()) {
            Some(code) => format!("{code} {amount}"),
            None => amount,
        }
    });
    environment.add_filter("urlencode", |value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        percent_encoding::utf8_percent_encode(&text, UNRESERVED).to_string()
    });
}

/// RFC 3339, or a date with or without a time (then UTC, as the sources write it).
fn point_in_time(value: &Value, zone: &TimeZone) -> Option<Zoned> {
    let text = value.as_str()?;
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.to_zoned(zone.clone()));
    }
    if let Ok(day) = text.parse::<civil::Date>()
        && text.len() == 10
    {
        return day.to_zoned(zone.clone()).ok();
    }
    Some(text.parse::<civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.with_time_zone(zone.clone()))
}

/// A number with separators of thousands; what is no number stays as it is.
fn number(value: &Value, locale: Locale, decimals: Option<usize>) -> String {
    let Some(amount) = value.as_str().map_or_else(|| f64::try_from(value.clone()).ok(), |text| text.parse().ok()).filter(|n: &f64| n.is_finite())
    else {
        return if value.is_undefined() || value.is_none() { String::new() } else { value.to_string() };
    };
    let plain = match decimals {
        Some(decimals) => format!("{amount:.decimals$}"),
        None => amount.to_string(),
    };
    let (sign, plain) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let (thousands, point) = locale.separators();
    let mut out = sign.to_owned();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && whole.len().saturating_sub(n).is_multiple_of(3) {
            out.push(thousands);
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push(point);
        out.push_str(fraction);
    }
    out
}
