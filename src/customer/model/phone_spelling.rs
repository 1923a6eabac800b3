//! Common spellings of phone numbers: text only, without a numbering plan.

use dec_from_char::DecimalExtended;
use unicode_normalization::UnicodeNormalization;

use super::text;

/// The text in ASCII digits. Removes invisible characters, marks that programs add (quotation marks, `tel:`), and
/// brackets around the country code.
pub(crate) fn plain(raw: &str) -> String {
    let digit = |c: char| {
        c.to_decimal_utf8().and_then(|digit| char::from_digit(u32::from(digit), 10)).unwrap_or(c)
    };
    // A numeric character that is not a digit (`²`, `½`, `Ⅻ`) must not become a digit.
    let is_other_number = |c: char| c.is_numeric() && c.to_decimal_utf8().is_none();
    let visible: String = text::visible(raw)
        .chars()
        .map(|c| if is_other_number(c) { char::REPLACEMENT_CHARACTER } else { c })
        .nfkc()
        .map(digit)
        .map(|c| {
            if c == '[' {
                '('
            } else if c == ']' {
                ')'
            } else {
                c
            }
        })
        .collect();
    let around = |c: char| {
        c.is_whitespace()
            || matches!(c, '\'' | '"' | '’' | '‘' | '“' | '”' | '`' | '=' | ';' | ',' | '.')
    };
    let spelling = without_label(visible.trim_matches(around)).trim_matches(around);
    match spelling.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((code, rest))
            if code.trim_start().starts_with('+') || code.trim_start().starts_with("00") =>
        {
            format!("{}{rest}", code.trim_start())
        }
        _ => spelling.to_owned(),
    }
}

/// Labels before a number.
const LABELS: [&str; 22] = [
    "telephone",
    "telefoon",
    "telefon",
    "téléphone",
    "phone",
    "mobile",
    "mobiel",
    "mobil",
    "handy",
    "whatsapp",
    "callto",
    "gsm",
    "tel",
    "cell",
    "mob",
    "sms",
    "thuis",
    "werk",
    "home",
    "work",
    "wa",
    "fon",
];

fn without_label(spelling: &str) -> &str {
    let end = spelling.find(|c: char| !c.is_alphabetic()).unwrap_or(spelling.len());
    let Some((label, rest)) = spelling.split_at_checked(end) else { return spelling };
    if LABELS.contains(&label.to_lowercase().as_str()) {
        rest.trim_start_matches([':', '.', ' '])
    } else {
        spelling
    }
}

/// Removes the `.0` of a number that was stored as a float. `None` if the zeros may be digits of the number.
pub(crate) fn without_float(spelling: &str) -> Option<&str> {
    let Some((whole, fraction)) = spelling.rsplit_once('.') else { return Some(spelling) };
    let is_bare =
        whole.strip_prefix('+').unwrap_or(whole).bytes().all(|byte| byte.is_ascii_digit());
    let is_float = whole.len() > 5 && is_bare;
    let are_zeros = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    match fraction {
        "0" if is_float => Some(whole),
        // A group of zeros is part of the number (`01.42.68.53.00`), unless all before it is one group: then it may be a float.
        _ if are_zeros && (fraction.len() == 1 || is_bare) => None,
        _ => Some(spelling),
    }
}

/// The digits of a spelling. `None` if it contains anything but usual separators between them.
pub(crate) fn digits_of(spelling: &str) -> Option<String> {
    let punctuation = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '-' | '.' | '(' | ')' | '/' | '~' | '\u{2010}'
                    ..='\u{2015}' | '\u{2212}' | '\u{30fc}'
            )
    };
    spelling
        .chars()
        .all(|c| c.is_ascii_digit() || punctuation(c))
        .then(|| spelling.chars().filter(char::is_ascii_digit).collect())
}

/// Labels before an extension. Each may have a dot or a colon behind it.
const EXTENSIONS: [&str; 15] = [
    ";ext=",
    "extension",
    "extensie",
    "durchwahl",
    "toestel",
    "poste",
    "ext",
    "extn",
    "tst",
    "dw",
    "int",
    "x",
    "#",
    ",,",
    ",",
];

/// Splits a text into the number and its extension. A comma with digits directly behind it means a pause in dialling.
pub(crate) fn split_extension(spelling: &str) -> Option<(&str, String)> {
    let lower = spelling.to_ascii_lowercase();
    let digits_at = lower
        .trim_end_matches('#')
        .rfind(|c: char| !c.is_ascii_digit())
        .map(|at| at.saturating_add(1))?;
    let extension = lower.trim_end_matches('#').get(digits_at..)?;
    let before = lower.get(..digits_at)?;
    let is_short = (1..=7).contains(&extension.len());
    let marked = |marker: &str| {
        let before = if marker.ends_with(',') || marker.ends_with('=') {
            before
        } else {
            before.trim_end_matches(['.', ':', ' ', '='])
        };
        before.strip_suffix(marker)
    };
    let line = EXTENSIONS.iter().find_map(|marker| marked(marker)).filter(|_| is_short)?;
    let line = spelling.get(..line.len())?.trim_end_matches([' ', ',', ';', '.', '-', '(']);
    (line.bytes().filter(u8::is_ascii_digit).count() >= 6).then(|| (line, extension.to_owned()))
}

/// The parts of a list, separated by commas and similar signs, by words, and before each plus.
pub(crate) fn parts(spelling: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for word in spelling.replace(['\\', '|', ';', ',', '&'], " , ").split_whitespace() {
        let separates = [",", "of", "or", "oder", "en", "and", "und", "et", "y"]
            .contains(&word.to_lowercase().as_str());
        if separates || word.starts_with('+') {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut().filter(|_| !separates) {
            part.push_str(word);
            part.push(' ');
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}
