//! Mistakes of syntax in the settings file, in plain words. A message never repeats a value: it may be a secret.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeValue, Error};

use super::document::{Document, KeyPath};
use super::mistake::Mistake;
use super::repair::{COMMENT, Repair, endless};

/// A mistake of syntax.
struct Found {
    line: usize,
    offset: Option<usize>,
    /// Whether the value of the key is lost. Then other mistakes of the key are consequences.
    loses_value: bool,
    /// The parser sometimes reports a mistake twice. On one line, the lowest rank is the clearest message.
    rank: u8,
    what: String,
}

/// The mistakes of syntax, at most one for each line. Their lines count as uncertain. `repairs` are the
/// mistakes that are not in the document any more.
pub(super) fn syntax_mistakes(
    document: &mut Document<'_>,
    errors: &[Error],
    repairs: &[Repair],
) -> Vec<Mistake> {
    let mut of_lines: BTreeMap<usize, Found> = BTreeMap::new();
    for found in found(document, errors, repairs) {
        if of_lines.get(&found.line).is_none_or(|other| found.rank < other.rank) {
            of_lines.insert(found.line, found);
        }
    }
    let mut mistakes = Vec::new();
    for (line, found) in of_lines {
        let key = key_at(document, line, found.offset);
        if let Some(key) = key.as_ref().filter(|_| found.loses_value) {
            document.mark_reported(key.clone());
        }
        document.distrust(line);
        let path = Some(document.path.to_owned());
        mistakes.push(Mistake { path, line: Some(line), key, what: found.what });
    }
    mistakes
}

/// The mistakes that are no consequence of a list without an end, which contains the rest of the file.
fn found(document: &Document<'_>, errors: &[Error], repairs: &[Repair]) -> Vec<Found> {
    let endless = errors.iter().find_map(|error| {
        let (sign, list) = endless(document, error)?;
        Some((without_end(document.line_of(list.start), sign, document), list.start))
    });
    let start = endless.as_ref().map_or(usize::MAX, |(_, start)| *start);
    errors
        .iter()
        .map(|error| in_words(document, error))
        .filter(|found| found.offset.is_some_and(|offset| offset < start))
        .chain(endless.map(|(found, _)| found))
        .chain(repairs.iter().map(|repair| repaired(document, repair)))
        .collect()
}

fn repaired(document: &Document<'_>, repair: &Repair) -> Found {
    if repair.sign != COMMENT {
        return without_end(repair.line, repair.sign, document);
    }
    let line = document.line(repair.line).trim_start_matches(COMMENT).trim();
    let what = without_value(line).to_owned();
    Found { line: repair.line, offset: None, loses_value: true, rank: 0, what }
}

fn without_end(line: usize, sign: &str, document: &Document<'_>) -> Found {
    let what = if sign.starts_with('[') {
        format!("`{sign}` is missing at the beginning of the line")
    } else if document.line(line).trim_start().starts_with('[') {
        format!("`{sign}` is missing at the end of the line")
    } else {
        format!("`{sign}` is missing: what begins on this line has no end")
    };
    Found { line, offset: None, loses_value: false, rank: 0, what }
}

fn in_words(document: &Document<'_>, error: &Error) -> Found {
    let span = error.span().unwrap_or_default();
    let line = document.line_of(span.start);
    let text = document.line(line).trim();
    let after = document.text.get(span.start..).unwrap_or_default();
    let message = error.message();
    let (rank, what) = if message == "duplicate key" {
        (0, duplicate(document, &span, line))
    } else {
        words(message, text, after, span.is_empty())
    };
    let loses_value = !text.starts_with('[');
    Found { line, offset: Some(span.start), loses_value, rank, what }
}

