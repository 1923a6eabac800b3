//! Extracts values from a vendor's JSON into fields. It distinguishes: absent (unknown); null, empty or a
//! placeholder (cleared); present but not parsable (cleared, and the original kept in a separate field).

use std::borrow::Cow;
use std::collections::BTreeMap;

use iso_currency::Currency;
use jiff::Timestamp;
use serde_json::Value;

use super::json::is_number;
use super::time::{Moment, Unclear, moment};
use crate::customer::model::placeholder::{Sort, is_placeholder};
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::SourceKind;
use crate::customer::model::{text, unread};

/// Longer lists are cut to this length.
const MAX_ITEMS: usize = 100;

/// Fields of an update.
pub type Fields = BTreeMap<String, Option<Value>>;

/// Collects fields from a JSON value.
pub struct FieldExtractor<'a> {
    body: &'a Value,
    fields: Fields,
}

/// The result for a value: a value, nothing, or a value that cannot be parsed.
type Read<T> = Result<Option<T>, Unclear>;

impl<'a> FieldExtractor<'a> {
    /// Starts with a JSON value.
    #[must_use]
    pub const fn new(body: &'a Value) -> Self {
        Self { body, fields: BTreeMap::new() }
    }

    /// Takes the value at each JSON pointer (RFC 6901; an empty one means "not sent") as the field of that
    /// name.
    #[must_use]
    pub fn pick(self, places: &[(&str, &str)]) -> Self {
        self.pick_with(places, tidy)
    }

    /// Like [`pick`](Self::pick), for texts: numbers count as their digits.
    #[must_use]
    pub fn pick_text(self, places: &[(&str, &str)]) -> Self {
        self.pick_with(places, |value| {
            Ok(scalar(value)?.and_then(|text| text::non_empty(&text)).map(Value::from))
        })
    }

    /// Like [`pick_text`](Self::pick_text), for parts of people's names.
    #[must_use]
    pub fn pick_name(self, places: &[(&str, &str)]) -> Self {
        self.pick_with(places, |value| {
            Ok(scalar(value)?.and_then(|text| name(&text)).map(Value::from))
        })
    }

    /// Like [`pick_text`](Self::pick_text), for ids in other systems.
    #[must_use]
    pub fn pick_id(self, places: &[(&str, &str)]) -> Self {
        self.pick_with(places, |value| Ok(id_of(value)?.map(Value::from)))
    }

    /// Like [`pick_text`](Self::pick_text), for e-mail addresses, phone numbers and accounts: a list stays a list.
    #[must_use]
    pub fn pick_address(mut self, places: &[(&str, &str)]) -> Self {
        for (pointer, field) in places {
            let Some(value) = at(self.body, pointer) else { continue };
            let (address, is_whole) = addresses_of(value);
            if !is_whole {
                self.fields.extend([unread::kept(field, value)]);
            }
            self.fields.insert((*field).to_owned(), address.map(Value::from));
        }
        self
    }

    /// Like [`pick`](Self::pick), for times: stored as RFC 3339; a day stays a day.
    #[must_use]
    pub fn pick_time(self, places: &[(&str, &str)]) -> Self {
        self.pick_with(places, |value| Ok(moment(value)?.map(|moment| Value::from(moment.text()))))
    }

    /// Like [`pick_time`](Self::pick_time), but an unparsable time clears nothing, because another field has
    /// the time too.
    #[must_use]
    pub fn pick_known_time(mut self, places: &[(&str, &str)]) -> Self {
        for (pointer, field) in places {
            let Some(value) = at(self.body, pointer) else { continue };
            match moment(value) {
                Ok(moment) => self = self.set_known(field, moment.map(Moment::text)),
                Err(Unclear) => self.fields.extend([unread::kept(field, value)]),
            }
        }
        self
    }

