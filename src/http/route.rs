//! Routes, as log lines, spans and metrics name them. They never contain the path, because a path may contain anything.

/// A route of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// A customer lookup.
    Lookup,
    /// Liveness: the process runs.
    Live,
    /// Readiness: the service can answer.
    Ready,
    /// A page about a problem.
    Problem,
    /// A webhook endpoint.
    Webhook,
    /// No route of the service.
    Unmatched,
}

/// Liveness: the process runs.
pub const LIVE: &str = "/health/live";
/// Readiness: the service can answer.
pub const READY: &str = "/health/ready";
/// The prefix of the paths of webhooks.
pub const WEBHOOKS: &str = "/webhooks/";
/// The prefix of the paths of problem pages.
pub const PROBLEMS: &str = "/problems/";

impl Route {
    /// The number of routes.
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

    /// The name in logs and metrics.
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

    /// The position in arrays with one element for each route.
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
