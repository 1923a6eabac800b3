//! A problem with a setting.

/// A mistake in a setting, or a warning about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// The key of the setting.
    pub key: String,
    /// What is wrong, and what to write instead.
    pub what: String,
    /// Another key, if the problem exists only because of its value. If that value is itself a mistake, only that one
    /// is reported.
    pub depends_on: Option<String>,
}

impl SettingProblem {
    /// A problem of one key.
    pub fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { key: key.into(), what: what.into(), depends_on: None }
    }

    /// A problem that exists only because of the value of another key.
    #[must_use]
    pub fn depending_on(self, key: impl Into<String>) -> Self {
        Self { depends_on: Some(key.into()), ..self }
    }

    /// The problem of a table, with its keys as seen from outside of the table.
    #[must_use]
    pub fn below(self, table: &str) -> Self {
        let full = |key: String| format!("{table}.{key}").trim_end_matches('.').to_owned();
        Self { key: full(self.key), depends_on: self.depends_on.map(full), what: self.what }
    }
}
