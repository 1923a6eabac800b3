//! Asking sources about somebody who is on the phone now.

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

/// How many records a customer may have for its sources to be asked about each.
const MOST_RECORDS: i64 = 50;

/// How many questions may follow from one.
const MOST_FOLLOWING: usize = 40;

/// How long questions that nobody waits for any more may wait for the budget.
const AFTERWARDS: Duration = Duration::from_secs(20);

/// Whom a lookup wants to know more about.
pub struct Wanted {
    /// Whom.
    pub whom: LookupTarget,
    /// The question's hash.
    pub question: LookupHash,
    /// Whether anybody is known by it here.
    pub is_known: bool,
}

/// What came of a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Searched {
    /// Whether any customer is new or different.
    pub has_changed: bool,
    /// Whether some source could not be asked.
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
    /// Where what they say is stored.
    pub pool: Pool,
    /// How they are asked.
    pub accounts: UpstreamClients,
}

impl LiveSearch {
    /// Asks some sources about somebody, all at once, and stores what they say.
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

    /// What goes wrong is told by the account's metrics and its status; the lookup goes on with what was heard.
    async fn search_one(&self, account: &Arc<UpstreamClient>, wanted: &Wanted, known: &[Record], until: Instant) -> Searched {
        let asks = account.brand.rules.sources.api(account.source).find(&wanted.whom, known);
        let (mut heard, mut unheard) = ask_all(account, &asks, until).await;
        if !heard.is_empty() && !unheard.is_empty() && account.is_open() {
            // One of them was to find out whether the source is back.
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

    /// What should be asked to know them better; also when nobody waits for it any more.
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

/// Asks all at once. What could not be asked is given back.
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

/// Who doesn't wait any more must not take the place of who does.
fn priority(until: Instant) -> (CallPriority, Duration) {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { (CallPriority::FollowUp, AFTERWARDS) } else { (CallPriority::Live, left) }
}
