//! Read-through: asks sources that may have more data than Postgres, while the request waits, within its deadline.
//!
//! Requests about the same person share one search. A late reply is stored all the same, for the next lookup. The
//! number of searches in flight is limited. Above that, the answer has only stored data.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::storage::pool::Connection;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use super::cache::CacheKey;
use super::coalescing::{LookupResult, lock};
use super::query::Question;
use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::ingest::live_search::{LiveSearch, LiveSearchOutcome, LiveSearchRequest};
use crate::jobs::tasks::BackgroundTasks;
use crate::sources::api::{AccountRules, LiveWhen, LookupTarget};
use crate::storage::StorageError;
use crate::storage::answers::StoredAddress;
use crate::storage::invalidation::LookupHash;
use crate::storage::live_queries::{LastQuery, list_live_queries};

/// The most searches in flight.
const MAX_SEARCHES_IN_FLIGHT: usize = 2_000;

/// The part of the deadline that is kept for a second query to Postgres.
const RESERVE: Duration = Duration::from_millis(30);

type Waiting = Shared<BoxFuture<'static, LiveSearchOutcome>>;

/// Runs searches, and shares them between requests.
pub struct ReadThrough {
    search: LiveSearch,
    deadline: Duration,
    background: BackgroundTasks,
    under_way: Mutex<HashMap<CacheKey, Waiting>>,
    // The number of searches in flight. While it is 0, requests need no lock.
    count: AtomicUsize,
}

impl From<&Question> for LookupTarget {
    fn from(question: &Question) -> Self {
        match question {
            Question::Address(address) => Self::Address(address.clone()),
            Question::Id(id) => Self::Id(id.clone()),
        }
    }
}

impl ReadThrough {
    /// A read-through with no search in flight.
    #[must_use]
    pub fn new(search: LiveSearch, deadline: Duration, background: BackgroundTasks) -> Arc<Self> {
        Arc::new(Self {
            search,
            deadline,
            background,
            under_way: Mutex::default(),
            count: AtomicUsize::new(0),
        })
    }

    /// Whether a search is in flight for a lookup. Its cached answer may then change soon.
    pub fn is_under_way(&self, key: &CacheKey) -> bool {
        self.count.load(Ordering::Relaxed) > 0 && lock(&self.under_way).contains_key(key)
    }

    /// Starts a search, or joins the one in flight, and waits for it within the deadline.
    pub async fn ask(
        self: &Arc<Self>,
        key: CacheKey,
        brand: &Arc<Brand>,
        question: &Question,
        result: &LookupResult,
        started_at: Instant,
    ) -> LiveSearchOutcome {
        let timeout = self.deadline.saturating_sub(RESERVE).saturating_sub(started_at.elapsed());
        let Some(waiting) = self.join(key, brand, question, result, timeout) else {
            return LiveSearchOutcome::default();
        };
        let came = tokio::time::timeout(timeout, waiting).await;
        let outcome = match came {
            Ok(LiveSearchOutcome { has_changed: true, .. }) => "changed",
            Ok(LiveSearchOutcome { is_incomplete: true, .. }) => "unavailable",
            Ok(_) => "unchanged",
            Err(_) => "timed_out",
        };
        metrics::counter!("hookpoint_read_through_total", "brand" => brand.rules.slug.clone(), "outcome" => outcome).increment(1);
        // Some replies may already be stored.
        came.unwrap_or(LiveSearchOutcome { has_changed: true, is_incomplete: true })
    }

    fn join(
        self: &Arc<Self>,
        key: CacheKey,
        brand: &Arc<Brand>,
        question: &Question,
        result: &LookupResult,
        timeout: Duration,
    ) -> Option<Waiting> {
        let mut under_way = lock(&self.under_way);
        if let Some(waiting) = under_way.get(&key) {
            return Some(waiting.clone());
        }
        if result.sources_to_query.is_empty()
            || timeout.is_zero()
            || under_way.len() >= MAX_SEARCHES_IN_FLIGHT
        {
            return None;
        }
        let request = LiveSearchRequest {
            brand: Arc::clone(brand),
            target: question.into(),
            question: key.1,
            is_known: result.found,
            sources: Arc::clone(&result.sources_to_query),
            timeout,
        };
        let searching = self.search.clone().search(request);
        let place = Place { of: Arc::clone(self), key };
        let waiting = async move {
            let _place = place;
            searching.await
        };
        let waiting = waiting.boxed().shared();
        under_way.insert(key, waiting.clone());
        self.count.store(under_way.len(), Ordering::Relaxed);
        drop(under_way);
        // The search continues even if no request waits for it.
        let task = waiting.clone();
        self.background.spawn(async move {
            let _ = task.await;
        });
        Some(waiting)
    }
}