    /// Like [`pick`](Self::pick), for booleans.
    #[must_use]
    pub fn pick_truth(self, places: &[(&str, &str)]) -> Self {
        self.pick_with(places, |value| Ok(truth_of(value)?.map(Value::from)))
    }

    /// Like [`pick`](Self::pick), for amounts and counts. A value that is not a number is unparsable.
    #[must_use]
    pub fn pick_number(self, places: &[(&str, &str)]) -> Self {
        self.pick_with(places, number_of)
    }

    /// Like [`pick_text`](Self::pick_text), for currencies. Numbers of ISO 4217 become letters.
    #[must_use]
    pub fn pick_currency(self, places: &[(&str, &str)]) -> Self {
        self.pick_with(places, |value| Ok(currency_of(value)?.map(Value::from)))
    }

    /// Sets a field to the key of the first record, in the order of the kinds, whose id is present.
    #[must_use]
    pub fn pick_owner(mut self, field: &str, places: &[(&str, SourceKind)]) -> Self {
        for (pointer, kind) in places {
            match read_id(self.body, pointer) {
                Ok(Some(id)) => {
                    return self
                        .set_known(field, RecordKey::new(*kind, &id).map(|key| key.to_string()));
                }
                Ok(None) => {}
                Err(Unclear) => {
                    self.fields.extend(at(self.body, pointer).map(|raw| unread::kept(field, raw)))
                }
            }
        }
        self
    }

    fn pick_with(mut self, places: &[(&str, &str)], read: impl Fn(&Value) -> Read<Value>) -> Self {
        for (pointer, field) in places {
            let Some(value) = at(self.body, pointer) else { continue };
            let read = read(value).unwrap_or_else(|Unclear| {
                self.fields.extend([unread::kept(field, value)]);
                None
            });
            self.fields.insert((*field).to_owned(), read);
        }
        self
    }

    /// Sets a field.
    #[must_use]
    pub fn set(mut self, field: &str, value: Option<Value>) -> Self {
        self.fields.insert(field.to_owned(), value);
        self
    }

    /// Clears a field and keeps the unparsable original.
    #[must_use]
    pub fn set_unread(mut self, field: &str, raw: &Value) -> Self {
        self.fields.extend([(field.to_owned(), None), unread::kept(field, raw)]);
        self
    }

    /// Sets a field, unless the value is `None`.
    #[must_use]
    pub fn set_known(self, field: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(field, Some(value.into())),
            None => self,
        }
    }

    /// Adds fields that were extracted elsewhere.
    #[must_use]
    pub fn with(mut self, fields: Fields) -> Self {
        self.fields.extend(fields);
        self
    }

    /// The fields.
    #[must_use]
    pub fn finish(self) -> Fields {
        self.fields
    }
}

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
        text if is_placeholder(Sort::Name, text) => Ok(None),
        _ => Err(Unclear),
    }
}

fn scalar_or_bool(value: &Value) -> Read<String> {
    if let Value::Bool(truth) = value { Ok(Some(truth.to_string())) } else { scalar(value) }
}

/// A text as it is, or the digits of a number. A whole number may have been converted to a float.
fn scalar(value: &Value) -> Read<String> {
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
fn number_of(value: &Value) -> Read<Value> {
    match value {
        Value::Number(_) => Ok(Some(value.clone())),
        _ => {
            let Some(text) = scalar(value)?.map(|text| text::visible(&text)) else {
                return Ok(None);
            };
            match text.strip_prefix('+').unwrap_or(&text) {
                number if is_number(number) => Ok(Some(Value::from(number))),
                text if is_placeholder(Sort::Name, text) => Ok(None),
                _ => Err(Unclear),
            }
        }
    }
}

fn currency_of(value: &Value) -> Read<String> {
    let Some(text) = scalar(value)?
        .map(|text| text::visible(&text))
        .filter(|text| !is_placeholder(Sort::Name, text))
    else {
        return Ok(None);
    };
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Some(text));
    }
    let currency = text.parse().ok().and_then(Currency::from_numeric);
    currency.map(|currency| Some(currency.code().to_owned())).ok_or(Unclear)
}

