//! Cleans text from any origin, so that it can be stored, compared and shown.

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;
use unicode_normalization::UnicodeNormalization;

use super::placeholder::{ValueKind, is_placeholder};

/// The longest stored name, attribute or message, in characters.
pub const MAX_CHARS: usize = 1_000;

/// Removes characters that agents cannot read and Postgres cannot store (control characters, bidirectional overrides),
/// folds white space into single spaces, and cuts after [`MAX_CHARS`].
#[must_use]
pub fn clean(raw: &str) -> String {
    clean_but(raw, None)
}

/// Like [`clean`], but keeps one character that it would remove.
#[must_use]
pub fn clean_but(raw: &str, kept: Option<char>) -> String {
    let mut out = String::with_capacity(raw.len().min(MAX_CHARS));
    let mut length = 0_usize;
    let mut space = false;
    for c in raw.chars() {
        if c.is_whitespace() {
            space = !out.is_empty();
        } else if !is_unreadable(c) || kept == Some(c) {
            if length >= MAX_CHARS {
                break;
            }
            if space {
                out.push(' ');
                length = length.saturating_add(1);
                space = false;
            }
            out.push(c);
            length = length.saturating_add(1);
        }
    }
    out
}

/// The longest id of a source, in characters: the limit of `primaryID`.
pub const MAX_ID_CHARS: usize = 128;

/// An id in comparable form. `None` if it is a placeholder or not a possible id.
#[must_use]
pub fn id(raw: &str) -> Option<String> {
    Some(canonical_id(raw)).filter(|id| is_possible_id(raw) && !is_placeholder(ValueKind::Id, id))
}

/// Whether an id can be looked up: it is not too long, and has no control characters. Removing those would make it
/// another id.
#[must_use]
pub fn is_possible_id(raw: &str) -> bool {
    let raw = trimmed(raw);
    !raw.contains(char::is_control)
        && visible(raw).chars().count() <= MAX_ID_CHARS
        && raw.len() <= MAX_CHARS
}

/// Removes blanks and control characters at both ends.
#[must_use]
pub fn trimmed(raw: &str) -> &str {
    raw.trim_matches(|c: char| c.is_whitespace() || c.is_control())
}

/// An id in canonical form: UUIDs in lower case and without braces, also after the name of a kind (`omneo.profile:`).
/// Whole numbers lose the `.0` of a float.
#[must_use]
pub fn canonical_id(raw: &str) -> String {
    let visible = visible(raw);
    let id = if visible.is_ascii() { visible } else { visible.nfc().collect() };
    let bare = id
        .strip_prefix('{')
        .and_then(|id| id.strip_suffix('}'))
        .filter(|id| is_uuid(id))
        .unwrap_or(&id);
    let (kind, last) = bare.rsplit_once(':').map_or(("", bare), |(kind, last)| (kind, last));
    if is_uuid(last) {
        let uuid = last.to_ascii_lowercase();
        return if kind.is_empty() || kind.eq_ignore_ascii_case("urn:uuid") {
            uuid
        } else {
            format!("{kind}:{uuid}")
        };
    }
    let whole = bare
        .strip_suffix(".0")
        .filter(|whole| !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit()));
    whole.unwrap_or(bare).to_owned()
}

fn is_uuid(text: &str) -> bool {
    let groups = [8, 4, 4, 4, 12];
    let is_group = |(group, length): (&str, usize)| {
        group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    text.split('-').count() == groups.len() && text.split('-').zip(groups).all(is_group)
}

/// Like [`clean`], but also removes invisible characters (Unicode's Default_Ignorable_Code_Point). Used for everything
/// that is compared.
#[must_use]
pub fn visible(raw: &str) -> String {
    if raw.is_ascii() {
        return clean(raw);
    }
    clean(&raw.chars().filter(|c| !is_invisible(*c)).collect::<String>())
}

/// Whether a character is invisible (Unicode's Default_Ignorable_Code_Point).
#[must_use]
pub fn is_invisible(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a character must be removed. Bidirectional overrides and isolates can make a line of the timeline show other
/// text than it contains (CVE-2021-42574), so they are removed together with the control characters.
fn is_unreadable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Like [`clean`]. `None` if nothing is left.
#[must_use]
pub fn non_empty(raw: &str) -> Option<String> {
    let cleaned = clean(raw);
    (!cleaned.is_empty()).then_some(cleaned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_overrides_go_and_the_text_stays() {
        assert_eq!(clean("  a\u{0}b\t\n c\u{202E}d "), "ab cd");
        assert_eq!(clean("محمد 🌻"), "محمد 🌻");
        assert_eq!(non_empty(" \u{0} "), None);
    }

    #[test]
    fn a_very_long_text_is_cut_on_a_character() {
        assert_eq!(clean(&"é".repeat(5_000)).chars().count(), MAX_CHARS);
    }

    #[test]
    fn ids_have_one_form() {
        for (raw, id) in [
            ("D290F1EE-6C54-4B01-90E6-D701748F0851", Some("d290f1ee-6c54-4b01-90e6-d701748f0851")),
            (
                "{D290F1EE-6C54-4B01-90E6-D701748F0851}",
                Some("d290f1ee-6c54-4b01-90e6-d701748f0851"),
            ),
            (
                "urn:uuid:D290F1EE-6C54-4B01-90E6-D701748F0851",
                Some("d290f1ee-6c54-4b01-90e6-d701748f0851"),
            ),
            (
                "omneo:D290F1EE-6C54-4B01-90E6-D701748F0851",
                Some("omneo:d290f1ee-6c54-4b01-90e6-d701748f0851"),
            ),
            ("NL-2026-00042", Some("NL-2026-00042")),
            ("AbC", Some("AbC")),
            ("770002.0", Some("770002")),
            ("1.10", Some("1.10")),
            ("v1.0", Some("v1.0")),
            (" 42\u{200b}\u{200e} ", Some("42")),
            ("42\u{0}", Some("42")),
            ("4\u{0}2", None),
            ("e\u{301}", Some("\u{e9}")),
            ("CONTACT-undefined", None),
            ("user_null", None),
            ("ORD-NULL-5", Some("ORD-NULL-5")),
            ("undefined", None),
            ("00000000-0000-0000-0000-000000000000", None),
            ("0.0", None),
            ("", None),
        ] {
            assert_eq!(super::id(raw).as_deref(), id, "{raw}");
        }
        assert_eq!(super::id(&"x".repeat(129)), None);
    }

    #[test]
    fn nothing_invisible_is_left() {
        for c in [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{2060}',
            '\u{2064}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{e0020}',
        ] {
            assert_eq!(visible(&format!("{c}a{c}b{c}")), "ab", "{c:?}");
        }
        assert_eq!(visible("é ß 用户"), "é ß 用户");
    }
}
