//! Read-through: sources that may know more than the store are asked while the agent's phone rings, as far as the deadline lets.
//!
//! Who asks about the same person at the same time waits for the same answers. What is late is stored all the same, and there
//! the next time. Who is under way is bounded; beyond that, what the store knows is the answer.

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
use crate::jobs::tasks::BackgroundTasks;
use crate::sources::api::{AccountRules, LiveWhen, LookupTarget};
use crate::storage::StorageError;
use crate::storage::answers::StoredAddress;
use crate::storage::invalidation::LookupHash;
use crate::storage::live_queries::{LastQuery, list_live_queries};

/// So many people may be asked about at once.
const MAX_BATCHES_IN_FLIGHT: usize = 2_000;

/// What is left of the deadline for asking the store once more.
const RESERVE: Duration = Duration::from_millis(30);

/// Whom sources are asked about.
pub struct LiveSearchRequest {
    /// Of which brand.
    pub brand: Arc<Brand>,
    /// Whom.
    pub whom: LookupTarget,
    /// The question's hash.
    pub question: LookupHash,
    /// Whether anybody is known by it here.
    pub is_known: bool,
    /// Which sources.
    pub sources: Arc<[Source]>,
    /// How long somebody waits for it.
    pub timeout: Duration,
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveSearchOutcome {
    /// Whether more may be known now.
    pub changed: bool,
    /// Whether some source could not be asked, or not in time.
    pub incomplete: bool,
}

/// Asks sources, and stores what they say.
pub type LiveSearcher = Box<dyn Fn(LiveSearchRequest) -> BoxFuture<'static, LiveSearchOutcome> + Send + Sync>;

type Waiting = Shared<BoxFuture<'static, LiveSearchOutcome>>;

/// Lets sources be asked.
pub struct ReadThrough {
    searcher: LiveSearcher,
    deadline: Duration,
    background: BackgroundTasks,
    under_way: Mutex<HashMap<CacheKey, Waiting>>,
    // So that nobody need take the lock while nothing is under way.
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
    /// Nobody is asked about yet.
    #[must_use]
    pub fn new(searcher: LiveSearcher, deadline: Duration, background: BackgroundTasks) -> Arc<Self> {
        Arc::new(Self { searcher, deadline, background, under_way: Mutex::default(), count: AtomicUsize::new(0) })
    }

    /// Whether sources are being asked about somebody: what is remembered then is about to change.
    pub fn is_under_way(&self, key: &CacheKey) -> bool {
        self.count.load(Ordering::Relaxed) > 0 && lock(&self.under_way).contains_key(key)
    }

    /// Has sources asked, or waits for those that are being asked.
    pub async fn ask(
        self: &Arc<Self>,
        key: CacheKey,
        brand: &Arc<Brand>,
        question: &Question,
        landed: &LookupResult,
        begun: Instant,
    ) -> LiveSearchOutcome {
        let timeout = self.deadline.saturating_sub(RESERVE).saturating_sub(begun.elapsed());
        let Some(waiting) = self.join(key, brand, question, landed, timeout) else { return LiveSearchOutcome { changed: false, incomplete: false } };
        let came = tokio::time::timeout(timeout, waiting).await;
        let outcome = match came {
            Ok(LiveSearchOutcome { changed: true, .. }) => "changed",
            Ok(LiveSearchOutcome { incomplete: true, .. }) => "unavailable",
            Ok(_) => "unchanged",
            Err(_) => "timed_out",
        };
        metrics::counter!("hookpoint_read_through_total", "brand" => brand.rules.slug.clone(), "outcome" => outcome).increment(1);
        // What came first may be stored already.
        came.unwrap_or(LiveSearchOutcome { changed: true, incomplete: true })
    }

