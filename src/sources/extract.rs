//! Extracts values from a vendor's JSON into fields. It distinguishes: absent (unknown); null, empty or a
//! placeholder (cleared); present but not parsable (cleared, and the original kept in a separate field).

use std::collections::BTreeMap;

use serde_json::Value;

use super::time::{Moment, Unclear, moment};
use super::value::{
    Read, addresses_of, at, currency_of, id_of, name, number_of, read_id, scalar, tidy, truth_of,
};
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::SourceKind;
use crate::customer::model::{text, unread};

/// Fields of an update.
pub type Fields = BTreeMap<String, Option<Value>>;

/// Collects fields from a JSON value.
pub struct FieldExtractor<'a> {
    body: &'a Value,
    fields: Fields,
}

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
                    self.fields.extend(at(self.body, pointer).map(|raw| unread::kept(field, raw)));
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
}
