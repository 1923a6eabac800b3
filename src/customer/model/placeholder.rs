//! Placeholders that software writes for missing values. This is the only list: such a value counts as empty.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// What a value is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A part of a person's name.
    Name,
    /// The id of a record, an event, a delivery, or a reference to one.
    Id,
    /// An e-mail address, a phone number or a social account.
    Address,
}

/// Words that mean "no value" for every kind of value, in lower case, without brackets and quotation marks.
const ALWAYS: [&str; 24] = [
    "null",
    "undefined",
    "none",
    "n/a",
    "#n/a",
    "n.a.",
    "n.a",
    "unknown",
    "not available",
    "not applicable",
    "not set",
    "not provided",
    "no value",
    "object object",
    "onbekend",
    "nvt",
    "n.v.t.",
    "unbekannt",
    "inconnu",
    "desconocido",
    "tbd",
    "tbc",
    "\\n",
    "0",
];

/// Words that mean "no value" for some kinds only: Nil, Nan and Na are also names.
const SOMETIMES: [(&str, &[ValueKind]); 29] = [
    ("klant", &[ValueKind::Name]),
    ("nieuwe klant", &[ValueKind::Name]),
    ("kunde", &[ValueKind::Name]),
    ("customer", &[ValueKind::Name]),
    ("new customer", &[ValueKind::Name]),
    ("bezoeker", &[ValueKind::Name]),
    ("visitor", &[ValueKind::Name]),
    ("unknown caller", &[ValueKind::Name]),
    ("nil", &[ValueKind::Id, ValueKind::Address]),
    ("na", &[ValueKind::Id, ValueKind::Address]),
    ("nan", &[ValueKind::Id, ValueKind::Address]),
    ("empty", &[ValueKind::Id, ValueKind::Address]),
    ("blank", &[ValueKind::Id]),
    ("false", &[ValueKind::Name, ValueKind::Id, ValueKind::Address]),
    ("true", &[ValueKind::Name, ValueKind::Id, ValueKind::Address]),
    ("-1", &[ValueKind::Id, ValueKind::Address]),
    ("anonymous", &[ValueKind::Name, ValueKind::Id, ValueKind::Address]),
    ("anoniem", &[ValueKind::Name, ValueKind::Id, ValueKind::Address]),
    ("guest", &[ValueKind::Id, ValueKind::Address]),
    ("no name", &[ValueKind::Name]),
    ("noname", &[ValueKind::Name]),
    ("gast", &[ValueKind::Id, ValueKind::Address]),
    ("leer", &[ValueKind::Id, ValueKind::Address]),
    ("no email", &[ValueKind::Address]),
    ("noemail", &[ValueKind::Address]),
    ("no phone", &[ValueKind::Address]),
    ("withheld", &[ValueKind::Address]),
    ("restricted", &[ValueKind::Address]),
    ("unavailable", &[ValueKind::Address]),
];

/// RFC 9562, section 5.10. The nil UUID consists of zeros, which are placeholders anyway.
const MAX_UUID: &str = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/// Whether a value of this kind is a placeholder.
#[must_use]
pub fn is_placeholder(kind: ValueKind, text: &str) -> bool {
    let word = word(text);
    if is_nothing(text, &word) {
        return true;
    }
    let is_number = matches!(kind, ValueKind::Id | ValueKind::Address)
        && word
            .trim_start_matches('+')
            .bytes()
            .all(|byte| matches!(byte, b'0' | b'-' | b'.' | b' '));
    is_number
        || (kind == ValueKind::Id && (word == MAX_UUID || is_unfilled(text)))
        || SOMETIMES.iter().any(|(known, kinds)| *known == word && kinds.contains(&kind))
}

/// Whether a value is a placeholder for every kind.
#[must_use]
pub fn is_no_value(text: &str) -> bool {
    is_nothing(text, &word(text))
}

/// Whether a word is `NaN`. Only programs write it in this way; a person is called Nan.
fn is_nothing(text: &str, word: &str) -> bool {
    let is_punctuation_only = text.chars().all(|c| c.is_whitespace() || is_punctuation(c));
    let is_of_programs = word.split_whitespace().all(|part| PROGRAMS.contains(&part));
    text == "NaN"
        || is_punctuation_only
        || ALWAYS.contains(&word)
        || is_of_programs
        || is_template(text)
}

/// Words that programs write and that are never names. They may occur twice, for both parts of a name.
const PROGRAMS: [&str; 2] = ["null", "undefined"];

