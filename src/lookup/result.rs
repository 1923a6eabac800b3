//! What a lookup in Postgres ends with.

use std::sync::Arc;

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
