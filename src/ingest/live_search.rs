//! Asks sources about one person, during a lookup.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::storage::pool::Pool;
use futures_util::future::join_all;

use super::apply_reply::apply_reply;
use crate::brand::Brand;
use crate::customer::model::record::Record;
use crate::customer::model::source::Source;
use crate::sources::api::{Ask, LookupTarget, ParsedReply};
use crate::storage::StorageError;
use crate::storage::invalidation::LookupHash;
use crate::storage::live_queries::save_live_query;
use crate::storage::records::list_records_of_address;
use crate::upstream::{CallPriority, UpstreamClient, UpstreamClients};

/// The most records of a customer about which the sources are asked.
const MOST_RECORDS: i64 = 50;

/// The most further calls that may follow from one search.
const MOST_FOLLOWING: usize = 40;

/// How long calls may wait for the rate limit after the lookup has ended.
const AFTERWARDS: Duration = Duration::from_secs(20);

/// A search that a lookup requests.
pub struct Wanted {
    /// The person, by address or id.
    pub whom: LookupTarget,
    /// Hash of the lookup.
    pub question: LookupHash,
    /// Whether a stored customer matches.
    pub is_known: bool,
}

/// The result of a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Searched {
    /// Whether any customer is new or different.
    pub has_changed: bool,
    /// Whether a source could not be asked.
    pub incomplete: bool,
}

impl Searched {
    const NOTHING: Self = Self { has_changed: false, incomplete: true };

    const fn and(self, other: Self) -> Self {
        Self { has_changed: self.has_changed || other.has_changed, incomplete: self.incomplete || other.incomplete }
    }
}

/// Asks sources about people.
#[derive(Clone)]
pub struct LiveSearch {
    /// Connections, to store the replies.
    pub pool: Pool,
    /// Clients of the sources.
    pub accounts: UpstreamClients,
}

impl LiveSearch {
    /// Asks sources about a person, all at the same time, and stores their replies.
    pub async fn search(self, brand: Arc<Brand>, wanted: Wanted, sources: Arc<[Source]>, timeout: Duration) -> Searched {
        let until = Instant::now().checked_add(timeout).unwrap_or_else(Instant::now);
        let Ok(known) = self.known(&brand, &wanted).await else { return Searched::NOTHING };
        let accounts = sources.iter().filter_map(|source| self.accounts.get(brand.id(), *source));
        let searches = accounts.map(|account| self.search_one(account, &wanted, &known, until));
        join_all(searches).await.into_iter().fold(Searched::default(), Searched::and)
    }

    async fn known(&self, brand: &Brand, wanted: &Wanted) -> Result<Vec<Record>, StorageError> {
        let Wanted { whom: LookupTarget::Address(address), is_known: true, .. } = wanted else { return Ok(Vec::new()) };
        list_records_of_address(&mut *self.pool.acquire().await?, brand.id(), address, MOST_RECORDS).await
    }

    /// Errors appear in the metrics and status of the account. The lookup continues with the replies that
    /// arrived.
    async fn search_one(&self, account: &Arc<UpstreamClient>, wanted: &Wanted, known: &[Record], until: Instant) -> Searched {
        let asks = account.brand.rules.sources.api(account.source).find(&wanted.whom, known);
        let (mut heard, mut unheard) = ask_all(account, &asks, until).await;
        if !heard.is_empty() && !unheard.is_empty() && account.is_open() {
            // One call tested whether the source is back. The others were refused meanwhile, so they are made
            // now.
            let (more, still_unheard) = ask_all(account, &unheard, until).await;
            heard.extend(more);
            unheard = still_unheard;
        }
        let mut has_changed = false;
        for heard in &heard {
            has_changed |= self.take(account, heard, until).await;
        }
        let is_known = heard.iter().any(|heard| !heard.changes.is_empty());
        has_changed |= self.follow(account, heard, until).await;
        let incomplete = !unheard.is_empty();
        if !incomplete {
            let _ = save_live_query(&self.pool, account.brand.id(), account.source, wanted.question, is_known).await;
        }
        Searched { has_changed, incomplete }
    }

    async fn take(&self, account: &Arc<UpstreamClient>, heard: &ParsedReply, until: Instant) -> bool {
        let (priority, timeout) = priority(until);
        apply_reply(&self.pool, account, priority, timeout, heard).await.is_ok_and(|applied| applied.customers > 0)
    }

    /// Makes the calls that follow from replies, also after the lookup has ended.
    async fn follow(&self, account: &Arc<UpstreamClient>, heard: Vec<Arc<ParsedReply>>, until: Instant) -> bool {
        let (mut has_changed, mut count, mut newest) = (false, 0, heard);
        loop {
            let mut asks: Vec<Ask> = newest.iter().flat_map(|heard| heard.follow.iter().chain(&heard.next)).cloned().collect();
            asks.sort();
            asks.dedup();
            asks.truncate(MOST_FOLLOWING.saturating_sub(count));
            count = count.saturating_add(asks.len());
            if asks.is_empty() {
                return has_changed;
            }
            let answered = asks.iter().map(async |ask| {
                let (priority, timeout) = priority(until);
                account.call(ask, priority, timeout).await
            });
            newest = join_all(answered).await.into_iter().filter_map(Result::ok).collect();
            for heard in &newest {
                has_changed |= self.take(account, heard, until).await;
            }
        }
    }
}

/// Makes all calls at the same time. Returns the replies, and the requests that failed.
async fn ask_all(account: &Arc<UpstreamClient>, asks: &[Ask], until: Instant) -> (Vec<Arc<ParsedReply>>, Vec<Ask>) {
    let answers = join_all(asks.iter().map(|ask| account.call(ask, CallPriority::Live, until.saturating_duration_since(Instant::now())))).await;
    let (mut heard, mut unheard) = (Vec::new(), Vec::new());
    for (ask, answer) in asks.iter().zip(answers) {
        match answer {
            Ok(answer) => heard.push(answer),
            Err(_) => unheard.push(ask.clone()),
        }
    }
    (heard, unheard)
}

/// Priority and timeout of a call. Calls for which no lookup waits must not delay those for which one waits.
fn priority(until: Instant) -> (CallPriority, Duration) {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { (CallPriority::FollowUp, AFTERWARDS) } else { (CallPriority::Live, left) }
}
