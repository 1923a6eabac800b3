//! The place of the link to the agent page in an answer. A stored answer never contains the link, because links expire: it has
//! a character that no value of a source can have. Everything else that shows an answer shows a text in its place.

use std::borrow::Cow;

use serde_json::Value;

use super::Answer;
use crate::customer::model::text;

/// Stands for the link in stored answers: a control character that [`text::clean`] removes from every value, and that JSON
/// does not escape.
pub const PLACEHOLDER: char = '\u{91}';

/// What people see in the place of the link, wherever no link is given out.
pub const SHOWN: &str = "(agent page)";

/// Where an answer has the link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AgentPageUse {
    /// Nowhere.
    #[default]
    Off,
    /// Where the custom fields name it.
    Fields,
    /// Also as the URL of events that have none.
    FieldsAndEvents,
}

impl AgentPageUse {
    /// Whether an answer may have the link.
    #[must_use]
    pub const fn is_on(self) -> bool {
        !matches!(self, Self::Off)
    }

    /// The character that templates print for the link.
    pub(super) const fn placeholder(self) -> Option<char> {
        if self.is_on() { Some(PLACEHOLDER) } else { None }
    }
}

/// A text with the link in its place.
#[must_use]
pub fn with_link<'a>(body: &'a str, link: &str) -> Cow<'a, str> {
    if body.contains(PLACEHOLDER) {
        Cow::Owned(body.replace(PLACEHOLDER, link))
    } else {
        Cow::Borrowed(body)
    }
}

/// Whether a value of a source contains the placeholder: in a text, or in the name of a field.
pub(super) fn is_forged(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(PLACEHOLDER),
        Value::Array(values) => values.iter().any(is_forged),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.contains(PLACEHOLDER) || is_forged(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

impl Answer {
    /// The answer, as people see it.
    #[must_use]
    pub fn for_people(mut self) -> Self {
        self.replace(SHOWN);
        self
    }

    /// Removes the placeholder from all texts: sources may have sent it.
    pub(super) fn without_forged(mut self) -> Self {
        self.replace("");
        self
    }

    fn replace(&mut self, link: &str) {
        self.texts().into_iter().filter(|text| text.contains(PLACEHOLDER)).for_each(|text| {
            *text = text.replace(PLACEHOLDER, link);
        });
    }

    /// All texts that come from sources or templates.
    fn texts(&mut self) -> Vec<&mut String> {
        let own =
            [&mut self.customer_firstname, &mut self.customer_id, &mut self.customer_lastname];
        let addresses = self.addresses.iter_mut().map(|address| &mut address.address);
        let fields = self.custom_fields.iter_mut().map(|field| &mut field.value);
        let items = self.timeline.iter_mut();
        let items =
            items.flat_map(|item| [&mut item.external_id, &mut item.message, &mut item.url]);
        own.into_iter().chain(addresses).chain(fields).chain(items).collect()
    }
}

/// The output of a template without unreadable characters, but with the placeholder of the link. `None` if nothing is left.
pub(super) fn cleaned(rendered: &str, usage: AgentPageUse) -> Option<String> {
    let cleaned = text::clean_but(rendered, usage.placeholder());
    (!cleaned.is_empty()).then_some(cleaned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_cleaned_text_has_the_placeholder_and_json_does_not_escape_it() {
        let forged = format!("a{PLACEHOLDER}b");
        assert_eq!(text::clean(&forged), "ab");
        assert_eq!(cleaned(&forged, AgentPageUse::Off).as_deref(), Some("ab"));
        assert_eq!(cleaned(&forged, AgentPageUse::Fields), Some(forged.clone()));
        let json = serde_json::to_string(&[&forged]).unwrap();
        assert_eq!(with_link(&json, "x"), "[\"axb\"]");
        // Neither an escape in JSON nor one in the value becomes the character.
        for text in ["\\u0091", "\\\\u0091", "&#145;", "%C2%91"] {
            let json = serde_json::to_string(&[text]).unwrap();
            assert_eq!(with_link(&json, "x"), json, "{text}");
        }
    }

    #[test]
    fn a_forged_value_is_found_anywhere() {
        let forged = PLACEHOLDER.to_string();
        for value in [json!(forged), json!([1, [forged]]), json!({ "a": { "b": forged } })] {
            assert!(is_forged(&value), "{value}");
        }
        assert!(is_forged(&json!({ forged: 1 })));
        assert!(!is_forged(&json!({ "a": [1, "\\u0091", null, true] })));
    }
}
