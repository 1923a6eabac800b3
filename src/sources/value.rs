//! Reads one value of a vendor's JSON: as a text, an id, a time, a number. It distinguishes no value from a
//! value that cannot be parsed.

use std::borrow::Cow;

use iso_currency::Currency;
use jiff::Timestamp;
use serde_json::Value;

use super::json_text::is_number;
use super::time::{Moment, Unclear, moment};
use crate::customer::model::placeholder::{ValueKind, is_placeholder};
use crate::customer::model::text;

/// Longer lists are cut to this length.
const MAX_ITEMS: usize = 100;

/// The result for a value: a value, nothing, or a value that cannot be parsed.
pub(super) type Read<T> = Result<Option<T>, Unclear>;

/// The value at a JSON pointer; an empty pointer finds nothing.
#[must_use]
pub fn at<'a>(body: &'a Value, pointer: &str) -> Option<&'a Value> {
    if pointer.is_empty() { None } else { body.pointer(pointer) }
}

/// A text, or a number's digits; `None` when null, empty or something else.
#[must_use]
pub fn text_of(value: &Value) -> Option<String> {
    text::non_empty(&scalar(value).ok()??)
}

/// The text at a JSON pointer.
#[must_use]
pub fn text_at(body: &Value, pointer: &str) -> Option<String> {
    at(body, pointer).and_then(text_of)
}

/// The addresses at a JSON pointer, as they are written; `None` if there are none, or only a placeholder.
#[must_use]
pub fn address_at(body: &Value, pointer: &str) -> Option<String> {
    at(body, pointer).and_then(|value| addresses_of(value).0)
}

/// The id at a JSON pointer, in canonical form; `None` if there is none, or a placeholder.
#[must_use]
pub fn id_at(body: &Value, pointer: &str) -> Option<String> {
    read_id(body, pointer).ok().flatten()
}

/// Like [`id_at`], for callers that must detect an unusable id.
///
/// # Errors
/// When the id is too long, or not a text.
pub fn read_id(body: &Value, pointer: &str) -> Result<Option<String>, Unclear> {
    at(body, pointer).map_or(Ok(None), id_of)
}

/// The time at a JSON pointer; `None` if there is none, or if it cannot be parsed.
#[must_use]
pub fn time_at(body: &Value, pointer: &str) -> Option<Timestamp> {
    at(body, pointer).and_then(time_of)
}

/// Parses a time; `None` if there is none, or if it cannot be parsed.
#[must_use]
pub fn time_of(value: &Value) -> Option<Timestamp> {
    moment(value).ok().flatten().and_then(Moment::timestamp)
}

/// Parses a boolean in one of the common spellings.
///
/// # Errors
/// When the value is neither true nor false.
pub fn truth_of(value: &Value) -> Result<Option<bool>, Unclear> {
    let Some(text) = scalar_or_bool(value)? else { return Ok(None) };
    match text::visible(&text).to_lowercase().as_str() {
        "true" | "1" | "1.0" | "t" | "yes" | "y" | "on" | "ja" | "j" | "oui" | "si" | "active"
        | "enabled" => Ok(Some(true)),
        "false" | "0" | "0.0" | "f" | "no" | "n" | "off" | "nee" | "nein" | "non" | "inactive"
        | "disabled" => Ok(Some(false)),
        text if is_placeholder(ValueKind::Name, text) => Ok(None),
        _ => Err(Unclear),
    }
}

fn scalar_or_bool(value: &Value) -> Read<String> {
    if let Value::Bool(truth) = value { Ok(Some(truth.to_string())) } else { scalar(value) }
}

/// A text as it is, or the digits of a number. A whole number may have been converted to a float.
pub(super) fn scalar(value: &Value) -> Read<String> {
    match value {
        Value::Null => Ok(None),
        Value::String(raw) => Ok(Some(raw.clone())),
        Value::Number(number) => {
            let digits = number.to_string();
            Ok(Some(digits.strip_suffix(".0").map_or(digits.clone(), str::to_owned)))
        }
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(Unclear),
    }
}

