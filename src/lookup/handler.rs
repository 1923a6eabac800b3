//! Handles a lookup: networks, query, key, limits, parsing, cache, Postgres, sources.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use tracing_actix_web::RequestId;

use super::cache::{AnswerCache, Entry};
use super::finder::CustomerFinder;
use super::given_ids::GivenIds;
use super::history::LookupHistory;
use super::query::Query;
use super::result::{CustomerKeys, LookupFailed};
use super::trace::{LookupTrace, Outcome, SearchTrace};
use crate::clock::Clock;
use crate::http::api_keys::{ApiKeyCache, LiveKey};
use crate::http::client_ip::{Caller, Proxies};
use crate::http::problem::Problem;
use crate::http::rate_limits::WrongKeys;
use crate::storage::invalidation::LookupHash;
use crate::storage::lookup_history::Ticket;
use crate::telemetry::traces::{Scope, Tracer};

/// The state of the lookup handler.
pub struct LookupService {
    /// Networks that may use the service.
    pub allowed_networks: Vec<ipnet::IpNet>,
    /// The proxies that are trusted to name the caller's address.
    pub proxies: Proxies,
    /// The name of the query parameter with the API key.
    pub key_parameter: String,
    /// Whether a key is rejected after too many lookups that found nobody.
    pub enforce_not_found_limit: bool,
    /// The valid API keys.
    pub api_keys: Arc<ApiKeyCache>,
    /// The counter of wrong keys by network.
    pub wrong_keys: WrongKeys,
    /// The cached answers.
    pub cache: Arc<AnswerCache>,
    /// Finds customers that the cache does not have.
    pub finder: Arc<CustomerFinder>,
    /// The clock.
    pub clock: Clock,
    /// Where the spans of calls to sources go.
    pub tracer: Tracer,
    /// Where answered lookups are recorded.
    pub history: LookupHistory,
    /// Where the ids in answers are passed on.
    pub given: GivenIds,
}

/// Answers a lookup.
///
/// # Errors
/// Every [`Problem`] that can answer a lookup.
pub async fn lookup(
    request: HttpRequest,
    lookup_service: Data<LookupService>,
) -> Result<HttpResponse, Problem> {
    let mut trace = LookupTrace::default();
    let answered = lookup_service.answer(&request, &mut trace).await;
    request.extensions_mut().insert(trace);
    answered.map(|body| {
        HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, "application/json; charset=utf-8"))
            .body(body)
    })
}

impl LookupService {
    async fn answer(
        &self,
        request: &HttpRequest,
        trace: &mut LookupTrace,
    ) -> Result<Bytes, Problem> {
        let caller = self.caller(request)?;
        let query = Query::split(request.query_string(), &self.key_parameter)?;
        let key = self.live_key(&query, caller)?;
        trace.key = Some(Arc::clone(&key));
        trace.ticket = self.ticket(&query, &key);
        if !caller.is_allowed(&key.brand.rules.allowed_networks) {
            return Err(Problem::BrandNetworkForbidden);
        }
        key.limits.check_lookup().map_err(Problem::TooManyRequests)?;
        let (brand_id, secret) = (key.brand.id(), &key.brand.secret);
        let asked = query.asked()?;
        trace.kind = Some(asked.parts().0);
        // Only canonical forms are cached. So a value that is found as it was sent was validated before.
        let hash = |(kind, text): (&str, &str)| (brand_id, LookupHash::new(secret, kind, text));
        let as_sent = hash(asked.parts());
        if let Some(entry) = self.cache.fresh(&as_sent)
            && !self.finder.may_change_soon(&as_sent)
        {
            trace.question = Some(as_sent.1);
            return self.cached(&key, entry, trace);
        }
        let question = asked.validate()?;
        let canonical = hash(question.parts());
        trace.question = Some(canonical.1);
        if canonical != as_sent
            && let Some(entry) = self.cache.fresh(&canonical)
            && !self.finder.may_change_soon(&canonical)
        {
            return self.cached(&key, entry, trace);
        }
        trace.cache = Outcome::Miss;
        let has_stale = self.cache.stale(&canonical).is_some();
        let scope = self.scope_of(request);
        let search = trace.search.insert(Box::new(SearchTrace { scope, ..Default::default() }));
        // Boxed, so that the future of a lookup from the cache is small.
        match Box::pin(self.finder.find(canonical, &key.brand, question, has_stale, search)).await {
            Ok(result) => {
                self.given.note(&key.brand, &result.customers, &result.body);
                self.found(&key, result.customers, result.body, trace)
            }
            Err(error) => match self.cache.stale(&canonical) {
                Some(entry) => {
                    trace.cache = Outcome::Stale;
                    self.found(&key, entry.customers, entry.body, trace)
                }
                None => Err(match error {
                    LookupFailed::Failed => Problem::LookupFailed,
                    LookupFailed::Overloaded => Problem::Overloaded,
                    LookupFailed::ShuttingDown => Problem::ShuttingDown,
                }),
            },
        }
    }

    /// The span to which calls to sources belong, if the request is traced.
    fn scope_of(&self, request: &HttpRequest) -> Option<Arc<Scope>> {
        let id = || request.extensions().get::<RequestId>().copied();
        let id = self.tracer.is_on().then(id).flatten()?;
        self.tracer.scope_of(id.into())
    }

    fn caller(&self, request: &HttpRequest) -> Result<Caller, Problem> {
        let peer = request.peer_addr().ok_or(Problem::NetworkForbidden)?;
        let caller = self.proxies.caller(peer.ip(), request.headers());
        if caller.is_allowed(&self.allowed_networks) {
            Ok(caller)
        } else {
            Err(Problem::NetworkForbidden)
        }
    }

    fn live_key(&self, query: &Query<'_>, caller: Caller) -> Result<Arc<LiveKey>, Problem> {
        let key = query.key()?;
        self.api_keys.authenticate(&key, self.clock.now()).ok_or_else(|| {
            match self.wrong_keys.take(caller.for_limits()) {
                Ok(()) => Problem::KeyUnknown,
                Err(seconds) => Problem::TooManyWrongKeys(seconds),
            }
        })
    }

    /// The ticket, if lookups are recorded.
    fn ticket(&self, query: &Query<'_>, key: &LiveKey) -> Option<Ticket> {
        let ticket = self.history.is_on().then(|| query.ticket()).flatten()?;
        Some(Ticket::new(&key.brand.secret, &ticket))
    }

    fn cached(
        &self,
        key: &LiveKey,
        entry: Entry,
        trace: &mut LookupTrace,
    ) -> Result<Bytes, Problem> {
        trace.cache = Outcome::Hit;
        self.found(key, entry.customers, entry.body, trace)
    }

    /// Counts a lookup that found nobody. Many of them may mean that the caller tries numbers.
    fn found(
        &self,
        key: &LiveKey,
        customers: CustomerKeys,
        body: Bytes,
        trace: &mut LookupTrace,
    ) -> Result<Bytes, Problem> {
        let is_found = !customers.is_empty();
        trace.customers = Some(customers);
        if is_found {
            return Ok(body);
        }
        key.counters.not_found.increment(1);
        match key.limits.check_not_found() {
            Err(seconds) if self.enforce_not_found_limit => Err(Problem::TooManyNotFound(seconds)),
            Err(_) => {
                key.counters.not_found_alarms.increment(1);
                Ok(body)
            }
            Ok(()) => Ok(body),
        }
    }
}
