//! What each source answered in a search, for the log line of the lookup and for people.

use std::fmt;
use std::sync::Arc;

use crate::customer::model::source::Source;

/// What the sources answered: `omneo=found omnilab=timed_out`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SourceOutcomes(Arc<[(Source, &'static str)]>);

impl SourceOutcomes {
    /// The source knows the person.
    pub const FOUND: &str = "found";
    /// The source does not know the person.
    pub const NOT_FOUND: &str = "not_found";
    /// The answer had not arrived when the lookup was answered.
    pub const PENDING: &str = "pending";
    /// Too many searches were in flight, or no time was left.
    pub const NOT_ASKED: &str = "not_asked";

    /// The names that are not errors of calls, each with what it means, for people.
    pub const MEANINGS: [(&str, &str); 4] = [
        (Self::FOUND, "the source knows the person"),
        (Self::NOT_FOUND, "the source does not know the person"),
        (Self::PENDING, "the source had not answered when the lookup was answered"),
        (Self::NOT_ASKED, "too many searches were waiting, or no time was left"),
    ];

    /// The same outcome for each of these sources.
    #[must_use]
    pub fn all(sources: &[Source], outcome: &'static str) -> Self {
        sources.iter().map(|source| (*source, outcome)).collect()
    }

    /// Each source with its outcome.
    pub fn iter(&self) -> impl Iterator<Item = (Source, &'static str)> + '_ {
        self.0.iter().copied()
    }

    /// Whether no source was to be asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Source, &'static str)> for SourceOutcomes {
    fn from_iter<I: IntoIterator<Item = (Source, &'static str)>>(outcomes: I) -> Self {
        Self(outcomes.into_iter().collect())
    }
}

impl fmt::Display for SourceOutcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (source, outcome)) in self.0.iter().enumerate() {
            let space = if n == 0 { "" } else { " " };
            write!(f, "{space}{}={outcome}", source.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for SourceOutcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
