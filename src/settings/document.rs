//! The settings file as a TOML document, with the place of every key. Wrong values can be taken out of it, so that one
//! mistake does not hide the others.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer, Error};

use super::mistake::Mistake;
use crate::sources::SettingProblem;

/// The most mistakes of syntax: a file with more is not a settings file.
const MAX_ERRORS: usize = 100;

/// A text that is longer is hardly a settings file. To find each of its mistakes would take too long.
const MAX_USUAL_BYTES: usize = 256 * 1024;

/// The steps from the root to a value: names in tables, numbers in lists.
pub(super) type KeyPath = Vec<String>;

/// The settings file.
pub(super) struct Document<'a> {
    pub(super) text: &'a str,
    pub(super) path: &'a Path,
    root: Spanned<DeTable<'a>>,
    /// For each list that lost elements, by its place: the numbers that its elements have in the file.
    numbers: BTreeMap<usize, Vec<usize>>,
    /// The keys with a reported mistake. Another mistake there would only be a consequence.
    reported: BTreeSet<String>,
    /// The required keys for which an empty text stands.
    filled: BTreeSet<String>,
    /// Lines whose content is uncertain because of a mistake of syntax.
    uncertain_lines: BTreeSet<usize>,
}

impl<'a> Document<'a> {
    /// Parses a text, also one with mistakes of syntax.
    pub(super) fn parse(text: &'a str, path: &'a Path) -> (Self, Vec<Error>) {
        let (root, mut errors) = DeTable::parse_recoverable(text);
        errors.truncate(MAX_ERRORS);
        let (numbers, reported, filled, uncertain_lines) = Default::default();
        (Self { text, path, root, numbers, reported, filled, uncertain_lines }, errors)
    }

    /// Whether the text is too long to look for each of its mistakes.
    pub(super) const fn is_unusually_long(&self) -> bool {
        self.text.len() > MAX_USUAL_BYTES
    }

