//! Where a request goes, as log lines, spans and metrics name it: never by its path, in which anything can stand.

/// A route of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The hookpoint.
    Lookup,
    /// Whether the process runs.
    Live,
    /// Whether it should be asked.
    Ready,
    /// The page of a problem.
    Problem,
    /// A source's way in.
    Webhook,
    /// None of ours.
    Unmatched,
}

/// Whether the process runs.
pub const LIVE: &str = "/health/live";
/// Whether it should be asked.
pub const READY: &str = "/health/ready";
/// What the paths of webhooks begin with.
pub const WEBHOOKS: &str = "/webhooks/";
/// What the pages of problems begin with.
pub const PROBLEMS: &str = "/problems/";

impl Route {
    /// How many there are.
    pub const COUNT: usize = 6;

    /// The route of a path.
    #[must_use]
    pub fn of(path: &str, lookup_path: &str) -> Self {
        match path {
            path if path == lookup_path => Self::Lookup,
            LIVE => Self::Live,
            READY => Self::Ready,
            path if path.strip_prefix(PROBLEMS).is_some_and(|code| !code.is_empty() && !code.contains('/')) => Self::Problem,
            path if path.starts_with(WEBHOOKS) => Self::Webhook,
            _ => Self::Unmatched,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Live => "live",
            Self::Ready => "ready",
            Self::Problem => "problem",
            Self::Webhook => "webhook",
            Self::Unmatched => "unmatched",
        }
    }

    /// Its place among all.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Lookup => 0,
            Self::Live => 1,
            Self::Ready => 2,
            Self::Problem => 3,
            Self::Webhook => 4,
            Self::Unmatched => 5,
        }
    }
}
