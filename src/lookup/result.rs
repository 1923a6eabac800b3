//! What a lookup in Postgres ends with.

use std::sync::Arc;
use std::time::Instant;

use actix_web::web::Bytes;

use crate::customer::model::source::Source;

/// An answer from Postgres.
#[derive(Clone)]
pub struct LookupResult {
    /// The response body.
    pub body: Bytes,
    /// The number of customers in the answer.
    pub customers: usize,
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
    /// When Postgres had answered.
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
    pub const fn is_found(&self) -> bool {
        self.customers > 0
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
