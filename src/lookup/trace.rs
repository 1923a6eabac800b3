//! What the log line of a lookup says: enough to find out what happened, and nothing about the person.

use std::sync::Arc;

use crate::http::api_keys::LiveKey;
use crate::sources::api::SourceOutcomes;

/// The lookup fields in the log line of a request.
#[derive(Debug, Clone, Default)]
pub struct LookupTrace {
    /// The key, if it is valid.
    pub key: Option<Arc<LiveKey>>,
    /// Whether the lookup is by e-mail address, phone number or id.
    pub kind: Option<&'static str>,
    /// The result of the cache.
    pub cache: Outcome,
    /// The number of customers in the answer.
    pub customers: Option<usize>,
    /// What the sources answered, if any was to be asked.
    pub sources: Option<SourceOutcomes>,
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
