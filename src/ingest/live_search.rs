//! Asks sources about one person, during a lookup.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::storage::pool::Pool;
use futures_util::future::join_all;

use super::apply_reply::apply_reply;
use crate::brand::Brand;
use crate::customer::model::record::Record;
use crate::customer::model::source::Source;
use crate::sources::api::{ApiRequest, LookupTarget, ParsedReply, SourceOutcomes};
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

/// A search for a person at sources.
pub struct LiveSearchRequest {
    /// The brand.
    pub brand: Arc<Brand>,
    /// The person, by address or id.
    pub target: LookupTarget,
    /// Hash of the lookup.
    pub question: LookupHash,
    /// Whether a stored customer matches.
    pub is_known: bool,
    /// The sources to ask.
    pub sources: Arc<[Source]>,
    /// How long the lookup waits for the result.
    pub timeout: Duration,
}

/// The result of a search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveSearchOutcome {
    /// Whether any customer is new or different.
    pub has_changed: bool,
    /// Whether a source could not be asked, or did not answer in time.
    pub is_incomplete: bool,
    /// What each source answered.
    pub sources: SourceOutcomes,
}

/// What one source answered in a search.
struct SearchedSource {
    has_changed: bool,
    /// Why the source could not be asked about everything, or whether it knows the person.
    outcome: Result<bool, &'static str>,
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
    pub async fn search(self, request: LiveSearchRequest) -> LiveSearchOutcome {
        let until = Instant::now().checked_add(request.timeout).unwrap_or_else(Instant::now);
        let Ok(known) = self.known(&request).await else {
            let sources = SourceOutcomes::all(&request.sources, SourceOutcomes::NOT_ASKED);
            return LiveSearchOutcome { has_changed: false, is_incomplete: true, sources };
        };
        let accounts = request
            .sources
            .iter()
            .filter_map(|source| self.accounts.get(request.brand.id(), *source));
        let searches = accounts.map(async |account| {
            (account.source, self.search_one(account, &request, &known, until).await)
        });
        let searched = join_all(searches).await;
        LiveSearchOutcome {
            has_changed: searched.iter().any(|(_, searched)| searched.has_changed),
            is_incomplete: searched.iter().any(|(_, searched)| searched.outcome.is_err()),
            sources: searched
                .iter()
                .map(|(source, searched)| match searched.outcome {
                    Ok(true) => (*source, SourceOutcomes::FOUND),
                    Ok(false) => (*source, SourceOutcomes::NOT_FOUND),
                    Err(outcome) => (*source, outcome),
                })
                .collect(),
        }
    }

    async fn known(&self, request: &LiveSearchRequest) -> Result<Vec<Record>, StorageError> {
        let LiveSearchRequest {
            brand, target: LookupTarget::Address(address), is_known: true, ..
        } = request
        else {
            return Ok(Vec::new());
        };
        list_records_of_address(&mut *self.pool.acquire().await?, brand.id(), address, MOST_RECORDS)
            .await
    }

    /// Errors appear in the metrics and status of the account. The lookup continues with the replies that
    /// arrived.
    async fn search_one(
        &self,
        account: &Arc<UpstreamClient>,
        request: &LiveSearchRequest,
        known: &[Record],
        until: Instant,
    ) -> SearchedSource {
        let asks = account.brand.rules.sources.api(account.source).find(&request.target, known);
        let (mut reply, mut failed) = ask_all(account, &asks, until).await;
        if !reply.is_empty() && !failed.is_empty() && account.is_callable() {
            // One call tested whether the source is back. The others were refused meanwhile, so they are made
            // now.
            let again: Vec<ApiRequest> = failed.into_iter().map(|(ask, _)| ask).collect();
            let (more, still_failed) = ask_all(account, &again, until).await;
            reply.extend(more);
            failed = still_failed;
        }
        let mut has_changed = false;
        for reply in &reply {
            has_changed |= self.take(account, reply, until).await;
        }
        let is_known = reply.iter().any(|reply| !reply.changes.is_empty());
        has_changed |= self.follow(account, reply, until).await;
        if let Some((_, outcome)) = failed.first() {
            return SearchedSource { has_changed, outcome: Err(outcome) };
        }
        let _ = save_live_query(
            &self.pool,
            account.brand.id(),
            account.source,
            request.question,
            is_known,
        )
        .await;
        SearchedSource { has_changed, outcome: Ok(is_known) }
    }

    async fn take(
        &self,
        account: &Arc<UpstreamClient>,
        reply: &ParsedReply,
        until: Instant,
    ) -> bool {
        let (priority, timeout) = priority(until);
        apply_reply(&self.pool, account, priority, timeout, reply)
            .await
            .is_ok_and(|applied| applied.customers > 0)
    }

    /// Makes the calls that follow from replies, also after the lookup has ended.
    async fn follow(
        &self,
        account: &Arc<UpstreamClient>,
        reply: Vec<Arc<ParsedReply>>,
        until: Instant,
    ) -> bool {
        let (mut has_changed, mut count, mut newest) = (false, 0, reply);
        loop {
            let mut asks: Vec<ApiRequest> = newest
                .iter()
                .flat_map(|reply| reply.follow.iter().chain(&reply.next))
                .cloned()
                .collect();
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
            for reply in &newest {
                has_changed |= self.take(account, reply, until).await;
            }
        }
    }
}

/// Makes all calls at the same time. Returns the replies, and the requests that failed with the outcome of each.
async fn ask_all(
    account: &Arc<UpstreamClient>,
    asks: &[ApiRequest],
    until: Instant,
) -> (Vec<Arc<ParsedReply>>, Vec<(ApiRequest, &'static str)>) {
    let answers = join_all(asks.iter().map(|ask| {
        account.call(ask, CallPriority::Live, until.saturating_duration_since(Instant::now()))
    }))
    .await;
    let (mut reply, mut failed) = (Vec::new(), Vec::new());
    for (ask, answer) in asks.iter().zip(answers) {
        match answer {
            Ok(answer) => reply.push(answer),
            Err(error) => failed.push((ask.clone(), error.outcome())),
        }
    }
    (reply, failed)
}

/// Priority and timeout of a call. Calls for which no lookup waits must not delay those for which one waits.
fn priority(until: Instant) -> (CallPriority, Duration) {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { (CallPriority::FollowUp, AFTERWARDS) } else { (CallPriority::Live, left) }
}
