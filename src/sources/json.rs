//! JSON as it arrives. Harmless faults are repaired before parsing, and numbers keep their digits. Other faults
//! are reported exactly, without any content.

use std::fmt;

use super::{Unreadable, lone_surrogates};

/// Parses a body. It repairs texts that were cut in the middle of an emoji, removes a byte order mark, and
/// turns numbers with more digits than a float keeps into texts.
///
/// # Errors
/// When it is not JSON.
pub fn json(body: &[u8]) -> Result<serde_json::Value, Unreadable> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let quoted = with_large_numbers(body, |number| [b"\"", number, b"\""].concat());
    let exact = quoted.as_deref().unwrap_or(body);
    let mended =
        || lone_surrogates::replaced(exact).and_then(|body| serde_json::from_slice(&body).ok());
    serde_json::from_slice(exact)
        .or_else(|error| mended().ok_or(error))
        .map_err(|error| Unreadable::NotJson(Fault::find(body, &error)))
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a body is not JSON, and where. It never contains content of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    what: &'static str,
    at: Option<usize>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        self.at.map_or(Ok(()), |at| write!(f, " at byte {at}"))
    }
}

/// Words that programs write although JSON does not have them.
const FOREIGN_WORDS: [&str; 12] = [
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "inf",
    "-inf",
    "undefined",
    "None",
    "True",
    "False",
    "NULL",
    "nil",
];

/// First characters of other formats.
const OTHER_FORMATS: [(&str, &str); 6] = [
    ("<!doctype html", "it is an HTML page"),
    ("<html", "it is an HTML page"),
    ("<?xml", "it is XML"),
    ("<", "it is HTML or XML"),
    ("--", "it is a multipart form"),
    ("%pdf", "it is a PDF file"),
];

/// Messages of the parser, which are about grammar only, and their plain form. Others get a general text.
const GRAMMAR: [(&str, &str); 13] = [
    ("trailing comma", "a comma before the end of a list or object"),
    ("control character", "a control character in a text"),
    ("invalid escape", "an unknown escape sequence"),
    ("invalid unicode code point", "bytes that are not UTF-8"),
    ("invalid number", "a number in a form that JSON does not allow"),
    ("number out of range", "a number that is too large"),
    ("trailing characters", "extra text after its end"),
    ("recursion limit exceeded", "lists or objects nested too deeply"),
    ("key must be a string", "a key without quotation marks"),
    ("expected `:`", "a key without a colon"),
    ("expected `,` or `}`", "an object without a comma or closing brace"),
    ("expected `,` or `]`", "a list without a comma or closing bracket"),
    ("expected ident", "a word that JSON does not allow"),
];

impl Fault {
    fn find(body: &[u8], error: &serde_json::Error) -> Self {
        let start = body.iter().position(|byte| !byte.is_ascii_whitespace());
        let Some(start) = start else { return Self { what: "it is empty", at: None } };
        if let Err(error) = std::str::from_utf8(body) {
            return Self { what: "bytes that are not UTF-8", at: Some(error.valid_up_to()) };
        }
        let head: String = body
            .iter()
            .skip(start)
            .take(16)
            .map(|byte| char::from(byte.to_ascii_lowercase()))
            .collect();
        if let Some((_, what)) =
            OTHER_FORMATS.into_iter().find(|(beginning, _)| head.starts_with(beginning))
        {
            return Self { what, at: None };
        }
        let word = bare_words(body).find_map(|(at, word)| {
            FOREIGN_WORDS.into_iter().find(|known| known.as_bytes() == word).map(|what| (at, what))
        });
        let at = offset(body, error.line(), error.column());
        match word {
            Some((word_at, what)) if word_at <= at => Self { what, at: Some(word_at) },
            _ if error.is_eof() => Self { what: "it ends too early", at: Some(body.len()) },
            _ => {
                let message = error.to_string();
                let known =
                    GRAMMAR.into_iter().find(|(beginning, _)| message.starts_with(beginning));
                Self {
                    what: known.map_or("no value where one is expected", |(_, what)| what),
                    at: Some(at),
                }
            }
        }
    }
}