/// A number as it was sent, or a text with the spelling of a number.
pub(super) fn number_of(value: &Value) -> Read<Value> {
    match value {
        Value::Number(_) => Ok(Some(value.clone())),
        _ => {
            let Some(text) = scalar(value)?.map(|text| text::visible(&text)) else {
                return Ok(None);
            };
            match text.strip_prefix('+').unwrap_or(&text) {
                number if is_number(number) => Ok(Some(Value::from(number))),
                text if is_placeholder(ValueKind::Name, text) => Ok(None),
                _ => Err(Unclear),
            }
        }
    }
}

pub(super) fn currency_of(value: &Value) -> Read<String> {
    let Some(text) = scalar(value)?
        .map(|text| text::visible(&text))
        .filter(|text| !is_placeholder(ValueKind::Name, text))
    else {
        return Ok(None);
    };
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Some(text));
    }
    let currency = text.parse().ok().and_then(Currency::from_numeric);
    currency.map(|currency| Some(currency.code().to_owned())).ok_or(Unclear)
}

pub(super) fn id_of(value: &Value) -> Read<String> {
    let Some(raw) = scalar(value)? else { return Ok(None) };
    // An id that is too long or has control characters cannot be looked up. Cutting it could mix up two people.
    if text::is_possible_id(&raw) { Ok(text::id(&raw)) } else { Err(Unclear) }
}

/// Decodes HTML entities, once: `&amp;amp;` means `&amp;`.
pub(super) fn name(raw: &str) -> Option<String> {
    let raw = text::visible(raw);
    let decoded: Cow<'_, str> = html_escape::decode_html_entities(&raw);
    Some(text::visible(&decoded)).filter(|name| !is_placeholder(ValueKind::Name, name))
}

/// The addresses of a list or of a single value, and whether all could be parsed.
pub(super) fn addresses_of(value: &Value) -> (Option<String>, bool) {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let read: Vec<Read<String>> = items.iter().take(MAX_ITEMS).map(address_of).collect();
    let is_whole = read.iter().all(Result::is_ok);
    let all: Vec<String> = read.into_iter().filter_map(|read| read.ok().flatten()).collect();
    ((!all.is_empty()).then(|| text::clean(&all.join(", "))), is_whole)
}

fn address_of(value: &Value) -> Read<String> {
    let Some(raw) = scalar(value)? else { return Ok(None) };
    // Each line is an item of a list. Folding white space first would join them.
    let raw = text::trimmed(&raw).replace('\t', " ").replace(['\n', '\r'], ", ");
    if raw.contains(char::is_control) {
        return Err(Unclear);
    }
    let address = text::visible(&raw);
    Ok((!is_placeholder(ValueKind::Address, &address)).then_some(address))
}

/// Scalars and lists of scalars, with cleaned texts; `None` if null or empty.
pub(super) fn tidy(value: &Value) -> Read<Value> {
    match value {
        Value::String(raw) => Ok(text::non_empty(raw).map(Value::from)),
        Value::Bool(_) | Value::Number(_) => Ok(Some(value.clone())),
        Value::Array(items) => {
            let items = items.iter().filter(|item| !item.is_array() && !item.is_object());
            let items: Vec<Value> =
                items.filter_map(|item| tidy(item).ok().flatten()).take(MAX_ITEMS).collect();
            Ok((!items.is_empty()).then_some(Value::Array(items)))
        }
        Value::Null => Ok(None),
        Value::Object(_) => Err(Unclear),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn programs_say_yes_and_no_in_many_ways() {
        for yes in [
            json!(true),
            json!(1),
            json!("1"),
            json!("true"),
            json!("Y"),
            json!("yes"),
            json!(1.0),
            json!("On"),
        ] {
            assert_eq!(truth_of(&yes), Ok(Some(true)), "{yes}");
        }
        for no in [
            json!(false),
            json!(0),
            json!("0"),
            json!("false"),
            json!("N"),
            json!("no"),
            json!(0.0),
            json!("OFF"),
            json!("nee"),
        ] {
            assert_eq!(truth_of(&no), Ok(Some(false)), "{no}");
        }
        for nothing in [json!(null), json!(""), json!("null"), json!("\u{0}"), json!("\u{200b}")] {
            assert_eq!(truth_of(&nothing), Ok(None), "{nothing}");
        }
        for unclear in [json!(2), json!("perhaps"), json!([true]), json!({})] {
            assert_eq!(truth_of(&unclear), Err(Unclear), "{unclear}");
        }
    }
}