/// The message of the parser, the line, the text from the mistake on, and whether there is no text at all.
fn words(message: &str, line: &str, after: &str, is_empty: bool) -> (u8, String) {
    let starts = |start: &str| message.starts_with(start);
    let plain = |what: &str| (0, what.to_owned());
    if starts("unclosed") {
        plain("a closing bracket is missing")
    } else if starts("string values must be quoted") && is_empty {
        (
            1,
            "the value after `=` is missing; write a text in quotes, as in name = \"value\""
                .to_owned(),
        )
    } else if starts("string values must be quoted") && after.starts_with(['“', '”', '‘', '’', '„'])
    {
        (1, "a text must be in straight quotes, as in name = \"value\"".to_owned())
    } else if starts("string values must be quoted")
        || starts("invalid float")
        || starts("invalid integer")
    {
        (
            1,
            "is neither a number nor a text; a text must be quoted, as in name = \"value\""
                .to_owned(),
        )
    } else if starts("invalid boolean") {
        plain("must be true or false, in lower-case letters and without quotes")
    } else if starts("invalid multi-line") {
        plain("the text has no end: three quotes are missing after it")
    } else if starts("invalid basic string") || starts("invalid literal string") {
        plain("the text has no end: the closing quote is missing")
    } else if starts("missing escaped value") {
        plain(
            "after \\ only b, e, f, n, r, t, x, u, U, \\ and \" may follow; write \\\\ for a backslash, or the text in single quotes",
        )
    } else if starts("unexpected key or value") && after.starts_with(',') {
        plain("there is one comma too many: a setting ends at the end of its line")
    } else if starts("unexpected key or value") && line.starts_with('[') {
        plain("there is something after the name of the table; its settings begin on the next line")
    } else if starts("unexpected key or value") {
        plain(
            "there is something after the value; each setting has its own line, and a text that contains \" is written in single quotes",
        )
    } else if starts("key with no value") {
        plain(without_value(line))
    } else if starts("missing comma") {
        plain("a comma is missing before this value")
    } else if starts("extra comma") {
        plain("there is one comma too many")
    } else if starts("invalid unquoted key") {
        let what = "a name has only letters without accents, digits, - and _; any other name must be quoted";
        (2, format!("{what}{}", placeholder_hint(line)))
    } else if starts("unquoted keys cannot be empty") {
        plain("the name before `=` is missing")
    } else if starts("unexpected leading zero") {
        plain("a number may not begin with 0")
    } else if starts("`_` may only go between digits") {
        plain("in a number, _ may only be between two digits")
    } else if starts("invalid key-value pair") {
        plain("is not TOML: a setting has the form name = value")
    } else {
        (1, format!("is not valid TOML: {}", message.replace('\n', " ")))
    }
}

fn without_value(line: &str) -> &'static str {
    if line.starts_with("//") || line.starts_with(';') || line.starts_with("--") {
        "a comment begins with #"
    } else if line.contains(':') {
        "a setting has the form name = value, with = and not with a colon"
    } else {
        "`=` is missing: a setting has the form name = value"
    }
}

fn placeholder_hint(line: &str) -> &'static str {
    if line.contains('<') && line.contains('>') {
        ". Replace the placeholder in < > with your own name"
    } else {
        ""
    }
}

/// A table or setting that exists twice. Names the line of the first one.
fn duplicate(document: &Document<'_>, span: &Range<usize>, line: usize) -> String {
    let name = document.text.get(span.clone()).unwrap_or_default();
    let text = document.line(line).trim();
    let header = text.starts_with('[').then(|| header_of(text));
    let earlier = (1..line).rev().map(|number| (number, document.line(number).trim()));
    let first = match header {
        Some(ref header) => earlier
            .filter(|(_, text)| text.starts_with('['))
            .rfind(|(_, text)| header_of(text) == *header),
        None => earlier
            .take_while(|(_, text)| !text.starts_with('['))
            .find(|(_, text)| text.split('=').next().is_some_and(|key| key.trim() == name)),
    };
    let first = first
        .map(|(number, _)| format!("; the first time is on line {number}"))
        .unwrap_or_default();
    if header.is_some() {
        format!("the table exists twice{first}. Put all its settings below one of the two lines")
    } else {
        format!("is set twice{first}. Remove one of the two")
    }
}

/// `server` for `[server] # Addresses`.
fn header_of(line: &str) -> String {
    let inner = line.trim_start_matches('[').split(']').next().unwrap_or_default();
    inner.split_whitespace().collect()
}

/// The key of a mistake: from the document, else from the beginning of the line and the header above it.
fn key_at(document: &Document<'_>, line: usize, offset: Option<usize>) -> Option<String> {
    let text = document.line(line).trim_start_matches(COMMENT).trim();
    if text.starts_with('[') {
        let end = text.find(']').map_or(text.len(), |end| end.saturating_add(1));
        return text.get(..end).filter(|header| !header.contains('=')).map(str::to_owned);
    }
    let is_here = |path: &KeyPath| {
        document.value(path).is_some_and(|value| !matches!(value.get_ref(), DeValue::Table(_)))
    };
    let path = offset.and_then(|offset| document.path_at(&(offset..usize::MAX)));
    if let Some(path) = path.filter(is_here) {
        return Some(document.key_of(&path));
    }
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name: String = text.chars().take_while(|c| is_part(*c)).collect();
    let above = document.text.lines().take(line.saturating_sub(1)).collect::<Vec<_>>();
    let header = above.into_iter().rev().map(str::trim).find(|text| text.starts_with('['));
    let table = header.map(header_of).unwrap_or_default();
    let parts = [table, name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    (!parts.is_empty()).then(|| parts.join("."))
}