/// The byte at a line and column, which count from 1.
fn offset(body: &[u8], line: usize, column: usize) -> usize {
    let breaks = body
        .iter()
        .zip(0_usize..)
        .filter(|(byte, _)| **byte == b'\n')
        .map(|(_, at)| at.saturating_add(1));
    let start = std::iter::once(0).chain(breaks).nth(line.saturating_sub(1)).unwrap_or_default();
    start.saturating_add(column.saturating_sub(1)).min(body.len())
}

/// Everything outside of texts that is not punctuation, with its position: numbers and words.
pub(super) fn bare_words(body: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        loop {
            let rest = body.get(at..).filter(|rest| !rest.is_empty())?;
            let length = match rest.first()? {
                b'"' => text_length(rest),
                byte if is_bare(*byte) => {
                    rest.iter().position(|byte| !is_bare(*byte)).unwrap_or(rest.len())
                }
                _ => 1,
            };
            let word = (at, rest.get(..length)?);
            at = at.saturating_add(length);
            if rest.first().copied().is_some_and(is_bare) {
                return Some(word);
            }
        }
    })
}

const fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// The length of the text that begins here, including its quotation marks.
fn text_length(json: &[u8]) -> usize {
    let mut escaped = false;
    let end = json.iter().skip(1).position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    });
    end.map_or(json.len(), |at| at.saturating_add(2))
}

/// Replaces each number that a float would change or write differently; `None` if there is no such number.
pub(super) fn with_large_numbers(
    json: &[u8],
    replace: impl Fn(&[u8]) -> Vec<u8>,
) -> Option<Vec<u8>> {
    let large: Vec<(usize, &[u8])> = bare_words(json).filter(|(_, word)| is_large(word)).collect();
    if large.is_empty() {
        return None;
    }
    let (mut out, mut done) = (Vec::with_capacity(json.len()), 0_usize);
    for (at, word) in large {
        out.extend_from_slice(json.get(done..at).unwrap_or_default());
        out.extend(replace(word));
        done = at.saturating_add(word.len());
    }
    out.extend_from_slice(json.get(done..).unwrap_or_default());
    Some(out)
}

/// A float (IEEE 754 binary64) keeps at least this many digits.
const KEPT_DIGITS: usize = 15;

fn is_large(word: &[u8]) -> bool {
    let has_exponent = word.iter().any(|byte| matches!(byte, b'e' | b'E'));
    let Some(text) = std::str::from_utf8(word)
        .ok()
        .filter(|text| (text.len() > KEPT_DIGITS || has_exponent) && is_number(text))
    else {
        return false;
    };
    if !text.contains(['.', 'e', 'E']) {
        return text.parse::<i64>().is_err() && text.parse::<u64>().is_err();
    }
    let Ok(float) = text.parse::<f64>() else { return false };
    let significant =
        text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
    let trimmed = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    // A number with an exponent would be written differently.
    has_exponent || (significant > KEPT_DIGITS && trimmed(&float.to_string()) != trimmed(text))
}