/// Removes a search from those in flight when it is dropped.
struct Place {
    of: Arc<ReadThrough>,
    key: CacheKey,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = lock(&self.of.under_way);
        let removed = under_way.remove(&self.key);
        self.of.count.store(under_way.len(), Ordering::Relaxed);
        drop(under_way);
        drop(removed);
    }
}

/// The sources that may have more data about an address than Postgres.
pub(crate) fn sources_to_query(
    brand: &Brand,
    target: &LookupTarget,
    known: &StoredAddress,
) -> Vec<Source> {
    let accounts = brand.rules.accounts.iter();
    let needed = accounts.filter(|(source, account)| {
        is_stale(
            account,
            (!known.rows.is_empty(), known.sources.contains(source)),
            last_query(&known.last_queries, **source),
        )
    });
    // Some sources cannot find a person by an address.
    let can_answer = |source: Source| {
        !known.rows.is_empty() || !brand.rules.sources.api(source).find(target, &[]).is_empty()
    };
    needed.map(|(source, _)| *source).filter(|source| can_answer(*source)).collect()
}

/// The sources that may know an id that matches no customer in Postgres.
pub(crate) async fn sources_to_query_by_id(
    db: &mut Connection,
    brand: &Brand,
    id: &str,
) -> Result<Vec<Source>, StorageError> {
    let target = LookupTarget::Id(id.to_owned());
    let accounts =
        brand.rules.accounts.iter().filter(|(_, account)| account.live.when != LiveWhen::Off);
    let mut asked: Vec<(&Source, &AccountRules)> = accounts
        .filter(|(source, _)| !brand.rules.sources.api(**source).find(&target, &[]).is_empty())
        .collect();
    if !asked.is_empty() {
        let last_queries =
            list_live_queries(db, brand.id(), LookupHash::new(&brand.secret, "id", id)).await?;
        asked.retain(|(source, account)| {
            is_stale(account, (false, false), last_query(&last_queries, **source))
        });
    }
    Ok(asked.into_iter().map(|(source, _)| *source).collect())
}

fn last_query(last_queries: &[LastQuery], source: Source) -> Option<&LastQuery> {
    last_queries.iter().find(|look| look.source == source)
}

/// Whether a source should be asked. `is_found`: a customer was found. `is_present`: that customer has data from this
/// source.
fn is_stale(
    account: &AccountRules,
    (is_found, is_present): (bool, bool),
    look: Option<&LastQuery>,
) -> bool {
    let is_older = |look: &LastQuery, seconds: u64| {
        look.age_seconds >= Duration::from_secs(seconds).as_secs_f64()
    };
    let is_unknown = || look.is_none_or(|look| is_older(look, account.live.negative_ttl_seconds));
    match account.live.when {
        LiveWhen::Off => false,
        LiveWhen::Unknown => !is_found && is_unknown(),
        LiveWhen::Stale if is_present => {
            look.is_none_or(|look| is_older(look, account.live.max_age_seconds))
        }
        LiveWhen::Stale => is_unknown(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::api::{Credential, LiveSettings};
    use crate::sources::secret::Secret;

    #[test]
    fn a_source_is_asked_when_it_may_know_more() {
        let account = |when| AccountRules {
            base_url: String::new(),
            origins: Vec::new(),
            credential: Credential::Bearer(Secret::new(Vec::new())),
            calls_per_minute: 60,
            live: LiveSettings { when, max_age_seconds: 900, negative_ttl_seconds: 300 },
        };
        let look =
            |age_seconds| Some(LastQuery { source: Source::Omneo, age_seconds, is_known: false });
        for (when, known, look, expected) in [
            (LiveWhen::Off, (false, false), None, false),
            (LiveWhen::Unknown, (false, false), None, true),
            (LiveWhen::Unknown, (true, true), None, false),
            (LiveWhen::Unknown, (true, false), None, false),
            (LiveWhen::Unknown, (false, false), look(299.0), false),
            (LiveWhen::Unknown, (false, false), look(300.0), true),
            (LiveWhen::Stale, (true, true), None, true),
            (LiveWhen::Stale, (true, true), look(899.0), false),
            (LiveWhen::Stale, (true, true), look(900.0), true),
            (LiveWhen::Stale, (true, false), None, true),
            (LiveWhen::Stale, (true, false), look(299.0), false),
            (LiveWhen::Stale, (false, false), look(301.0), true),
        ] {
            assert_eq!(
                is_stale(&account(when), known, look.as_ref()),
                expected,
                "{when:?} {known:?} {look:?}"
            );
        }
    }
}
