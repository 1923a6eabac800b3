//! Mistakes of type, unknown keys and unknown names in the settings file.
//!
//! serde stops at the first mistake. So each mistake is recorded, its value is taken out of the document, and the
//! document is read again, until nothing is wrong.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeValue, Error};

use super::document::{Document, KeyPath};
use super::mistake::Mistake;
use super::shape::Shape;
use super::type_words::{TypeError, enum_words, type_words, unknown_key_words};
use crate::customer::model::near_name::near_name;

/// The most mistakes that are reported: a file with more is not a settings file.
const MAX_MISTAKES: usize = 1_000;

/// The same for a file that is unusually long.
const MAX_MISTAKES_IF_LONG: usize = 20;

/// A text that is the value of no setting with fixed values.
const NO_VARIANT: &str = "?";

/// Reads the document. What is wrong is taken out of it, so the result has the defaults there.
pub(super) fn read<T: DeserializeOwned + Default>(
    document: &mut Document<'_>,
) -> (T, Vec<Mistake>) {
    let shape = Shape::new();
    let mut mistakes = Vec::new();
    // Every round takes a value out of the document, or replaces one that the next round takes out.
    let most = if document.is_unusually_long() { MAX_MISTAKES_IF_LONG } else { MAX_MISTAKES };
    for _ in 0..most {
        let error = match document.deserialize() {
            Ok(read) => return (read, mistakes),
            Err(error) => error,
        };
        match take_out(document, &shape, &error) {
            Some(found) => mistakes.extend(found),
            None => {
                // The reader's own words may repeat a value.
                let what = "something in the file has a wrong type";
                mistakes.push(Mistake::of_file(document.path, None, what));
                break;
            }
        }
    }
    (T::default(), mistakes)
}

/// Takes the value of an error out of the document. `None` if the error has no place.
fn take_out(document: &mut Document<'_>, shape: &Shape, error: &Error) -> Option<Option<Mistake>> {
    let span = error.span()?;
    let path = document.path_at(&span)?;
    let error = TypeError::parse(error.message());
    let what = match &error {
        TypeError::UnknownKey { name, known } => {
            let near = near_name(name, known.iter().copied()).map(|near| sibling(&path, near));
            // That this one is missing is a consequence.
            if let Some(near) = near.filter(|near| document.value(near).is_none()) {
                document.mark_reported(document.key_of(&near));
            }
            let value = document.value(&path);
            let is_table = value.is_some_and(|value| value.get_ref().as_table().is_some());
            unknown_key_words(shape, &path, name, known, is_table)
        }
        TypeError::MissingKey { name } => return Some(fill(document, &path, name, span.start)),
        TypeError::NotAText if document.value(&path).and_then(text) != Some(NO_VARIANT) => {
            document.set(&path, NO_VARIANT);
            return Some(None);
        }
        TypeError::UnknownVariant { known } => {
            let given = document.value(&path).and_then(text).unwrap_or_default();
            enum_words(given, known)
        }
        TypeError::NotAText | TypeError::WrongType { .. } | TypeError::Other(_) => {
            if let Some(table) = list_for_table(document, shape, &path) {
                let name = table.join(".");
                let what = format!("must be one table: write [{name}] once");
                let place = document.value(&table).map_or(span.start, |value| value.span().start);
                let mistake = document.mistake_at(&table, place, what);
                return Some(finish(document, &table, mistake));
            }
            type_words(&error, shape, &path, document.value(&path).map(Spanned::get_ref))
        }
    };
    let mistake = document.mistake_at(&path, span.start, what);
    Some(finish(document, &path, mistake))
}

fn finish(
    document: &mut Document<'_>,
    path: &[String],
    mistake: Option<Mistake>,
) -> Option<Mistake> {
    document.mark_reported(document.key_of(path));
    document.remove(path);
    mistake
}

fn text<'v>(value: &'v Spanned<DeValue<'_>>) -> Option<&'v str> {
    value.get_ref().as_str()
}

/// The path of another key of the same table.
fn sibling(path: &[String], name: &str) -> KeyPath {
    let mut path = path.to_vec();
    path.pop();
    path.push(name.to_owned());
    path
}

/// A required key is missing. An empty text stands for it, so that the rest of its table is checked too.
fn fill(
    document: &mut Document<'_>,
    table: &[String],
    name: &str,
    offset: usize,
) -> Option<Mistake> {
    let mut path = table.to_vec();
    path.push(name.to_owned());
    let key = document.key_of(&path);
    let mistake = (!document.is_reported(&key))
        .then(|| document.mistake_at(table, offset, format!("`{name}` is missing")))
        .flatten();
    if document.is_filled(&key) {
        // An empty text is wrong as well.
        document.remove(table);
    } else {
        document.mark_reported(key);
        document.fill(&path);
    }
    mistake
}

/// The path of a list where the settings have a table: `[[server]]` for `[server]`.
fn list_for_table(document: &Document<'_>, shape: &Shape, path: &[String]) -> Option<KeyPath> {
    (1..=path.len()).filter_map(|n| path.get(..n)).find_map(|path| {
        let is_list = matches!(document.value(path)?.get_ref(), DeValue::Array(_));
        (is_list && shape.is_table(path)).then(|| path.to_vec())
    })
}
