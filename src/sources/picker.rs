//! Picks values out of a vendor's JSON into fields of ours, keeping apart what is absent (unknown) and what is null or
//! empty (cleared).

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::customer::text;

/// Values longer than a list of this length are cut.
const MAX_ITEMS: usize = 100;

/// Fields picked so far.
pub struct Picker<'a> {
    body: &'a Value,
    fields: BTreeMap<String, Option<Value>>,
}

impl<'a> Picker<'a> {
    /// Starts to pick from a JSON value.
    #[must_use]
    pub const fn new(body: &'a Value) -> Self {
        Self { body, fields: BTreeMap::new() }
    }

    /// Takes each value at a JSON pointer (RFC 6901; empty for "not sent") as the field of that name.
    #[must_use]
    pub fn pick(mut self, places: &[(&str, &str)]) -> Self {
        for (pointer, field) in places {
            if let Some(value) = at(self.body, pointer) {
                self.fields.insert((*field).to_owned(), tidy(value));
            }
        }
        self
    }

    /// Like [`pick`](Self::pick), for texts: numbers count as their digits.
    #[must_use]
    pub fn pick_text(mut self, places: &[(&str, &str)]) -> Self {
        for (pointer, field) in places {
            if let Some(value) = at(self.body, pointer) {
                self.fields.insert((*field).to_owned(), text_of(value).map(Value::from));
            }
        }
        self
    }

    /// Like [`pick`](Self::pick), for points in time: kept as RFC 3339.
    #[must_use]
    pub fn pick_time(mut self, places: &[(&str, &str)]) -> Self {
        for (pointer, field) in places {
            if let Some(value) = at(self.body, pointer) {
                self.fields.insert((*field).to_owned(), time_of(value).map(|at| Value::from(at.to_string())));
            }
        }
        self
    }

    /// Sets a field.
    #[must_use]
    pub fn set(mut self, field: &str, value: Option<Value>) -> Self {
        self.fields.insert(field.to_owned(), value);
        self
    }

    /// Like [`pick_time`](Self::pick_time), but what can't be read clears nothing: something else says the time as well.
    #[must_use]
    pub fn pick_known_time(mut self, places: &[(&str, &str)]) -> Self {
        for (pointer, field) in places {
            let time = time_at(self.body, pointer).map(|at| at.to_string());
            self = self.set_known(field, time);
        }
        self
    }

    /// Sets a field, if there is something to set it to.
    #[must_use]
    pub fn set_known(self, field: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(field, Some(value.into())),
            None => self,
        }
    }

    /// The fields.
    #[must_use]
    pub fn finish(self) -> BTreeMap<String, Option<Value>> {
        self.fields
    }
}

/// The value at a JSON pointer; an empty pointer points to nothing.
#[must_use]
pub fn at<'a>(body: &'a Value, pointer: &str) -> Option<&'a Value> {
    if pointer.is_empty() { None } else { body.pointer(pointer) }
}

/// A text, or a number's digits; `None` when null, empty or something else.
#[must_use]
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(raw) => text::non_empty(raw),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The text at a JSON pointer.
#[must_use]
pub fn text_at(body: &Value, pointer: &str) -> Option<String> {
    at(body, pointer).and_then(text_of)
}

/// The point in time at a JSON pointer.
#[must_use]
pub fn time_at(body: &Value, pointer: &str) -> Option<Timestamp> {
    at(body, pointer).and_then(time_of)
}

/// RFC 3339, `YYYY-MM-DD[ HH:MM:SS]` without a zone (then UTC), or Unix seconds or milliseconds; between 1900 and 2200,
/// so that a mistyped year can't push everything else from a timeline.
#[must_use]
pub fn time_of(value: &Value) -> Option<Timestamp> {
    let time = match value {
        Value::String(raw) => {
            let raw = raw.trim();
            let utc = |at: DateTime| at.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
            let day = || raw.parse::<Date>().ok().and_then(|day| utc(day.to_datetime(jiff::civil::Time::midnight())));
            raw.parse::<Timestamp>().ok().or_else(|| raw.parse::<DateTime>().ok().and_then(utc)).or_else(day)
        }
        Value::Number(number) => {
            let number = number.as_i64()?;
            if number.unsigned_abs() < 100_000_000_000 { Timestamp::from_second(number).ok() } else { Timestamp::from_millisecond(number).ok() }
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }?;
    let within = (-2_208_988_800..7_258_118_400).contains(&time.as_second());
    within.then(|| Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time))
}

/// Scalars and lists of scalars, with clean texts; `None` when null or empty.
fn tidy(value: &Value) -> Option<Value> {
    match value {
        Value::String(raw) => text::non_empty(raw).map(Value::from),
        Value::Bool(_) | Value::Number(_) => Some(value.clone()),
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().filter(|item| !item.is_array() && !item.is_object()).filter_map(tidy).take(MAX_ITEMS).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_null_and_empty_are_told_apart() {
        let body = json!({"a": "x\u{0}", "b": null, "c": "", "d": 5, "e": ["p", {"q": 1}]});
        let fields = Picker::new(&body).pick(&[("/a", "a"), ("/b", "b"), ("/c", "c"), ("/d", "d"), ("/e", "e"), ("/f", "f"), ("", "g")]).finish();
        assert_eq!(json!(fields), json!({"a": "x", "b": null, "c": null, "d": 5, "e": ["p"]}));
    }

    #[test]
    fn times_are_read_in_every_form_the_sources_use() {
        for (raw, second) in [
            (json!("2024-03-20T10:00:00.000Z"), 1_710_928_800),
            (json!("2024-03-20 10:00:00"), 1_710_928_800),
            (json!("2024-03-20T11:00:00+01:00"), 1_710_928_800),
            (json!(1_710_928_800), 1_710_928_800),
            (json!(1_710_928_800_000_i64), 1_710_928_800),
            (json!("2024-03-20"), 1_710_892_800),
        ] {
            assert_eq!(time_of(&raw).map(Timestamp::as_second), Some(second), "{raw}");
        }
        for raw in [json!("soon"), json!("9999-01-01"), json!("0001-01-01"), json!(true), json!("")] {
            assert_eq!(time_of(&raw), None, "{raw}");
        }
    }
}
