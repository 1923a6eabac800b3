//! Values that could not be parsed. They count as empty, and are stored next to the parsed values so that people can
//! see them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::email_field::EmailField;
use super::field_versions::{FieldVersions, Update};
use super::phone::Region;
use super::phone_field::PhoneField;
use super::record::field;

/// Prefix of the fields that store unparsed values of other fields.
pub const PREFIX: &str = "unread.";

/// The fields of an update that could not be parsed, or only in part. Field names are ours, never the sender's.
#[must_use]
pub fn unread_fields(update: &Update, region: Option<Region>) -> BTreeSet<String> {
    let said = update
        .fields
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_ref()?.as_str()?)));
    said.filter_map(|(name, raw)| match name.strip_prefix(PREFIX) {
        Some(name) => Some(name.to_owned()),
        None => is_unread_address(name, raw, region).then(|| name.to_owned()),
    })
    .collect()
}

/// The values in the current state that could not be parsed, by field name. A later value of the same field replaces
/// them.
#[must_use]
pub fn unread_values(versions: &FieldVersions, region: Option<Region>) -> BTreeMap<String, String> {
    let mut unread = BTreeMap::new();
    for (name, value, at) in versions.with_prefix(PREFIX) {
        let later = versions.stamped_at(name).or_else(|| versions.asserted_at());
        if later.is_none_or(|later| later <= at)
            && let Some(raw) = value.as_str()
        {
            unread.insert(name.to_owned(), raw.to_owned());
        }
    }
    for prefix in [field::EMAIL, field::PHONE] {
        for (slot, value, _) in versions.with_prefix(prefix) {
            let name = format!("{prefix}{slot}");
            if let Some(raw) = value.as_str().filter(|raw| is_unread_address(&name, raw, region)) {
                unread.insert(name, raw.to_owned());
            }
        }
    }
    unread
}

fn is_unread_address(name: &str, raw: &str, region: Option<Region>) -> bool {
    (name.starts_with(field::EMAIL) && EmailField::read(raw).has_unread)
        || (name.starts_with(field::PHONE) && PhoneField::read(raw, region).has_unread)
}

/// The field that stores an unparsed value. Long texts are cut. If a text has no visible character, its JSON form is
/// stored, so that people see something.
#[must_use]
pub fn kept(name: &str, raw: &Value) -> (String, Option<Value>) {
    let readable = raw
        .as_str()
        .and_then(crate::customer::model::text::non_empty)
        .unwrap_or_else(|| crate::customer::model::text::clean(&raw.to_string()));
    let text: String = readable.chars().take(MAX_CHARS).collect();
    (format!("{PREFIX}{name}"), Some(Value::from(text)))
}

const MAX_CHARS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_can_be_stored_and_seen() {
        for (raw, shown) in [
            (Value::from("\u{0}"), r#""\u0000""#),
            (Value::from("\u{202e}"), r#""""#),
            (Value::from("\u{85}"), r#"" ""#),
            (Value::from("a\u{0}b"), "ab"),
            (serde_json::json!({ "a": "\u{1}" }), r#"{"a":"\u0001"}"#),
        ] {
            assert_eq!(
                kept("is_active", &raw),
                ("unread.is_active".to_owned(), Some(Value::from(shown))),
                "{raw}"
            );
        }
    }
}
