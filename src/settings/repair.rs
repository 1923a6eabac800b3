//! Repairs what hides the rest of the settings file from the parser, so that the rest is checked too: tables and lists
//! without an end, and lines without `=`. Each repair parses the file again, so an unusually long one is not repaired.

use std::ops::Range;
use std::path::Path;

use toml::de::{DeValue, Error};

use super::document::Document;

/// The most repairs: a file with more is not a settings file.
const MAX_REPAIRS: usize = 20;

/// A mistake that was repaired.
pub(super) struct Repair {
    /// Its line. What has no end begins there.
    pub(super) line: usize,
    /// What was inserted: the missing bracket, or [`COMMENT`].
    pub(super) sign: &'static str,
}

/// Makes a comment of a line that is no setting.
pub(super) const COMMENT: &str = "#";

/// The repaired text, and what was repaired. The lines stay the same.
pub(super) fn repair_all(text: &str, path: &Path) -> (String, Vec<Repair>) {
    let mut text = text.to_owned();
    let mut repairs = Vec::new();
    for _ in 0..MAX_REPAIRS {
        let (document, errors) = Document::parse(&text, path);
        if document.is_unusually_long() {
            break;
        }
        let Some((repair, place)) = errors.iter().find_map(|error| {
            header_without_end(&document, error)
                .or_else(|| list_without_end(&document, error, &errors))
                .or_else(|| line_without_value(&document, error))
        }) else {
            break;
        };
        let mut repaired = text.clone();
        repaired.insert_str(place, repair.sign);
        // A list that is closed at a wrong place helps nobody.
        if endless_lists(&repaired, path) > 0
            && endless_lists(&repaired, path) >= endless_lists(&text, path)
        {
            break;
        }
        repairs.push(repair);
        text = repaired;
    }
    (text, repairs)
}

/// How many lists and inline tables have no end.
fn endless_lists(text: &str, path: &Path) -> usize {
    let (document, errors) = Document::parse(text, path);
    errors.iter().filter_map(|error| endless(&document, error)).count()
}

fn missing_begin(line: &str) -> &'static str {
    if line.trim_end().ends_with("]]") {
        "[["
    } else if line.trim_end().ends_with(']') {
        "["
    } else {
        COMMENT
    }
}

const WITHOUT_VALUE: &str = "key with no value";

/// A line without `=`, and where it begins: the name of a table without `[`, or no setting at all.
fn line_without_value(document: &Document<'_>, error: &Error) -> Option<(Repair, usize)> {
    let offset = error.span()?.start;
    let line = document.line_of(offset);
    let begin = document.text.get(..offset)?.rfind('\n').map_or(0, |end| end.saturating_add(1));
    let is_whole = !document.line(line).contains(['{', '}', '=']);
    (error.message().starts_with(WITHOUT_VALUE) && is_whole)
        .then(|| (Repair { line, sign: missing_begin(document.line(line)) }, begin))
}

/// A name of a table without its end, and where the end is missing.
fn header_without_end(document: &Document<'_>, error: &Error) -> Option<(Repair, usize)> {
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
    Some((Repair { line, sign }, offset))
}

/// A list without its end, and where the end is probably missing: before the line that is no part of a list.
fn list_without_end(
    document: &Document<'_>,
    error: &Error,
    errors: &[Error],
) -> Option<(Repair, usize)> {
    let (sign, list) = endless(document, error)?;
    let first = document.line_of(list.start);
    let starts = errors.iter().filter_map(|error| Some(error.span()?.start));
    let wrong = starts.filter(|start| *start > list.start).min()?;
    let line = document.line_of(wrong).saturating_sub(1).max(first);
    let text = document.line(line);
    let end = text.find(" #").unwrap_or(text.len());
    let begin: usize =
        document.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    Some((Repair { line: first, sign }, begin.checked_add(end)?))
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
