//! A lookup that was answered, until it is written.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::http::api_keys::LiveKey;
use crate::lookup::result::CustomerKeys;
use crate::lookup::trace::{LookupTrace, Outcome};
use crate::sources::api::SourceOutcomes;
use crate::storage::invalidation::LookupHash;
use crate::storage::lookup_history::{NewLookup, Ticket};
use crate::storage::suppressions::SuppressionHasher;

/// The response to a lookup.
#[derive(Debug, Clone, Copy)]
pub struct LookupResponse {
    /// The id of the request.
    pub request_id: Uuid,
    /// Its status.
    pub status: u16,
    /// The code of the error, if it is one.
    pub problem: Option<&'static str>,
    /// The time until it was ready.
    pub elapsed: Duration,
}

/// A lookup that was answered. All of it was there before, and only moves here.
pub(super) struct AnsweredLookup {
    pub(super) key: Arc<LiveKey>,
    kind: Option<&'static str>,
    question: Option<LookupHash>,
    ticket: Option<Ticket>,
    cache: Outcome,
    customers: CustomerKeys,
    sources: Option<SourceOutcomes>,
    response: LookupResponse,
    answered_at: Timestamp,
}

impl AnsweredLookup {
    pub(super) fn new(
        key: Arc<LiveKey>,
        trace: LookupTrace,
        response: LookupResponse,
        answered_at: Timestamp,
    ) -> Self {
        let LookupTrace { kind, question, ticket, cache, customers, search, .. } = trace;
        let customers = customers.unwrap_or_default();
        let sources = search.and_then(|search| search.sources);
        Self { key, kind, question, ticket, cache, customers, sources, response, answered_at }
    }

    /// The row to write. `hasher` has the key of the lookup's brand.
    pub(super) fn row(&self, hasher: &SuppressionHasher) -> NewLookup<'_> {
        let Self { response, answered_at, .. } = self;
        let elapsed = SignedDuration::try_from(response.elapsed).unwrap_or(SignedDuration::ZERO);
        let customers = self.customers.matching().filter_map(|customer| {
            let record = customer.parse().ok()?;
            Some((customer, hasher.record(&record)))
        });
        NewLookup {
            asked_at: answered_at.checked_sub(elapsed).unwrap_or(*answered_at),
            request_id: response.request_id,
            ticket: self.ticket,
            question: self.question,
            question_kind: self.kind,
            status: response.status,
            problem: response.problem,
            cache: self.cache.as_str(),
            customers: customers.collect(),
            too_many: self.customers.are_too_many(),
            sources: self.sources.as_ref().map(ToString::to_string).unwrap_or_default(),
            duration_us: u64::try_from(response.elapsed.as_micros()).unwrap_or(u64::MAX),
        }
    }
}