fn id_of(value: &Value) -> Read<String> {
    let Some(raw) = scalar(value)? else { return Ok(None) };
    // An id that is too long or has control characters cannot be looked up. Cutting it could mix up two people.
    if text::is_possible_id(&raw) { Ok(text::id(&raw)) } else { Err(Unclear) }
}

/// Decodes HTML entities, once: `&amp;amp;` means `&amp;`.
fn name(raw: &str) -> Option<String> {
    let raw = text::visible(raw);
    let decoded: Cow<'_, str> = html_escape::decode_html_entities(&raw);
    Some(text::visible(&decoded)).filter(|name| !is_placeholder(Sort::Name, name))
}

/// The addresses of a list or of a single value, and whether all could be parsed.
fn addresses_of(value: &Value) -> (Option<String>, bool) {
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
    Ok((!is_placeholder(Sort::Address, &address)).then_some(address))
}

/// Scalars and lists of scalars, with cleaned texts; `None` if null or empty.
fn tidy(value: &Value) -> Read<Value> {
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
    fn absent_null_and_empty_are_told_apart() {
        let body = json!({"a": "x\u{0}", "b": null, "c": "", "d": 5, "e": ["p", {"q": 1}]});
        let fields = FieldExtractor::new(&body)
            .pick(&[
                ("/a", "a"),
                ("/b", "b"),
                ("/c", "c"),
                ("/d", "d"),
                ("/e", "e"),
                ("/f", "f"),
                ("", "g"),
            ])
            .finish();
        assert_eq!(json!(fields), json!({"a": "x", "b": null, "c": null, "d": 5, "e": ["p"]}));
    }

    #[test]
    fn what_cannot_be_read_is_cleared_and_kept_beside() {
        let body = json!({"since": "soon", "name": ["x"], "void": "perhaps", "id": {"x": 1}, "data": {"x": 1}, "next": "2026-11-21"});
        let fields = FieldExtractor::new(&body)
            .pick_time(&[("/since", "since"), ("/next", "next")])
            .pick_name(&[("/name", "name")])
            .pick_truth(&[("/void", "void")])
            .pick_id(&[("/id", "id")])
            .pick(&[("/data", "data")])
            .finish();
        let expected = json!({
            "since": null, "unread.since": "soon", "next": "2026-11-21", "name": null, "unread.name": "[\"x\"]", "void": null, "unread.void": "perhaps",
            "id": null, "unread.id": "{\"x\":1}", "data": null, "unread.data": "{\"x\":1}",
        });
        assert_eq!(json!(fields), expected);
    }

    #[test]
    fn values_are_read_as_what_they_are_meant_to_be() {
        let body = json!({
            "name": "O&#x27;Re\u{ad}illy &amp;amp; Co", "none": "N/A", "id": 770_002.0, "uuid": "D290F1EE-6C54-4B01-90E6-D701748F0851", "nobody": "undefined",
            "phones": ["+31612340001", null, " 06-1 "], "lines": "a@example.org\nb@example.org", "zero": "0",
        });
        let fields = FieldExtractor::new(&body)
            .pick_name(&[("/name", "name"), ("/none", "none")])
            .pick_id(&[("/id", "id"), ("/uuid", "uuid"), ("/nobody", "nobody")])
            .pick_address(&[("/phones", "phones"), ("/lines", "lines"), ("/zero", "zero")])
            .finish();
        let expected = json!({
            "name": "O'Reilly &amp; Co", "none": null, "id": "770002", "uuid": "d290f1ee-6c54-4b01-90e6-d701748f0851", "nobody": null,
            "phones": "+31612340001, 06-1", "lines": "a@example.org, b@example.org", "zero": null,
        });
        assert_eq!(json!(fields), expected);
    }

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
