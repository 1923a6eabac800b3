//! Finds a customer whom the cache does not have: in Postgres, and if sources may know more, also there.

use std::sync::Arc;
use std::time::Instant;

use super::cache::CacheKey;
use super::coalescing::LookupCoalescer;
use super::query::Question;
use super::read_through::ReadThrough;
use super::result::{LookupFailed, LookupResult};
use super::trace::{QueryStep, SearchTrace};
use crate::brand::Brand;
use crate::storage::invalidation::Invalidation;

/// Finds customers.
pub struct CustomerFinder {
    /// Sends lookups to Postgres.
    pub coalescer: Arc<LookupCoalescer>,
    /// Asks sources.
    pub read_through: ReadThrough,
}

impl CustomerFinder {
    /// Whether a source is being asked about this. A cached answer may then change soon.
    #[must_use]
    pub fn may_change_soon(&self, key: &CacheKey) -> bool {
        self.read_through.is_under_way(key)
    }

    /// Queries Postgres. If sources may have more data, asks them within the deadline, and queries Postgres again if
    /// they sent any. `trace` gets what happened.
    ///
    /// # Errors
    /// When Postgres gives no answer in time, too many lookups wait, or the service is shutting down.
    pub async fn find(
        &self,
        key: CacheKey,
        brand: &Arc<Brand>,
        question: Question,
        has_stale: bool,
        trace: &mut SearchTrace,
    ) -> Result<LookupResult, LookupFailed> {
        let started_at = Instant::now();
        if !brand.rules.asks_live() {
            return self.query(key, brand, question, has_stale, trace).await;
        }
        let stored = self.query(key, brand, question.clone(), has_stale, trace).await?;
        let searching = self.read_through.ask(key, brand, &question, &stored, started_at);
        let searched = trace.read_through(searching).await;
        trace.sources = Some(searched.sources).filter(|sources| !sources.is_empty());
        let result = if searched.has_changed {
            self.invalidate(key);
            self.query(key, brand, question, has_stale, trace).await.unwrap_or(stored)
        } else {
            stored
        };
        if searched.is_incomplete && !result.is_found() {
            // A source that was not asked may know the person, so "nobody" must not stay cached.
            self.invalidate(key);
        }
        Ok(result)
    }

    /// Queries Postgres.
    async fn query(
        &self,
        key: CacheKey,
        brand: &Arc<Brand>,
        question: Question,
        has_stale: bool,
        trace: &mut SearchTrace,
    ) -> Result<LookupResult, LookupFailed> {
        let started_at = Instant::now();
        let result = self.coalescer.ask(key, brand, question, has_stale).await;
        trace.queries.push(QueryStep::ended(started_at, &result));
        result
    }

    /// Later requests must not join a lookup that started before new data was stored.
    fn invalidate(&self, key: CacheKey) {
        self.coalescer.invalidate(&Invalidation { brand_id: key.0, hashes: Some(vec![key.1]) });
    }
}
