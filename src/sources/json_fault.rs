//! Why a body is not JSON.

use std::fmt;

use super::json_text::bare_words;

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
    ("trailing characters", "extra text after the end of the JSON"),
    ("recursion limit exceeded", "lists or objects nested too deeply"),
    ("key must be a string", "a key without quotation marks"),
    ("expected `:`", "a key without a colon"),
    ("expected `,` or `}`", "an object without a comma or closing brace"),
    ("expected `,` or `]`", "a list without a comma or closing bracket"),
    ("expected ident", "a word that JSON does not allow"),
];

impl Fault {
    /// The fault that stopped the parser.
    pub(super) fn find(body: &[u8], error: &serde_json::Error) -> Self {
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
