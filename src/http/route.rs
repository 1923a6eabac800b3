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
    /// How the service sees the caller.
    Caller,
    /// A page about a problem, or about all.
    Problem,
    /// A webhook endpoint.
    Webhook,
    /// The API document.
    OpenApi,
    /// The API document as a page.
    Docs,
    /// The first page.
    Home,
    /// The agent page: what a link opens.
    AgentLink,
    /// A file that the agent page loads.
    AgentAsset,
    /// The agent page of a customer.
    AgentView,
    /// No route of the service.
    Unmatched,
}

/// THE route table: it registers the routes, names them in logs and metrics, and reserves their paths. The lookup's path is a
/// setting, so its default stands here.
pub const ROUTES: [(Route, &str); 15] = [
    (Route::Lookup, "/omnidesk/customerlookup"),
    (Route::Ready, "/health"),
    (Route::Live, "/health/live"),
    (Route::Ready, "/health/ready"),
    (Route::Caller, "/health/caller"),
    (Route::Problem, "/problems"),
    (Route::Problem, "/problems/{code}"),
    (Route::Webhook, "/webhooks/{brand}/{source}"),
    (Route::Webhook, "/webhooks/{brand}/{source}/{secret:[^/]*/?}"),
    (Route::OpenApi, "/openapi.json"),
    (Route::Docs, "/docs"),
    (Route::Home, "/"),
    (Route::AgentLink, "/agent"),
    (Route::AgentAsset, "/agent/assets/{name}"),
    (Route::AgentView, "/agent/view/{id}"),
];

/// Whether the table reserves a path of a setting: the path itself, or everything below its first part.
#[must_use]
pub fn is_reserved(path: &str) -> bool {
    let of_table = ROUTES.iter().filter(|(route, _)| *route != Route::Lookup);
    of_table.map(|(_, pattern)| first_part(pattern)).any(|reserved| reserved == first_part(path))
}

/// The first part of a path, and whether others follow.
fn first_part(path: &str) -> (&str, bool) {
    let path = path.trim_start_matches('/');
    path.split_once('/').map_or((path, false), |(first, _)| (first, true))
}

impl Route {
    /// The number of routes.
    pub const COUNT: usize = 13;

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
            Self::Caller => "caller",
            Self::Problem => "problem",
            Self::Webhook => "webhook",
            Self::OpenApi => "openapi",
            Self::Docs => "docs",
            Self::Home => "home",
            Self::AgentLink => "agent_link",
            Self::AgentAsset => "agent_asset",
            Self::AgentView => "agent_view",
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
            Self::OpenApi => 5,
            Self::Docs => 6,
            Self::Caller => 7,
            Self::Home => 8,
            Self::AgentLink => 9,
            Self::AgentAsset => 10,
            Self::AgentView => 11,
            Self::Unmatched => 12,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_cannot_have_the_path_of_another_route() {
        for path in [
            "/",
            "/docs",
            "/openapi.json",
            "/health",
            "/health/live",
            "/health/x",
            "/problems",
            "/webhooks/a/b",
            "/agent",
            "/agent/x",
        ] {
            assert!(is_reserved(path), "{path}");
        }
        for path in ["/omnidesk/customerlookup", "/docs/lookup", "/lookup"] {
            assert!(!is_reserved(path), "{path}");
        }
    }

    #[test]
    fn every_route_has_a_position_of_its_own() {
        let mut positions: Vec<usize> = ROUTES.iter().map(|(route, _)| route.index()).collect();
        positions.push(Route::Unmatched.index());
        positions.sort_unstable();
        positions.dedup();
        assert_eq!(positions, (0..Route::COUNT).collect::<Vec<_>>());
    }
}