    fn join(self: &Arc<Self>, key: CacheKey, brand: &Arc<Brand>, question: &Question, landed: &LookupResult, timeout: Duration) -> Option<Waiting> {
        let mut under_way = lock(&self.under_way);
        if let Some(waiting) = under_way.get(&key) {
            return Some(waiting.clone());
        }
        if landed.sources_to_query.is_empty() || timeout.is_zero() || under_way.len() >= MAX_BATCHES_IN_FLIGHT {
            return None;
        }
        let search = LiveSearchRequest {
            brand: Arc::clone(brand),
            whom: question.into(),
            question: key.1,
            is_known: landed.found,
            sources: Arc::clone(&landed.sources_to_query),
            timeout,
        };
        let searching = (self.searcher)(search);
        let place = Place { of: Arc::clone(self), key };
        let waiting = async move {
            let _place = place;
            searching.await
        };
        let waiting = waiting.boxed().shared();
        under_way.insert(key, waiting.clone());
        self.count.store(under_way.len(), Ordering::Relaxed);
        drop(under_way);
        // It goes on when nobody waits any more.
        let task = waiting.clone();
        self.background.spawn(async move {
            let _ = task.await;
        });
        Some(waiting)
    }
}

/// A place among those under way.
struct Place {
    of: Arc<ReadThrough>,
    key: CacheKey,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = lock(&self.of.under_way);
        let gone = under_way.remove(&self.key);
        self.of.count.store(under_way.len(), Ordering::Relaxed);
        drop(under_way);
        drop(gone);
    }
}

/// The sources that may know more about an address than what is known here.
pub(crate) fn sources_to_query(brand: &Brand, whom: &LookupTarget, known: &StoredAddress) -> Vec<Source> {
    let accounts = brand.rules.accounts.iter();
    let needed = accounts
        .filter(|(source, account)| is_stale(account, (!known.rows.is_empty(), known.sources.contains(source)), last_query(&known.looks, **source)));
    // Some sources know nobody by an address.
    let can_tell = |source: Source| !known.rows.is_empty() || !brand.rules.sources.api(source).find(whom, &[]).is_empty();
    needed.map(|(source, _)| *source).filter(|source| can_tell(*source)).collect()
}

/// The sources that may know an id that nobody has here.
pub(crate) async fn sources_to_query_by_id(db: &mut Connection, brand: &Brand, id: &str) -> Result<Vec<Source>, StorageError> {
    let whom = LookupTarget::Id(id.to_owned());
    let accounts = brand.rules.accounts.iter().filter(|(_, account)| account.live.when != LiveWhen::Off);
    let mut asked: Vec<(&Source, &AccountRules)> =
        accounts.filter(|(source, _)| !brand.rules.sources.api(**source).find(&whom, &[]).is_empty()).collect();
    if !asked.is_empty() {
        let looks = list_live_queries(db, brand.id(), LookupHash::new(&brand.row.secret, "id", id)).await?;
        asked.retain(|(source, account)| is_stale(account, (false, false), last_query(&looks, **source)));
    }
    Ok(asked.into_iter().map(|(source, _)| *source).collect())
}

fn last_query(looks: &[LastQuery], source: Source) -> Option<&LastQuery> {
    looks.iter().find(|look| look.source == source)
}

/// Given whether anybody is known here, and whether by what this source said.
fn is_stale(account: &AccountRules, (is_found, is_present): (bool, bool), look: Option<&LastQuery>) -> bool {
    let is_older = |look: &LastQuery, seconds: u64| look.age_seconds >= Duration::from_secs(seconds).as_secs_f64();
    let is_unknown = || look.is_none_or(|look| is_older(look, account.live.negative_ttl_seconds));
    match account.live.when {
        LiveWhen::Off => false,
        LiveWhen::Unknown => !is_found && is_unknown(),
        LiveWhen::Stale if is_present => look.is_none_or(|look| is_older(look, account.live.max_age_seconds)),
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
        let look = |age_seconds| Some(LastQuery { source: Source::Omneo, age_seconds, is_known: false });
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
            assert_eq!(is_stale(&account(when), known, look.as_ref()), expected, "{when:?} {known:?} {look:?}");
        }
    }
}
