//! Closes the tables and lists of the settings file that have no end, so that the rest of the file is checked too.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeValue, Error};

use super::document::Document;

/// The most places that are closed: a file with more is not a settings file.
const MAX_REPAIRS: usize = 20;

/// Something without an end.
pub(super) struct Unclosed {
    /// The line where it begins.
    pub(super) line: usize,
    /// What is missing.
    pub(super) sign: &'static str,
}

/// The text with the missing ends, and where something had none. The lines stay the same.
pub(super) fn close_all(text: &str, path: &Path) -> (String, Vec<Unclosed>) {
    let mut text = text.to_owned();
    let mut closed = Vec::new();
    for _ in 0..MAX_REPAIRS {
        let (document, errors) = Document::parse(&text, path);
        let Some((unclosed, place)) = errors.iter().find_map(|error| {
            header_without_end(&document, error)
                .or_else(|| list_without_end(&document, error, &errors))
        }) else {
            break;
        };
        let mut repaired = text.clone();
        repaired.insert_str(place, unclosed.sign);
        // Closing it at a wrong place helps nobody.
        if count(&repaired, path) >= count(&text, path) {
            break;
        }
        closed.push(unclosed);
        text = repaired;
    }
    (text, closed)
}

/// How many things have no end.
fn count(text: &str, path: &Path) -> usize {
    let (_, errors) = Document::parse(text, path);
    errors.iter().filter(|error| error.message().starts_with("unclosed ")).count()
}

/// A name of a table without its end, and where the end is missing.
fn header_without_end(document: &Document<'_>, error: &Error) -> Option<(Unclosed, usize)> {
    let offset = error.span()?.start;
    let line = document.line_of(offset);
    let message = error.message();
    let sign = if message.starts_with("unclosed array table") {
        if document.line(line).contains(']') { "]" } else { "]]" }
    } else if message.starts_with("unclosed table") {
        "]"
    } else {
        return None;
    };
    Some((Unclosed { line, sign }, offset))
}

/// A list without its end, and where the end is probably missing: before the line that is no part of a list.
fn list_without_end(
    document: &Document<'_>,
    error: &Error,
    errors: &[Error],
) -> Option<(Unclosed, usize)> {
    let (sign, list) = endless(document, error)?;
    let first = document.line_of(list.start);
    let starts = errors.iter().filter_map(|error| Some(error.span()?.start));
    let wrong = starts.filter(|start| *start > list.start).min()?;
    let line = document.line_of(wrong).saturating_sub(1).max(first);
    let text = document.line(line);
    let end = text.find(" #").unwrap_or(text.len());
    let begin: usize =
        document.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    Some((Unclosed { line: first, sign }, begin.checked_add(end)?))
}

/// A list or inline table that has no end: what is missing, and its place.
pub(super) fn endless(
    document: &Document<'_>,
    error: &Error,
) -> Option<(&'static str, Range<usize>)> {
    let sign = match error.message() {
        message if message.starts_with("unclosed array,") => "]",
        message if message.starts_with("unclosed inline table") => "}",
        _ => return None,
    };
    let path = document.path_at(&(error.span()?.start..usize::MAX))?;
    let values = (1..=path.len()).filter_map(|n| document.value(path.get(..n)?));
    let mut open = values.filter(|value| {
        let text = document.text.get(value.span()).unwrap_or_default();
        let is_written = text.starts_with(['[', '{']);
        is_written
            && !matches!(value.get_ref(), DeValue::String(_))
            && !is_header(document, value.span().start)
    });
    Some((sign, open.next()?.span()))
}

/// Whether the name of a table begins at a place.
fn is_header(document: &Document<'_>, offset: usize) -> bool {
    let before = document.text.get(..offset).unwrap_or_default();
    before.rsplit('\n').next().is_some_and(|start| start.trim().is_empty())
}
