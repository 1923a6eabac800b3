//! Runs lookups against Postgres, in batches by brand or one by one, and caches and delivers their results.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use actix_web::web::Bytes;
use metrics::Histogram;
use tokio::sync::Semaphore;

use super::cache::{AnswerCache, CacheGeneration, CacheKey};
use super::query::Question;
use super::query_customers::FoundCustomer;
use super::repository::{BatchMode, LookupRepository, QueryError};
use super::result::{LookupFailed, LookupResult, QueryTime};
use crate::brand::Brand;
use crate::concurrency::batcher::{BatchLimits, BatchRunner};
use crate::concurrency::single_flight::{Leader, SingleFlight, Waiter};
use crate::customer::model::identifier::Identifier;
use crate::jobs::tasks::BackgroundTasks;

/// A batch of a brand that takes longer than this does not hold up the next one. At most two run for each brand: if
/// both are stuck, other brands still have connections.
pub(super) const BATCH_LIMITS: BatchLimits =
    BatchLimits { slow_after: Duration::from_millis(5), max_in_flight: 2 };

/// The most lookups in a batch.
const MAX_BATCH_SIZE: usize = 256;

/// What a lookup in flight asks.
pub(super) struct LookupRequest {
    pub(super) question: Question,
    /// Whether it checks that Postgres is back. Such a lookup runs even if no request waits for it.
    pub(super) is_check: bool,
}

type Outcome = Result<LookupResult, LookupFailed>;

/// The lookups in flight.
pub(super) type LookupsInFlight = SingleFlight<CacheKey, LookupRequest, Outcome>;

/// A lookup that is to be run. If it is dropped, the requests that wait for it fail.
pub(super) type PendingLookup = Leader<CacheKey, LookupRequest, Outcome>;

/// A request that waits for a lookup.
pub(super) type LookupWaiter = Waiter<LookupRequest, Outcome>;

/// Runs lookups.
pub(super) struct QueryRunner {
    pub(super) repository: LookupRepository,
    cache: Arc<AnswerCache>,
    background: BackgroundTasks,
    // Limits the lookups outside of batches, so that they cannot take every connection.
    single_slots: Semaphore,
}

impl QueryRunner {
    pub(super) fn new(
        repository: LookupRepository,
        cache: Arc<AnswerCache>,
        background: BackgroundTasks,
    ) -> Self {
        let single_slots = Semaphore::new((repository.most_connections() / 2).max(1));
        Self { repository, cache, background, single_slots }
    }

    /// Starts a lookup outside of batches.
    pub(super) fn start_single(self: &Arc<Self>, brand: Arc<Brand>, lookup: PendingLookup) {
        let runner = Arc::clone(self);
        self.background.spawn(async move {
            let _permit = runner.single_slots.acquire().await;
            let Some(lookup) = if_wanted(lookup) else { return };
            let generation = runner.cache.generation(brand.id());
            let (question, started_at) =
                (BatchMode::Single(&lookup.shared().question), Instant::now());
            let mut found = None;
            // A failure is logged there, and leaves nothing found.
            let _ = runner.repository.ask(&brand, question, &mut |_, answer| found = answer).await;
            let query = QueryTime::ended(1, started_at);
            runner.complete(lookup, generation, found.ok_or(LookupFailed::Failed), query);
        });
    }

    /// Delivers the result to all waiting requests. It is cached only if it was not invalidated since the query started.
    fn complete(
        &self,
        lookup: PendingLookup,
        generation: CacheGeneration,
        found: Result<FoundCustomer, LookupFailed>,
        query: QueryTime,
    ) {
        let may_be_cached = found.as_ref().is_ok_and(|found| found.may_be_cached);
        let result = found.map(|found| LookupResult {
            customers: found.customers,
            body: Bytes::from(found.body),
            sources_to_query: found.sources_to_query.into(),
            query,
        });
        let key = *lookup.key();
        let cacheable = result.as_ref().ok().filter(|_| may_be_cached).cloned();
        lookup.complete(result, |is_current| {
            if let Some(LookupResult { body, customers, .. }) = cacheable
                && is_current
                && generation == self.cache.generation(key.0)
            {
                self.cache.store(key, body, customers, generation);
            }
        });
    }
}

fn if_wanted(lookup: PendingLookup) -> Option<PendingLookup> {
    if lookup.shared().is_check { Some(lookup) } else { lookup.if_wanted() }
}

/// Runs the lookups of one brand in batches: one statement on one connection. If a batch fails, those of its lookups that
/// are not answered yet run one by one.
pub(super) struct BrandRunner {
    pub(super) runner: Arc<QueryRunner>,
    pub(super) brand: Arc<Brand>,
}

impl BatchRunner for BrandRunner {
    type Item = PendingLookup;

    fn take(&self, waiting: &mut VecDeque<PendingLookup>) -> Vec<PendingLookup> {
        waiting.drain(..waiting.len().min(MAX_BATCH_SIZE)).collect()
    }

    async fn run(&self, batch: Vec<PendingLookup>) {
        let with_address = |lookup: PendingLookup| {
            let address = lookup.shared().question.address()?.clone();
            Some((Some(lookup), address))
        };
        let (mut lookups, addresses): (Vec<Option<PendingLookup>>, Vec<Identifier>) =
            batch.into_iter().filter_map(if_wanted).filter_map(with_address).unzip();
        if addresses.is_empty() {
            return;
        }
        let Self { runner, brand } = self;
        let generation = runner.cache.generation(brand.id());
        let (size, started_at) = (lookups.len(), Instant::now());
        let asked = BatchMode::Batch(&addresses);
        let mut take = |n: usize, found| {
            let Some(lookup) = lookups.get_mut(n).and_then(Option::take) else { return };
            match found {
                Some(found) => {
                    let query = QueryTime::ended(size, started_at);
                    runner.complete(lookup, generation, Ok(found), query);
                }
                None => runner.start_single(Arc::clone(brand), lookup),
            }
        };
        let asked = runner.repository.ask(brand, asked, &mut take).await;
        note_batch(size, started_at);
        // Perhaps only one lookup causes the failure.
        if asked == Err(QueryError::Failed) && size > 1 {
            for lookup in lookups.into_iter().flatten() {
                runner.start_single(Arc::clone(brand), lookup);
            }
        }
    }
}

fn note_batch(lookups: usize, started_at: Instant) {
    let metrics = batch_metrics();
    metrics.lookups.record(f64::from(u32::try_from(lookups).unwrap_or(u32::MAX)));
    metrics.seconds.record(started_at.elapsed().as_secs_f64());
}

struct BatchMetrics {
    lookups: Histogram,
    seconds: Histogram,
}

fn batch_metrics() -> &'static BatchMetrics {
    static METRICS: OnceLock<BatchMetrics> = OnceLock::new();
    let register = || BatchMetrics {
        lookups: metrics::histogram!("hookpoint_batch_lookups"),
        seconds: metrics::histogram!("hookpoint_batch_duration_seconds"),
    };
    METRICS.get_or_init(register)
}
