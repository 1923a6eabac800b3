//! What the log line of a lookup says: enough to find out what happened, and nothing about the person.

use std::sync::Arc;

use crate::http::api_keys::LiveKey;
use crate::sources::api::SourceOutcomes;

/// The lookup fields in the log line of a request.
#[derive(Debug, Clone)]
pub struct LookupTrace {
    /// The key, if it is valid.
    pub key: Option<Arc<LiveKey>>,
    /// Whether the lookup is by e-mail address, phone number or id.
    pub kind: Option<&'static str>,
    /// The result of the cache.
    pub cache: Outcome,
    /// The number of customers in the answer.
    pub customers: Option<usize>,
    /// What the sources that were asked answered.
    pub sources: SourceOutcomes,
}

impl LookupTrace {
    /// The trace of a lookup that has just arrived.
    #[must_use]
    pub fn new() -> Self {
        Self {
            key: None,
            kind: None,
            cache: Outcome::None,
            customers: None,
            sources: SourceOutcomes::default(),
        }
    }

    /// What the sources answered, if any was to be asked.
    #[must_use]
    pub fn asked(&self) -> Option<&SourceOutcomes> {
        (!self.sources.is_empty()).then_some(&self.sources)
    }
}

impl Default for LookupTrace {
    fn default() -> Self {
        Self::new()
    }
}

/// The result of the cache for a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A fresh cached answer was returned.
    Hit,
    /// There was no fresh answer, so Postgres was queried.
    Miss,
    /// An expired answer was returned, because Postgres had none in time.
    Stale,
    /// The request was rejected before the cache was read.
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
