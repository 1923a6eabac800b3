//! Template filters for dates, money and URLs, in the brand's time zone and language.

use std::collections::BTreeMap;
use std::str::FromStr;

use iso_currency::Currency;
use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use minijinja::value::ValueKind;
use minijinja::{Environment, ErrorKind, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;

use crate::customer::model::source::UnknownName;

/// Characters that need no encoding in a URL (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The format of a date with its time.
pub const DATETIME: &str = "%Y-%m-%d %H:%M";

/// A language of the built-in messages and of number formats.
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
        self.texts().messages
    }

    /// The words for documented values of the sources, such as a status: value in [`plain_form`] to word.
    pub(super) fn words(self) -> BTreeMap<String, String> {
        self.texts().words
    }

    fn texts(self) -> Texts {
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

/// The texts of a language.
#[derive(Default, Deserialize)]
struct Texts {
    words: BTreeMap<String, String>,
    #[serde(flatten)]
    messages: BTreeMap<String, String>,
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

/// Adds `date`, `datetime`, `time`, `money`, `number`, `word` and `urlencode` to the built-in filters of the template
/// engine.
pub(crate) fn register(environment: &mut Environment<'static>, zone: &TimeZone, locale: Locale) {
    for (name, format) in [("date", "%Y-%m-%d"), ("datetime", DATETIME), ("time", "%H:%M")] {
        let zone = zone.clone();
        environment.add_filter(name, move |value: &Value| match point_in_time(value, &zone) {
            Some(at) => Ok(at.strftime(format).to_string()),
            None if value.is_undefined()
                || value.is_none()
                || value.as_str().is_some_and(|text| text.trim().is_empty()) =>
            {
                Ok(String::new())
            }
            None => Err(minijinja::Error::new(ErrorKind::InvalidOperation, "not a date")),
        });
    }
    let words = locale.words();
    environment.add_filter("word", move |value: &Value| {
        let word = value.as_str().and_then(|text| words.get(&plain_form(text)));
        word.map_or_else(|| value.clone(), |word| Value::from(word.as_str()))
    });
    environment.add_filter("number", move |value: &Value| {
        check_finite(value)?;
        Ok::<_, minijinja::Error>(number(value, locale, None))
    });
    environment.add_filter("money", move |value: &Value, currency: Option<Value>| {
        check_finite(value)?;
        let currency = currency
            .filter(|currency| !currency.is_undefined() && !currency.is_none())
            .map(|currency| currency.to_string());
        let code = currency.as_deref().map(str::trim).filter(|code| !code.is_empty());
        let amount = number(value, locale, Some(minor_units(code, value)));
        Ok::<_, minijinja::Error>(match code.filter(|_| !amount.is_empty()) {
            Some(code) => format!("{code} {amount}"),
            None => amount,
        })
    });
    environment.add_filter("urlencode", |value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        percent_encoding::utf8_percent_encode(&text, UNRESERVED).to_string()
    });
}

/// A value as the table of words has it: `NO_SHOW` and `no-show` are `no show`.
fn plain_form(value: &str) -> String {
    value.trim().to_lowercase().replace(['_', '-'], " ")
}

/// Rejects the result of a division by zero: `inf` is no text for an agent.
pub(super) fn check_finite(value: &Value) -> Result<(), minijinja::Error> {
    let is_number = value.kind() == ValueKind::Number;
    match f64::try_from(value.clone()) {
        Ok(number) if is_number && !number.is_finite() => {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, "not a finite number"))
        }
        _ => Ok(()),
    }
}

/// Parses RFC 3339, or a date with or without a time (in UTC, as the sources write it). A date at midnight counts as a
/// day.
fn point_in_time(value: &Value, zone: &TimeZone) -> Option<Zoned> {
    let text = value.as_str().map(|text| text.trim().replace('/', "-"))?;
    let text = text.split('[').next().map(|text| {
        text.strip_suffix("T00:00:00").or_else(|| text.strip_suffix(" 00:00:00")).unwrap_or(text)
    })?;
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.to_zoned(zone.clone()));
    }
    if let Ok(day) = text.parse::<civil::Date>()
        && matches!(text.len(), 8 | 10)
    {
        return day.to_zoned(zone.clone()).ok();
    }
    Some(
        text.parse::<civil::DateTime>()
            .ok()?
            .to_zoned(TimeZone::UTC)
            .ok()?
            .with_time_zone(zone.clone()),
    )
}

/// The number of decimals of a currency (ISO 4217). Two if no currency is named. For an unknown currency, as many as
/// the amount has.
fn minor_units(code: Option<&str>, amount: &Value) -> u32 {
    let Some(code) = code else { return 2 };
    let exponent =
        Currency::from_code(&code.to_ascii_uppercase()).and_then(|currency| currency.exponent());
    exponent.map_or_else(
        || decimal(&amount.to_string()).map_or(2, |amount| amount.normalize().scale().max(2)),
        u32::from,
    )
}

