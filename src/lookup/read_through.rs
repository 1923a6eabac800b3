//! Read-through: asks sources that may have more data than Postgres, while the request waits, within its deadline.
//!
//! Requests about the same person share one search. A late reply is stored all the same, for the next lookup. The
//! number of searches in flight is limited. Above that, the answer has only stored data.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cache::CacheKey;
use super::query::Question;
use super::result::LookupResult;
use crate::brand::Brand;
use crate::concurrency::single_flight::{SingleFlight, Waiter};
use crate::ingest::live_search::{LiveSearch, LiveSearchOutcome, LiveSearchRequest};
use crate::jobs::tasks::BackgroundTasks;
use crate::sources::api::SourceOutcomes;
use crate::telemetry::traces::{current, within};

/// The most searches in flight.
const MAX_SEARCHES_IN_FLIGHT: usize = 2_000;

/// The part of the deadline that is kept for a second query to Postgres.
const RESERVE: Duration = Duration::from_millis(30);

/// Runs searches, and shares them between requests.
pub struct ReadThrough {
    search: LiveSearch,
    deadline: Duration,
    background: BackgroundTasks,
    in_flight: Arc<SingleFlight<CacheKey, (), LiveSearchOutcome>>,
}

impl ReadThrough {
    /// A read-through with no search in flight.
    #[must_use]
    pub fn new(search: LiveSearch, deadline: Duration, background: BackgroundTasks) -> Self {
        Self { search, deadline, background, in_flight: SingleFlight::new() }
    }

    /// Whether a search is in flight for a lookup. Its cached answer may then change soon.
    #[must_use]
    pub fn is_under_way(&self, key: &CacheKey) -> bool {
        self.in_flight.contains(key)
    }

    /// Starts a search, or joins the one in flight, and waits for it within the deadline.
    pub async fn ask(
        &self,
        key: CacheKey,
        brand: &Arc<Brand>,
        question: &Question,
        result: &LookupResult,
        started_at: Instant,
    ) -> LiveSearchOutcome {
        let timeout = self.deadline.saturating_sub(RESERVE).saturating_sub(started_at.elapsed());
        let request = || LiveSearchRequest {
            brand: Arc::clone(brand),
            target: question.into(),
            question: key.1,
            is_known: result.is_found(),
            sources: Arc::clone(&result.sources_to_query),
            timeout,
        };
        let Some(mut waiter) = self.join(key, request) else {
            let sources = SourceOutcomes::all(&result.sources_to_query, SourceOutcomes::NOT_ASKED);
            return LiveSearchOutcome { sources, ..LiveSearchOutcome::default() };
        };
        let came = tokio::time::timeout(timeout, waiter.result()).await;
        let outcome = match &came {
            Ok(Some(LiveSearchOutcome { has_changed: true, .. })) => "changed",
            Ok(Some(LiveSearchOutcome { is_incomplete: true, .. }) | None) => "unavailable",
            Ok(Some(_)) => "unchanged",
            Err(_) => "timed_out",
        };
        metrics::counter!("hookpoint_read_through_total", "brand" => brand.rules.slug.clone(), "outcome" => outcome).increment(1);
        // Some replies may already be stored.
        came.ok().flatten().unwrap_or_else(|| LiveSearchOutcome {
            has_changed: true,
            is_incomplete: true,
            sources: SourceOutcomes::all(&result.sources_to_query, SourceOutcomes::PENDING),
        })
    }

    /// Joins the search in flight, or starts one if a source may know more and there is time. The search continues
    /// even if no request waits for it.
    fn join(
        &self,
        key: CacheKey,
        request: impl FnOnce() -> LiveSearchRequest,
    ) -> Option<Waiter<(), LiveSearchOutcome>> {
        if let Some(waiter) = self.in_flight.find(&key) {
            return Some(waiter);
        }
        let request = request();
        if request.sources.is_empty()
            || request.timeout.is_zero()
            || self.in_flight.len() >= MAX_SEARCHES_IN_FLIGHT
        {
            return None;
        }
        let (waiter, leader) = self.in_flight.join(key, || ());
        if let Some(leader) = leader {
            let searching = self.search.clone().search(request);
            // Its calls appear in the trace of the request that started it.
            let searching = within(current(), searching);
            self.background.spawn(async move { leader.complete(searching.await, |_| {}) });
        }
        Some(waiter)
    }
}
