//! Mistakes in the settings, each with its file, line and key, what is wrong, and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

/// A mistake in the settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    path: PathBuf,
    line: Option<usize>,
    key: Option<String>,
    what: String,
}

impl Mistake {
    pub(super) fn of_file(path: &Path, what: &str) -> Self {
        Self { path: path.to_owned(), line: None, key: None, what: what.to_owned() }
    }
}

impl Mistake {
    /// Whether it is about a value below a key, such as `brands.demo.sources`.
    #[must_use]
    pub fn is_below(&self, key: &str) -> bool {
        let below = self.key.as_ref().and_then(|own| own.strip_prefix(key));
        below.is_some_and(|rest| rest.starts_with('.'))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Mistakes in the settings of a brand: the key of each, and what is wrong.
pub(super) type Found = Vec<(String, String)>;

/// The text of the settings file, to find the line of a key.
pub(super) struct SettingsText<'a> {
    text: &'a str,
    path: &'a Path,
}

impl<'a> SettingsText<'a> {
    pub(super) const fn new(text: &'a str, path: &'a Path) -> Self {
        Self { text, path }
    }

    fn line_of(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count().saturating_add(1)
    }

    /// Parses the file.
    pub(super) fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, Mistake> {
        toml::from_str(self.text).map_err(|error| self.of_syntax(&error))
    }

    /// A mistake that the TOML parser found. Its message says what was expected.
    fn of_syntax(&self, error: &toml::de::Error) -> Mistake {
        let line = error.span().map(|span| self.line_of(span.start));
        let key = error.span().and_then(|span| self.key_at(span.start));
        Mistake { path: self.path.to_owned(), line, key, what: in_plain_words(error.message()) }
    }

    /// A mistake in the value of a key such as `brands.demo.time_zone` or `brands.demo.custom_fields.0.value`.
    pub(super) fn at(&self, key: &str, what: String) -> Mistake {
        Mistake {
            path: self.path.to_owned(),
            line: self.find(key).map(|offset| self.line_of(offset)),
            key: Some(key.to_owned()),
            what,
        }
    }

    /// The offset of the deepest part of a key that the file has. Names may contain dots (`"omneo.transaction"`).
    fn find(&self, key: &str) -> Option<usize> {
        let document = DeTable::parse(self.text).ok()?;
        let mut table = Some(document.get_ref());
        let mut list: Option<&toml::de::DeArray<'_>> = None;
        let mut found = None;
        let mut rest = key;
        while !rest.is_empty() {
            let value = if let Some(here) = table {
                let mut entries = here.iter().filter(|(name, _)| is_head(rest, name.get_ref()));
                let (name, value) = entries.next()?;
                found = Some(name.span().start);
                rest = rest.get(name.get_ref().len()..)?.trim_start_matches('.');
                value
            } else {
                let (index, tail) = rest.split_once('.').unwrap_or((rest, ""));
                let value = list?.get(index.parse::<usize>().ok()?)?;
                found = Some(value.span().start);
                rest = tail;
                value
            };
            (table, list) = match value.get_ref() {
                DeValue::Table(inner) => (Some(inner), None),
                DeValue::Array(inner) => (None, Some(inner)),
                _ => return found,
            };
        }
        found
    }

    /// The whole key of the value at an offset. If the file is not valid TOML, the text at the beginning of the line.
    fn key_at(&self, offset: usize) -> Option<String> {
        if let Ok(document) = DeTable::parse(self.text) {
            return key_in_table(document.get_ref(), offset);
        }
        let line = self.text.lines().nth(self.line_of(offset).saturating_sub(1))?;
        let key = line.split('=').next().unwrap_or(line).trim();
        (!key.is_empty() && !key.starts_with('#')).then(|| key.to_owned())
    }
}

fn key_in_table(table: &DeTable<'_>, offset: usize) -> Option<String> {
    table.iter().find_map(|(name, value)| {
        let here = || {
            (name.span().contains(&offset) || value.span().contains(&offset))
                .then(|| name.get_ref().to_string())
        };
        key_in_value(value.get_ref(), offset)
            .map(|inner| format!("{}.{inner}", name.get_ref()))
            .or_else(here)
    })
}

fn key_in_value(value: &DeValue<'_>, offset: usize) -> Option<String> {
    match value {
        DeValue::Table(table) => key_in_table(table, offset),
        DeValue::Array(items) => items.iter().zip(0_usize..).find_map(|(item, n)| {
            let here = || item.span().contains(&offset).then(|| n.to_string());
            key_in_value(item.get_ref(), offset).map(|inner| format!("{n}.{inner}")).or_else(here)
        }),
        _ => None,
    }
}

/// Replaces the parser's names of Rust types by plain words.
fn in_plain_words(message: &str) -> String {
    let types = ["usize", "u64", "u32", "u16"];
    types.into_iter().fold(message.replace('\n', " "), |text, name| {
        text.replace(&format!("expected {name}"), "expected a whole number, 0 or more")
    })
}

/// Whether a dotted key starts with this whole name.
fn is_head(key: &str, name: &str) -> bool {
    key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
