//! What a lookup in Postgres ends with.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use actix_web::web::Bytes;

use crate::customer::model::source::Source;

/// The keys of the customers in an answer. A cached answer shares them with the lookups that it answers.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CustomerKeys {
    matching: Arc<[String]>,
    are_too_many: bool,
}

impl CustomerKeys {
    /// The keys for an empty answer, because more customers match than it may have: some that match, for the history.
    pub fn too_many(matching: impl IntoIterator<Item = String>) -> Self {
        Self { matching: matching.into_iter().collect(), are_too_many: true }
    }

    /// Whether the answer is empty because too many customers match.
    #[must_use]
    pub const fn are_too_many(&self) -> bool {
        self.are_too_many
    }

    /// The number of customers in the answer.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.are_too_many { 0 } else { self.matching.len() }
    }

    /// Whether the answer has no customer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys of the customers in the answer.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.matching().take(self.len())
    }

    /// The keys of the customers in the answer. If too many match: of some that match.
    pub fn matching(&self) -> impl Iterator<Item = &str> {
        self.matching.iter().map(String::as_str)
    }

    /// The memory that they take, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let of_key = |key: &String| key.capacity().saturating_add(size_of::<String>());
        self.matching.iter().map(of_key).sum()
    }
}

impl FromIterator<String> for CustomerKeys {
    fn from_iter<I: IntoIterator<Item = String>>(keys: I) -> Self {
        Self { matching: keys.into_iter().collect(), are_too_many: false }
    }
}

impl fmt::Debug for CustomerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustomerKeys({})", self.len())
    }
}

/// An answer from Postgres.
#[derive(Clone)]
pub struct LookupResult {
    /// The response body.
    pub body: Bytes,
    /// The customers in the answer.
    pub customers: CustomerKeys,
    /// The sources that may have more data.
    pub sources_to_query: Arc<[Source]>,
    /// The query that found it.
    pub query: QueryTime,
}

/// When a query ran, and for how many lookups.
#[derive(Debug, Clone, Copy)]
pub struct QueryTime {
    /// The lookups in its batch.
    pub lookups: usize,
    /// When it was sent to Postgres.
    pub started_at: Instant,
    /// When the answer had arrived.
    pub ended_at: Instant,
}

impl QueryTime {
    /// A query that has just ended.
    #[must_use]
    pub fn ended(lookups: usize, started_at: Instant) -> Self {
        Self { lookups, started_at, ended_at: Instant::now() }
    }
}

impl LookupResult {
    /// Whether the lookup found a customer.
    #[must_use]
    pub fn is_found(&self) -> bool {
        !self.customers.is_empty()
    }
}

/// Why a lookup has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupFailed {
    /// Postgres failed or took too long.
    Failed,
    /// Too many lookups are waiting.
    Overloaded,
    /// The service is shutting down.
    ShuttingDown,
}

impl LookupFailed {
    /// The kind of error in traces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Overloaded => "overloaded",
            Self::ShuttingDown => "shutting_down",
        }
    }
}