/// A number with thousands separators and exactly its own digits. A text that is not a number, or has too many digits
/// to read, stays unchanged.
fn number(value: &Value, locale: Locale, decimals: Option<u32>) -> String {
    let text =
        if value.is_undefined() || value.is_none() { String::new() } else { value.to_string() };
    let Some(amount) = decimal(&text) else { return text };
    let amount = match decimals {
        Some(decimals) => {
            amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
        }
        None => amount.normalize(),
    };
    let plain = match decimals {
        Some(decimals) => {
            format!("{:.*}", usize::try_from(decimals).unwrap_or_default(), amount.abs())
        }
        None => amount.abs().to_string(),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let (thousands, point) = locale.separators();
    // No minus sign for an amount that is rounded to zero.
    let mut out =
        if amount.is_sign_negative() && !amount.is_zero() { "-".to_owned() } else { String::new() };
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

/// Parses a number exactly, without a float.
fn decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let is_number = text
        .starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.' || c == '+')
        && text.contains(|c: char| c.is_ascii_digit());
    let number = || {
        if text.contains(['e', 'E']) {
            Decimal::from_scientific(text).ok()
        } else {
            Decimal::from_str_exact(text).ok()
        }
    };
    is_number.then(number).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(value: impl Into<Value>, currency: &str) -> String {
        let mut environment = Environment::new();
        register(&mut environment, &TimeZone::UTC, Locale::English);
        let context = minijinja::context! { amount => value.into(), currency };
        environment.render_str("{{ amount | money(currency) }}", context).unwrap()
    }

    #[test]
    fn money_has_the_decimals_of_its_currency() {
        for (amount, currency, expected) in [
            (Value::from(1234), "JPY", "JPY 1,234"),
            (Value::from(12.345), "KWD", "KWD 12.345"),
            (Value::from(12.345), "EUR", "EUR 12.35"),
            (Value::from("12.345"), "eur", "eur 12.35"),
            (Value::from(1.005), "EUR", "EUR 1.01"),
            (Value::from("-0.001"), "EUR", "EUR 0.00"),
            (Value::from(-0.004), "EUR", "EUR 0.00"),
            (Value::from("-1234.5"), "EUR", "EUR -1,234.50"),
            (Value::from(1234.5), "CLP", "CLP 1,235"),
            (Value::from(5), "XYZ", "XYZ 5.00"),
            (Value::from(5), "", "5.00"),
            (Value::from("9007199254740993.01"), "EUR", "EUR 9,007,199,254,740,993.01"),
            (Value::from("free"), "EUR", "EUR free"),
            (Value::from("1e400"), "EUR", "EUR 1e400"),
            (Value::UNDEFINED, "EUR", ""),
        ] {
            assert_eq!(money(amount, currency), expected);
        }
    }

    #[test]
    fn numbers_keep_their_digits() {
        for (value, expected) in [
            (Value::from(9_007_199_254_740_993_i64), "9,007,199,254,740,993"),
            (Value::from("89314404000123456701"), "89,314,404,000,123,456,701"),
            (Value::from("1e400"), "1e400"),
            (Value::from(1e3), "1,000"),
            (Value::from("12.50"), "12.5"),
            (Value::from(0.1), "0.1"),
            (Value::from("+5"), "5"),
            (Value::from("-"), "-"),
            (Value::from("5 stars"), "5 stars"),
        ] {
            assert_eq!(number(&value, Locale::English, None), expected);
        }
        assert_eq!(number(&Value::from(1234.5), Locale::Dutch, None), "1.234,5");
    }

    #[test]
    fn documented_values_have_a_word_and_others_stay() {
        let word = |locale: Locale, value: &str| {
            let mut environment = Environment::new();
            register(&mut environment, &TimeZone::UTC, locale);
            environment.render_str("{{ value | word }}", minijinja::context! { value }).unwrap()
        };
        for (value, english, dutch) in [
            ("NO_SHOW", "no show", "niet gekomen"),
            ("no-show", "no show", "niet gekomen"),
            ("normal", "normal", "normaal"),
            ("Solved", "Solved", "opgelost"),
            ("On the moon", "On the moon", "On the moon"),
        ] {
            assert_eq!(
                (word(Locale::English, value), word(Locale::Dutch, value)),
                (english.to_owned(), dutch.to_owned())
            );
        }
        for locale in [Locale::English, Locale::Dutch] {
            let words = locale.words();
            assert!(
                !words.is_empty() && words.keys().all(|key| *key == plain_form(key)),
                "{words:?}"
            );
        }
    }

    #[test]
    fn a_day_is_the_same_day_everywhere() {
        let zone = TimeZone::get("America/New_York").unwrap();
        for (text, day) in [
            ("2023-01-15", "2023-01-15"),
            ("2023-01-15 00:00:00", "2023-01-15"),
            ("2023-01-15T00:00:00", "2023-01-15"),
            ("2023/01/15", "2023-01-15"),
            ("20230115", "2023-01-15"),
            ("2023-01-15[America/New_York]", "2023-01-15"),
            ("2023-01-15T02:00:00Z", "2023-01-14"),
            ("2023-01-15 02:00:00", "2023-01-14"),
        ] {
            let at = point_in_time(&Value::from(text), &zone).unwrap();
            assert_eq!(at.strftime("%Y-%m-%d").to_string(), day, "{text}");
        }
        for unclear in ["15-01-2023", "soon", "2023-02-30", "5", "2023"] {
            assert!(point_in_time(&Value::from(unclear), &zone).is_none(), "{unclear}");
        }
    }
}