    pub(super) fn deserialize<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(Deserializer::from(self.root.clone()))
    }

    pub(super) fn root(&self) -> &DeTable<'a> {
        self.root.get_ref()
    }

    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count().saturating_add(1)
    }

    /// A line of the file.
    pub(super) fn line(&self, number: usize) -> &'a str {
        self.text.lines().nth(number.saturating_sub(1)).unwrap_or_default()
    }

    /// The value at a path.
    pub(super) fn value(&self, path: &[String]) -> Option<&Spanned<DeValue<'a>>> {
        let (first, rest) = path.split_first()?;
        let mut value = entry(self.root(), first)?.1;
        for step in rest {
            value = match value.get_ref() {
                DeValue::Table(table) => entry(table, step)?.1,
                DeValue::Array(list) => list.get(step.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(value)
    }

    /// The path of the key or value at a place of the text: the one that is exactly there, else the innermost around it.
    pub(super) fn path_at(&self, span: &Range<usize>) -> Option<KeyPath> {
        let is_here = |here: &Range<usize>| here == span;
        let is_around = |here: &Range<usize>| here.start <= span.start && span.start <= here.end;
        path_in_table(self.root(), &is_here, false)
            .or_else(|| path_in_table(self.root(), &is_around, true))
    }

    /// The whole key of a path, with the numbers that elements of lists have in the file.
    pub(super) fn key_of(&self, path: &[String]) -> String {
        let mut key: Vec<String> = Vec::new();
        for (n, step) in path.iter().enumerate() {
            let list = path.get(..n).and_then(|above| self.value(above));
            let number = || {
                let list = list.filter(|list| matches!(list.get_ref(), DeValue::Array(_)))?;
                self.numbers.get(&list.span().start)?.get(step.parse::<usize>().ok()?)
            };
            key.push(number().map_or_else(|| step.clone(), ToString::to_string));
        }
        key.join(".")
    }

    /// Takes a value out.
    pub(super) fn remove(&mut self, path: &[String]) {
        let Some((last, above)) = path.split_last() else { return };
        let numbers = &mut self.numbers;
        change(self.root.get_mut(), above, |container| match container {
            Container::Table(table) => drop(table.remove(last.as_str())),
            Container::List(list, start) => {
                let Some(n) = last.parse::<usize>().ok().filter(|n| *n < list.len()) else {
                    return;
                };
                let numbers = numbers.entry(start).or_insert_with(|| (0..list.len()).collect());
                numbers.remove(n);
                let others = std::mem::replace(list, DeArray::new()).into_iter().enumerate();
                others.filter(|(at, _)| *at != n).for_each(|(_, value)| list.push(value));
            }
        });
    }

    /// Replaces a value by a text.
    pub(super) fn set(&mut self, path: &[String], text: &'static str) {
        if let Some(span) = self.value(path).map(Spanned::span) {
            self.insert(path, text, span);
        }
    }

    fn insert(&mut self, path: &[String], text: &'static str, span: Range<usize>) {
        let Some((last, above)) = path.split_last() else { return };
        let value = Spanned::new(span.clone(), DeValue::String(Cow::Borrowed(text)));
        let number = last.parse::<usize>();
        change(self.root.get_mut(), above, |container| match container {
            Container::Table(table) => {
                table.insert(Spanned::new(span, Cow::Owned(last.clone())), value);
            }
            Container::List(list, _) => {
                if let Some(item) = number.ok().and_then(|n| list.get_mut(n)) {
                    *item = value;
                }
            }
        });
    }

    /// Sets a missing key to an empty text. Its place is behind the text, so that nothing else is there.
    pub(super) fn fill(&mut self, path: &[String]) {
        self.filled.insert(self.key_of(path));
        let place = self.text.len().saturating_add(self.filled.len());
        self.insert(path, "", place..place);
    }

    pub(super) fn is_filled(&self, key: &str) -> bool {
        self.filled.contains(key)
    }

    /// Marks the content of a line as uncertain.
    pub(super) fn distrust(&mut self, line: usize) {
        self.uncertain_lines.insert(line);
    }

    /// Whether the file has mistakes of syntax, so that something may seem to be missing.
    pub(super) fn has_syntax_mistakes(&self) -> bool {
        !self.uncertain_lines.is_empty()
    }

    pub(super) fn mark_reported(&mut self, key: String) {
        self.reported.insert(key);
    }

    /// Whether a mistake of a key, or of a table around it, is reported already.
    pub(super) fn is_reported(&self, key: &str) -> bool {
        let mut dots = key.match_indices('.').map(|(dot, _)| dot);
        let is_reported = |end| key.get(..end).is_some_and(|key| self.reported.contains(key));
        is_reported(key.len()) || dots.any(is_reported)
    }

    /// A mistake of the value at a path; `None` if it is a consequence of another one.
    pub(super) fn mistake_at(
        &self,
        path: &[String],
        offset: usize,
        what: String,
    ) -> Option<Mistake> {
        self.unless_consequence(self.key_of(path), Some(self.line_of(offset)), what)
    }

    /// A mistake or warning of a key such as `brands.demo.time_zone` or `brands.demo.custom_fields.0.value`; `None` if
    /// it is a consequence of another one.
    pub(super) fn problem(&self, problem: SettingProblem) -> Option<Mistake> {
        let cause = problem.depends_on.map(|cause| self.find(&cause).0);
        let is_wrong = |cause: String| {
            let below = format!("{cause}.");
            self.is_reported(&cause) || self.reported.iter().any(|key| key.starts_with(&below))
        };
        if cause.is_some_and(is_wrong) {
            return None;
        }
        let (key, offset) = self.find(&problem.key);
        self.unless_consequence(key, offset.map(|offset| self.line_of(offset)), problem.what)
    }

    fn unless_consequence(
        &self,
        key: String,
        line: Option<usize>,
        what: String,
    ) -> Option<Mistake> {
        let is_uncertain = line.is_some_and(|line| self.uncertain_lines.contains(&line));
        if is_uncertain || self.is_reported(&key) {
            return None;
        }
        Some(Mistake { path: Some(self.path.to_owned()), line, key: Some(key), what })
    }

    /// The whole key, and the place of the deepest part of it that the file has. Names may contain dots
    /// (`"omneo.transaction"`).
    fn find(&self, key: &str) -> (String, Option<usize>) {
        let mut path = KeyPath::new();
        let mut place = None;
        let mut rest = key;
        while !rest.is_empty() {
            let here = if path.is_empty() { None } else { self.value(&path) };
            let (step, offset, tail) = match here.map(Spanned::get_ref) {
                None if path.is_empty() => match head(self.root(), rest) {
                    Some(found) => found,
                    None => break,
                },
                Some(DeValue::Table(table)) => match head(table, rest) {
                    Some(found) => found,
                    None => break,
                },
                Some(DeValue::Array(list)) => {
                    let (number, tail) = rest.split_once('.').unwrap_or((rest, ""));
                    let value = number.parse::<usize>().ok().and_then(|n| list.get(n));
                    let Some(value) = value else { break };
                    (number.to_owned(), value.span().start, tail)
                }
                _ => break,
            };
            path.push(step);
            place = Some(offset);
            rest = tail;
        }
        let whole = [self.key_of(&path), rest.to_owned()];
        (whole.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("."), place)
    }
}

/// The entry of a table with which a dotted key begins: its name, its place, and the rest of the key.
fn head<'k>(table: &DeTable<'_>, key: &'k str) -> Option<(String, usize, &'k str)> {
    table.iter().find_map(|(name, _)| {
        let rest = key.strip_prefix(name.get_ref().as_ref())?;
        let is_whole = rest.is_empty() || rest.starts_with('.');
        is_whole
            .then(|| (name.get_ref().to_string(), name.span().start, rest.trim_start_matches('.')))
    })
}

