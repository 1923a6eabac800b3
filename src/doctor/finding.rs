//! The result of a check.

use std::borrow::Cow;

use serde::Serialize;

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All is well.
    Pass,
    /// It works, but may cause trouble.
    Warn,
    /// It is wrong.
    Fail,
    /// It could not be checked.
    Skipped,
}

impl Verdict {
    /// The word that people read.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
            Self::Skipped => "skip",
        }
    }
}

/// What a check saw, and its verdict. The text never contains a key, nor an address, id or name of a person: only
/// numbers, fixed words and paths into JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The verdict.
    pub verdict: Verdict,
    /// What the check saw. For a skipped check: the reason.
    pub seen: Cow<'static, str>,
}

impl Observation {
    /// All is well.
    pub fn pass(seen: impl Into<Cow<'static, str>>) -> Self {
        Self { verdict: Verdict::Pass, seen: seen.into() }
    }

    /// It works, but may cause trouble.
    pub fn warn(seen: impl Into<Cow<'static, str>>) -> Self {
        Self { verdict: Verdict::Warn, seen: seen.into() }
    }

    /// It is wrong.
    pub fn fail(seen: impl Into<Cow<'static, str>>) -> Self {
        Self { verdict: Verdict::Fail, seen: seen.into() }
    }

    /// It could not be checked.
    pub fn skipped(why: impl Into<Cow<'static, str>>) -> Self {
        Self { verdict: Verdict::Skipped, seen: why.into() }
    }
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The name of the check.
    pub id: &'static str,
    /// The part that was checked, such as a source of a brand. `None` if there is only one.
    pub subject: Option<String>,
    /// What the check asks, in plain words.
    pub question: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// What the check saw.
    pub seen: Cow<'static, str>,
    /// What to do. `None` if all is well.
    pub remedy: Option<&'static str>,
}

/// How many findings have each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub passed: usize,
    pub warnings: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl Counts {
    /// Counts findings.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
        Self {
            passed: count(Verdict::Pass),
            warnings: count(Verdict::Warn),
            failed: count(Verdict::Fail),
            skipped: count(Verdict::Skipped),
        }
    }
}
