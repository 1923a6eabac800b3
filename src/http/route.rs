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

/// THE route table: it registers the routes, names them in logs and metrics, and reserves their paths. The lookup's path is a
/// setting, so its default stands here.
pub const ROUTES: [(Route, &str); 6] = [
    (Route::Lookup, "/omnidesk/customerlookup"),
    (Route::Live, "/health/live"),
    (Route::Ready, "/health/ready"),
    (Route::Problem, "/problems/{code}"),
    (Route::Webhook, "/webhooks/{brand}/{source}"),
    (Route::Webhook, "/webhooks/{brand}/{source}/{secret:[^/]*/?}"),
];

/// Whether a path of a setting is below a path that the table reserves.
#[must_use]
pub fn is_reserved(path: &str) -> bool {
    let first = |path: &str| path.split('/').nth(1).unwrap_or_default().to_owned();
    let of_table = ROUTES.iter().filter(|(route, _)| *route != Route::Lookup);
    path.trim_start_matches('/').contains('/')
        && of_table.map(|(_, pattern)| first(pattern)).any(|reserved| reserved == first(path))
}

impl Route {
    /// The number of routes.
    pub const COUNT: usize = 6;

    /// The route of a path. Any path below that of the webhooks counts as theirs.
    #[must_use]
    pub fn of(path: &str, lookup_path: &str) -> Self {
        if path == lookup_path {
            return Self::Lookup;
        }
        let is_of = |pattern: &str| match pattern.split_once('{') {
            None => path == pattern,
            Some((prefix, variables)) => path.strip_prefix(prefix).is_some_and(|rest| {
                variables.contains('{') || (!rest.is_empty() && !rest.contains('/'))
            }),
        };
        let found = ROUTES
            .iter()
            .filter(|(route, _)| *route != Self::Lookup)
            .find(|(_, pattern)| is_of(pattern));
        found.map_or(Self::Unmatched, |(route, _)| *route)
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