/// Whether a program left out the value in a text, or inserted none: `CONTACT-undefined`.
fn is_unfilled(text: &str) -> bool {
    let last = text.trim().rsplit(['-', '_', ':', '/', '.']).next().unwrap_or_default();
    last == "NaN" || PROGRAMS.contains(&last.to_lowercase().as_str())
}

/// Whether the id of a lookup is an unfilled template. Omnidesk's own form is `[Number]`. In a value of a source, single
/// brackets are ordinary text.
#[must_use]
pub fn is_unfilled_lookup(text: &str) -> bool {
    is_template(text) || is_between(text.trim(), "[", "]")
}

/// Whether a text is an unfilled template: `{{contact.id}}`, `${id}`, `[[id]]`.
fn is_template(text: &str) -> bool {
    let text = text.trim();
    [("{{", "}}"), ("${", "}"), ("[[", "]]"), ("<%", "%>")]
        .iter()
        .any(|(start, end)| is_between(text, start, end))
}

fn is_between(text: &str, start: &str, end: &str) -> bool {
    text.starts_with(start) && text.ends_with(end)
}

/// The word in lower case, without brackets and quotation marks.
fn word(text: &str) -> String {
    let around = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '(' | ')'
                    | '['
                    | ']'
                    | '<'
                    | '>'
                    | '{'
                    | '}'
                    | '"'
                    | '\''
                    | '`'
                    | '“'
                    | '”'
                    | '‘'
                    | '’'
            )
    };
    let folded = if text.is_ascii() { Cow::Borrowed(text) } else { text.nfkc().collect() };
    folded.trim_matches(around).to_lowercase().replace(" / ", "/")
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '\u{2010}'..='\u{2027}' | '\u{2212}' | '·' | '¿' | '¡' | '«' | '»')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_software_writes_for_nothing_is_nothing() {
        for text in [
            "",
            " ",
            "null",
            "NULL",
            "(null)",
            "[null]",
            "<none>",
            "undefined",
            "None",
            "N/A",
            "#N/A",
            "n.a.",
            "Unknown",
            "0",
            "-",
            "--",
            ".",
            "...",
            "?",
            "—",
            "…",
            "[object Object]",
            "NaN",
            "\\N",
            "N / A",
            "ｎｕｌｌ",
            "TBD",
            "undefined undefined",
            "null null",
            "{{contact.name}}",
            "${name}",
            "[[name]]",
            "<% name %>",
        ] {
            for kind in [ValueKind::Name, ValueKind::Id, ValueKind::Address] {
                assert!(is_placeholder(kind, text), "{kind:?} {text}");
            }
        }
        for text in [
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            "0.0",
            "000",
            "-1",
            "nil",
            "nan",
            "CONTACT-undefined",
            "user_null",
            "order:NaN",
            "guest",
        ] {
            assert!(is_placeholder(ValueKind::Id, text), "{text}");
        }
        for text in ["+0000000000", "000-000-0000", "anonymous", "na"] {
            assert!(is_placeholder(ValueKind::Address, text), "{text}");
        }
    }

    #[test]
    fn a_lookup_by_an_unfilled_template_is_recognised() {
        for text in ["[Number]", "[]", "{{id}}", "${id}", "[[id]]", "<%= id %>", " ${id} "] {
            assert!(is_unfilled_lookup(text), "{text}");
        }
        for text in ["1", "[1", "1]", "{id}", "$id", "<id>", "null", ""] {
            assert!(!is_unfilled_lookup(text), "{text}");
        }
        assert!(!is_placeholder(ValueKind::Id, "[Number]"), "a source may write it");
    }

    #[test]
    fn what_somebody_may_be_called_is_something() {
        for (kind, text) in [
            (ValueKind::Name, "Na"),
            (ValueKind::Name, "Nil"),
            (ValueKind::Name, "Nan"),
            (ValueKind::Name, "O"),
            (ValueKind::Name, "X Æ A-12"),
            (ValueKind::Name, "Nullmeyer"),
            (ValueKind::Name, "🌻"),
            (ValueKind::Id, "10"),
            (ValueKind::Id, "test"),
            (ValueKind::Id, "a"),
            (ValueKind::Address, "+31612340001"),
            (ValueKind::Address, "null@example.org"),
        ] {
            assert!(!is_placeholder(kind, text), "{kind:?} {text}");
        }
    }
}
