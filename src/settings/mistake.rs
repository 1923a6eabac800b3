//! Mistakes in the settings, each with its file, line and key, what is wrong, and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// A mistake in the settings file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    #[serde(skip)]
    pub(super) path: Option<PathBuf>,
    pub(super) line: Option<usize>,
    pub(super) key: Option<String>,
    #[serde(rename = "message")]
    pub(super) what: String,
}

impl Mistake {
    /// The key and what is wrong, without the place in the file.
    #[must_use]
    pub fn without_place(&self) -> String {
        let key = self.key.as_deref();
        key.map_or_else(|| self.what.clone(), |key| format!("{key}: {}", self.what))
    }

    /// A mistake of the whole file, or of one line.
    pub(super) fn of_file(path: &Path, line: Option<usize>, what: &str) -> Self {
        Self { path: Some(path.to_owned()), line, key: None, what: what.to_owned() }
    }

    /// A mistake in an environment variable, which is in no file.
    pub(super) fn of_environment(name: &str, what: String) -> Self {
        Self { path: None, line: None, key: Some(name.to_owned()), what }
    }

    /// No file was found.
    pub(super) fn no_file(what: String) -> Self {
        Self { path: None, line: None, key: None, what }
    }

    /// Sorts by line.
    pub(crate) fn sort(mistakes: &mut [Self]) {
        mistakes.sort_by_key(|mistake| mistake.line);
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
        if let Some(path) = &self.path {
            write!(f, "{}", path.display())?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.what)
    }
}