/// Whether a text is a JSON number (RFC 8259, section 6).
pub(super) fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = text
        .split_once(['e', 'E'])
        .map_or((text, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let (whole, fraction) = mantissa
        .split_once('.')
        .map_or((mantissa, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn fault(body: &str) -> String {
        json(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn numbers_keep_their_digits() {
        for (number, expected) in [
            ("5", "5"),
            ("-12.5", "-12.5"),
            ("9007199254740993", "9007199254740993"),
            ("18446744073709551615", "18446744073709551615"),
            ("89314404000123456701", "\"89314404000123456701\""),
            ("1e400", "\"1e400\""),
            ("-1E+400", "\"-1E+400\""),
            ("1e-400", "\"1e-400\""),
            ("1e21", "\"1e21\""),
            ("0.1234567890123456789", "\"0.1234567890123456789\""),
            ("12345678901234567890.5", "\"12345678901234567890.5\""),
            ("770002.0", "770002.0"),
            ("0.30000000000000004", "0.30000000000000004"),
        ] {
            let body = format!("{{\"a\": [{number}, \"{number} \\\" 1e400\"]}}");
            assert_eq!(json(body.as_bytes()).unwrap()["a"][0].to_string(), expected);
            assert_eq!(
                json(body.as_bytes()).unwrap()["a"][1],
                format!("{number} \" 1e400"),
                "texts stay as they are"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said_exactly_and_without_the_content() {
        for (body, what) in [
            ("", "the body is not JSON: it is empty"),
            ("{\"points\": NaN}", "the body is not JSON: NaN at byte 11"),
            ("{\"points\": -Infinity}", "the body is not JSON: -Infinity at byte 11"),
            ("{\"name\": undefined}", "the body is not JSON: undefined at byte 9"),
            ("{\"a\": \"NaN\", \"b\": None}", "the body is not JSON: None at byte 18"),
            (
                "{\"a\": 1,}",
                "the body is not JSON: a comma before the end of a list or object at byte 8",
            ),
            ("{\"a\": 1", "the body is not JSON: it ends too early at byte 7"),
            (
                "{\"a\": 01}",
                "the body is not JSON: a number in a form that JSON does not allow at byte 7",
            ),
            ("{a: 1}", "the body is not JSON: a key without quotation marks at byte 1"),
            ("{\"a\": \"x\ty\"}", "the body is not JSON: a control character in a text at byte 8"),
            ("{\"a\": \"\\x\"}", "the body is not JSON: an unknown escape sequence at byte 8"),
            ("{\"a\": 1} {}", "the body is not JSON: extra text after its end at byte 9"),
            ("{\"a\" 1}", "the body is not JSON: a key without a colon at byte 5"),
            ("<!DOCTYPE html><html>anna@example.org", "the body is not JSON: it is an HTML page"),
            ("<?xml version=\"1.0\"?>", "the body is not JSON: it is XML"),
            (
                "email=anna%40example.org",
                "the body is not JSON: no value where one is expected at byte 0",
            ),
        ] {
            assert_eq!(fault(body), what, "{body}");
        }
        assert_eq!(
            json(b"{\"a\": \"\xff\"}").unwrap_err().to_string(),
            "the body is not JSON: bytes that are not UTF-8 at byte 7"
        );
        assert!(
            fault(&"[".repeat(500)).ends_with("lists or objects nested too deeply at byte 127"),
            "{}",
            fault(&"[".repeat(500))
        );
    }

    #[test]
    fn what_is_harmless_is_put_right() {
        for body in [
            &b"\xef\xbb\xbf{\"a\":\"x\"}"[..],
            b"{\"a\":\"x\\ud83d\"}",
            b"{\"a\":\"x\",\"b\":1e999}",
        ] {
            assert!(json(body).unwrap()["a"].as_str().unwrap().starts_with('x'));
        }
    }

    proptest! {
        #[test]
        fn every_number_is_the_number_that_was_sent(whole in "-?(0|[1-9][0-9]{0,30})", fraction in "(\\.[0-9]{1,25})?", exponent in "([eE][+-]?[0-9]{1,4})?") {
            let number = format!("{whole}{fraction}{exponent}");
            let read = json(number.as_bytes()).unwrap();
            let is_kept = match &read {
                Value::String(text) => *text == number,
                Value::Number(kept) => kept.to_string().parse::<f64>().unwrap() == number.parse::<f64>().unwrap(),
                _ => false,
            };
            prop_assert!(is_kept, "{number} became {read}");
        }

        #[test]
        fn hostile_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..80), text in "[\\[\\]{},:\"\\\\ a-zA-Z0-9.eE+-]{0,60}") {
            for body in [body, text.into_bytes()] {
                let as_it_is = serde_json::from_slice::<Value>(&body).is_ok();
                prop_assert!(json(&body).is_ok() || !as_it_is);
            }
        }
    }
}
