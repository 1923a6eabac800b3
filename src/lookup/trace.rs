//! What the log line, the trace and the history of a lookup are made of: enough to find out what happened, and nothing
//! about the person.

use std::sync::Arc;
use std::time::Instant;

use super::result::{CustomerKeys, LookupFailed, LookupResult, QueryTime};
use crate::http::api_keys::LiveKey;
use crate::sources::api::SourceOutcomes;
use crate::storage::invalidation::LookupHash;
use crate::storage::lookup_history::Ticket;
use crate::telemetry::traces::{Scope, within};

/// What is known of a lookup when it has been answered.
#[derive(Debug, Clone, Default)]
pub struct LookupTrace {
    /// The key, if it is valid.
    pub key: Option<Arc<LiveKey>>,
    /// Whether the lookup is by e-mail address, phone number or id.
    pub kind: Option<&'static str>,
    /// The hash of the address or id, if it is valid. For the history only.
    pub question: Option<LookupHash>,
    /// The ticket, if the request names one. For the history only.
    pub ticket: Option<Ticket>,
    /// The result of the cache.
    pub cache: Outcome,
    /// The customers in the answer. The log and the trace only have their number.
    pub customers: Option<CustomerKeys>,
    /// How the customer was found, if the cache had no answer.
    pub search: Option<Box<SearchTrace>>,
}

impl LookupTrace {
    /// What the sources answered, if any was to be asked.
    #[must_use]
    pub fn sources(&self) -> Option<&SourceOutcomes> {
        self.search.as_ref()?.sources.as_ref()
    }
}

/// How a customer was found in Postgres and at the sources.
#[derive(Debug, Clone, Default)]
pub struct SearchTrace {
    /// The queries to Postgres: one, or two if the sources had new data.
    pub queries: Vec<QueryStep>,
    /// What the sources answered, if any was to be asked.
    pub sources: Option<SourceOutcomes>,
    /// From when to when the lookup waited for the sources.
    pub read_through: Option<(Instant, Instant)>,
    /// The span of that wait, to which the calls belong. `None` if the lookup is not in the sample.
    pub scope: Option<Arc<Scope>>,
}

impl SearchTrace {
    /// Waits for the sources.
    pub(super) async fn read_through<T>(&mut self, search: impl Future<Output = T>) -> T {
        let started_at = Instant::now();
        let found = within(self.scope.clone(), search).await;
        self.read_through = Some((started_at, Instant::now()));
        found
    }
}

/// A query to Postgres, as one lookup sees it.
#[derive(Debug, Clone, Copy)]
pub struct QueryStep {
    /// When the lookup began to wait for it.
    pub started_at: Instant,
    /// When the lookup had the result.
    pub ended_at: Instant,
    /// The query, which other lookups may share, or why there is no result.
    pub result: Result<QueryTime, LookupFailed>,
}

impl QueryStep {
    pub(super) fn ended(started_at: Instant, result: &Result<LookupResult, LookupFailed>) -> Self {
        let result = result.as_ref().map(|result| result.query).map_err(|error| *error);
        Self { started_at, ended_at: Instant::now(), result }
    }
}

/// The result of the cache for a lookup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Outcome {
    /// A fresh cached answer was returned.
    Hit,
    /// There was no fresh answer, so Postgres was queried.
    Miss,
    /// An expired answer was returned, because Postgres had none in time.
    Stale,
    /// The request was rejected before the cache was read.
    #[default]
    None,
}

impl Outcome {
    /// The number of results.
    pub const COUNT: usize = 4;

    /// The name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
            Self::None => "none",
        }
    }

    /// All results.
    pub const ALL: [Self; Self::COUNT] = [Self::Hit, Self::Miss, Self::Stale, Self::None];

    /// What the name means, for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Hit => "the answer was ready in memory",
            Self::Miss => "the answer was read from the database",
            Self::Stale => "an older answer was given, because the database had none in time",
            Self::None => "no answer was looked for, because the request was rejected first",
        }
    }

    /// The position in arrays with one element for each result.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Hit => 0,
            Self::Miss => 1,
            Self::Stale => 2,
            Self::None => 3,
        }
    }
}