type Entry<'t, 'a> = (&'t Spanned<Cow<'a, str>>, &'t Spanned<DeValue<'a>>);

fn entry<'t, 'a>(table: &'t DeTable<'a>, name: &str) -> Option<Entry<'t, 'a>> {
    table.iter().find(|(key, _)| key.get_ref() == name)
}

/// What contains a value.
enum Container<'t, 'a> {
    Table(&'t mut DeTable<'a>),
    /// With the place of the list.
    List(&'t mut DeArray<'a>, usize),
}

fn change<'a>(root: &mut DeTable<'a>, path: &[String], change: impl FnOnce(Container<'_, 'a>)) {
    let Some((first, rest)) = path.split_first() else { return change(Container::Table(root)) };
    let Some(mut value) = root.get_mut(first.as_str()) else { return };
    for step in rest {
        let next = match value.get_mut() {
            DeValue::Table(table) => table.get_mut(step.as_str()),
            DeValue::Array(list) => step.parse::<usize>().ok().and_then(|n| list.get_mut(n)),
            _ => None,
        };
        let Some(next) = next else { return };
        value = next;
    }
    let start = value.span().start;
    match value.get_mut() {
        DeValue::Table(table) => change(Container::Table(table)),
        DeValue::Array(list) => change(Container::List(list, start)),
        _ => {}
    }
}

/// The path of the first value that fits, or of the innermost one.
fn path_in_table(
    table: &DeTable<'_>,
    fits: &dyn Fn(&Range<usize>) -> bool,
    innermost: bool,
) -> Option<KeyPath> {
    table.iter().find_map(|(name, value)| {
        let here = fits(&name.span()) || fits(&value.span());
        path_through(name.get_ref(), here, value, fits, innermost)
    })
}

fn path_in_value(
    value: &DeValue<'_>,
    fits: &dyn Fn(&Range<usize>) -> bool,
    innermost: bool,
) -> Option<KeyPath> {
    match value {
        DeValue::Table(table) => path_in_table(table, fits, innermost),
        DeValue::Array(list) => list.iter().enumerate().find_map(|(n, value)| {
            path_through(&n.to_string(), fits(&value.span()), value, fits, innermost)
        }),
        _ => None,
    }
}

fn path_through(
    step: &str,
    is_here: bool,
    value: &Spanned<DeValue<'_>>,
    fits: &dyn Fn(&Range<usize>) -> bool,
    innermost: bool,
) -> Option<KeyPath> {
    let here = || is_here.then(|| vec![step.to_owned()]);
    let deeper = || {
        let mut path = path_in_value(value.get_ref(), fits, innermost)?;
        path.insert(0, step.to_owned());
        Some(path)
    };
    if innermost { deeper().or_else(here) } else { here().or_else(deeper) }
}
