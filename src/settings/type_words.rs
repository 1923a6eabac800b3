//! Plain words for the errors of serde. They never repeat a value: it may be a secret, or the address of a person.

use toml::de::DeValue;

use super::shape::Shape;
use crate::customer::model::near_name::{did_you_mean, near_name};

/// An error of serde or of the TOML reader.
pub(super) enum TypeError<'m> {
    UnknownKey {
        name: &'m str,
        known: Vec<&'m str>,
    },
    UnknownVariant {
        known: Vec<&'m str>,
    },
    MissingKey {
        name: &'m str,
    },
    /// Only some texts are right, but the value is no text.
    NotAText,
    WrongType {
        given: &'m str,
        expected: &'m str,
    },
    /// An error of our own, in words.
    Other(&'m str),
}

impl<'m> TypeError<'m> {
    pub(super) fn parse(message: &'m str) -> Self {
        if let Some((name, known)) = name_and_rest(message, "unknown field `") {
            return Self::UnknownKey { name, known: quoted(known) };
        }
        if message.starts_with("unknown variant `") {
            // The name may be anything, so the list is what comes last.
            let known = message.rsplit_once("`, expected ").map_or("", |(_, known)| known);
            return Self::UnknownVariant { known: quoted(known) };
        }
        if let Some((name, _)) = name_and_rest(message, "missing field `") {
            return Self::MissingKey { name };
        }
        if message.starts_with("wanted ") {
            return Self::NotAText;
        }
        let wrong = message
            .strip_prefix("invalid type: ")
            .or_else(|| message.strip_prefix("invalid value: "))
            .and_then(|rest| rest.rsplit_once(", expected "));
        wrong.map_or(Self::Other(message), |(given, expected)| Self::WrongType { given, expected })
    }
}

fn name_and_rest<'m>(message: &'m str, start: &str) -> Option<(&'m str, &'m str)> {
    message.strip_prefix(start)?.split_once('`')
}

/// The names in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// An unknown setting or table.
pub(super) fn unknown_key_words(
    shape: &Shape,
    path: &[String],
    name: &str,
    known: &[&str],
    is_table: bool,
) -> String {
    let above = path.split_last().map_or(&[][..], |(_, above)| above);
    let near = near_name(name, known.iter().copied());
    let hint = match (near, shape.table_with(name, above)) {
        (Some(near), _) if is_table && shape.is_table(&[above, &[near.to_owned()]].concat()) => {
            let near = [above.to_vec(), vec![near.to_owned()]].concat().join(".");
            did_you_mean(Some(&format!("[{near}]")), "")
        }
        (Some(near), _) => did_you_mean(Some(near), ""),
        (None, Some(table)) => format!("; it belongs in {table}"),
        (None, None) => format!("; this table can have {}", known.join(", ")),
    };
    let what = if is_table { "table" } else { "setting" };
    format!("there is no {what} `{name}` here{hint}")
}

/// A text that is none of the possible ones.
pub(super) fn enum_words(given: &str, known: &[&str]) -> String {
    let near = near_name(given, known.iter().copied());
    let near = near.map(|near| format!(". Did you mean \"{near}\"?")).unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    names.extend(known.iter().filter(|name| !name.is_empty()).map(|name| format!("\"{name}\"")));
    names.extend(known.contains(&"").then(|| "\"\" for off".to_owned()));
    let all = match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.join(""),
    };
    format!("must be one of: {all}{near}")
}

/// A value of a wrong type.
pub(super) fn type_words(
    error: &TypeError<'_>,
    shape: &Shape,
    path: &[String],
    value: Option<&DeValue<'_>>,
) -> String {
    let TypeError::WrongType { given, expected } = error else {
        return match error {
            TypeError::Other(words) => (*words).to_owned(),
            _ => "must be a text in quotes".to_owned(),
        };
    };
    let example = shape.example(path).map(|example| format!(", such as {example}"));
    let example = example.unwrap_or_default();
    let name = path.join(".");
    match *expected {
        "a string" if matches!(value, Some(DeValue::Table(_))) => {
            format!(
                "must be a text in quotes{example}, and not a table; if a name contains a dot, quote the whole name, as in \"a.b\" = \"text\""
            )
        }
        "a string" => format!("must be a text in quotes{example}"),
        "a boolean" => "must be true or false, without quotes".to_owned(),
        "a sequence" if matches!(value, Some(DeValue::Table(_))) && example.contains('{') => {
            format!("must be a list{example}; as tables, write [[{name}]]")
        }
        "a sequence" => format!("must be a list{example}"),
        number if is_number(number) => number_words(given, &example),
        other if other.starts_with("struct ") || other == "a map" => {
            if example.is_empty() {
                format!("must be a table: write [{name}], and its settings on the lines below")
            } else {
                format!("must be a table{example}")
            }
        }
        other => format!("must be {other}"),
    }
}

fn is_number(expected: &str) -> bool {
    ["usize", "u64", "u32", "u16", "u8"].contains(&expected)
}

fn number_words(given: &str, example: &str) -> String {
    let is_whole = given.starts_with("integer `");
    if is_whole && !given.starts_with("integer `-") {
        return "is too large".to_owned();
    }
    let quotes = if given.starts_with("string ") { ", without quotes" } else { "" };
    format!("must be a whole number, 0 or more{quotes}{example}")
}
