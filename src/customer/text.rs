//! Text as it may come from anywhere, made fit to be stored, compared and shown.

/// The longest name, attribute or message that is kept, in characters.
pub const MAX_CHARS: usize = 1_000;

/// Removes what no agent can read and Postgres can't store (control characters, bidirectional overrides),
/// folds white space into single spaces, and cuts after [`MAX_CHARS`].
#[must_use]
pub fn clean(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len().min(MAX_CHARS));
    let mut length = 0_usize;
    let mut space = false;
    for c in raw.chars() {
        if c.is_whitespace() {
            space = !out.is_empty();
        } else if !is_unreadable(c) {
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

/// The longest id of a source, in characters: what `primaryID` can ask for.
pub const MAX_ID_CHARS: usize = 128;

/// An id, unless nothing is left of it or it is too long to be one.
#[must_use]
pub fn id(raw: &str) -> Option<String> {
    non_empty(raw).filter(|id| id.chars().count() <= MAX_ID_CHARS)
}

/// Bidirectional overrides and isolates could make a line of the timeline show something it does not say
/// (CVE-2021-42574), so they go together with the control characters.
fn is_unreadable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Like [`clean`], but nothing left counts as nothing said.
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
}
