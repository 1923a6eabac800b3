//! The lookup's way through: networks, query, key, limit, parse, cache, store.

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};

use super::cache::{AnswerCache, CacheKey};
use super::coalescing::{LookupCoalescer, LookupFailed, LookupResult};
use super::query::{Query, Question};
use super::read_through::ReadThrough;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::http::api_keys::{ApiKeyCache, LiveKey};
use crate::http::client_ip::{Caller, Proxies};
use crate::http::problem::Problem;
use crate::http::rate_limits::WrongKeys;
use crate::storage::invalidation::{Invalidation, LookupHash};

/// What a lookup needs.
pub struct LookupService {
    /// Networks that may use the service.
    pub allowed_networks: Vec<ipnet::IpNet>,
    /// Who is believed about callers' addresses.
    pub proxies: Proxies,
    /// The name of the key's parameter.
    pub key_parameter: String,
    /// Whether too many misses are refused.
    pub enforce_not_found_limit: bool,
    /// Live keys.
    pub api_keys: Arc<ApiKeyCache>,
    /// Wrong keys, by network.
    pub wrong_keys: WrongKeys,
    /// Remembered answers.
    pub cache: Arc<AnswerCache>,
    /// The way to the store.
    pub coalescer: Arc<LookupCoalescer>,
    /// The way to the sources.
    pub live: Arc<ReadThrough>,
    /// The time.
    pub clock: Clock,
}

/// What a request's log line says about a lookup.
#[derive(Debug, Clone)]
pub struct LookupTrace {
    /// The brand that the key opened.
    pub brand: Option<Arc<Brand>>,
    /// What the cache had.
    pub cache: Outcome,
}

/// What the cache had for a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A fresh answer.
    Hit,
    /// Nothing fresh: the store was asked.
    Miss,
    /// An old answer, which was given because the store had none.
    Stale,
    /// It didn't come that far.
    None,
}

impl Outcome {
    /// How many there are.
    pub const COUNT: usize = 4;

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
            Self::None => "none",
        }
    }

    /// Its place among all.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Hit => 0,
            Self::Miss => 1,
            Self::Stale => 2,
            Self::None => 3,
        }
    }
}

/// Answers a lookup.
///
/// # Errors
/// Every [`Problem`] of the contract.
pub async fn lookup(request: HttpRequest, hookpoint: Data<LookupService>) -> Result<HttpResponse, Problem> {
    let mut trace = LookupTrace { brand: None, cache: Outcome::None };
    let answered = hookpoint.answer(&request, &mut trace).await;
    request.extensions_mut().insert(trace);
    answered.map(|body| HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json; charset=utf-8")).body(body))
}

impl LookupService {
    async fn answer(&self, request: &HttpRequest, trace: &mut LookupTrace) -> Result<Bytes, Problem> {
        let caller = self.caller(request)?;
        let query = Query::split(request.query_string(), &self.key_parameter)?;
        let key = self.live_key(&query, caller)?;
        trace.brand = Some(Arc::clone(&key.brand));
        if !caller.is_allowed(&key.brand.rules.allowed_networks) {
            return Err(Problem::BrandNetworkForbidden);
        }
        key.limits.take_lookup().map_err(Problem::TooManyRequests)?;
        let (brand_id, secret) = (key.brand.id(), &key.brand.row.secret);
        let asked = query.asked()?;
        // Only canonical forms are remembered: what is found as it was sent has been validated before.
        let hash = |(kind, text): (&str, &str)| (brand_id, LookupHash::new(secret, kind, text));
        let as_sent = hash(asked.parts());
        if let Some(entry) = self.cache.fresh(&as_sent)
            && !self.live.is_under_way(&as_sent)
        {
            return self.cached(&key, entry.found, entry.body, trace);
        }
        let question = asked.validate()?;
        let canonical = hash(question.parts());
        if canonical != as_sent
            && let Some(entry) = self.cache.fresh(&canonical)
            && !self.live.is_under_way(&canonical)
        {
            return self.cached(&key, entry.found, entry.body, trace);
        }
        trace.cache = Outcome::Miss;
        let has_stale = self.cache.stale(&canonical).is_some();
        match self.ask(canonical, &key.brand, question, has_stale).await {
            Ok(landed) => self.count_miss(&key, landed.found).map(|()| landed.body),
            Err(crashed) => match self.cache.stale(&canonical) {
                Some(entry) => {
                    trace.cache = Outcome::Stale;
                    self.count_miss(&key, entry.found).map(|()| entry.body)
                }
                None => Err(match crashed {
                    LookupFailed::Failed => Problem::LookupFailed,
                    LookupFailed::Overloaded => Problem::Overloaded,
                    LookupFailed::ShuttingDown => Problem::ShuttingDown,
                }),
            },
        }
    }

    /// What the store knows; after the sources were asked that may know more, as far as there is time.
    async fn ask(&self, key: CacheKey, brand: &Arc<Brand>, question: Question, has_stale: bool) -> Result<LookupResult, LookupFailed> {
        let begun = Instant::now();
        if !brand.rules.asks_live() {
            return self.coalescer.ask(key, brand, question, has_stale).await;
        }
        let landed = self.coalescer.ask(key, brand, question.clone(), has_stale).await?;
        let learned = self.live.ask(key, brand, &question, &landed, begun).await;
        // Who asked before what is new was stored must not be joined.
        let forget = || self.coalescer.invalidate(&Invalidation { brand_id: key.0, hashes: Some(vec![key.1]) });
        let landed = if learned.changed {
            forget();
            self.coalescer.ask(key, brand, question, has_stale).await.unwrap_or(landed)
        } else {
            landed
        };
        if learned.incomplete && !landed.found {
            // Somebody may be known there: the next lookup is to ask again.
            forget();
        }
        Ok(landed)
    }

    fn caller(&self, request: &HttpRequest) -> Result<Caller, Problem> {
        let peer = request.peer_addr().ok_or(Problem::NetworkForbidden)?;
        let caller = self.proxies.caller(peer.ip(), request.headers());
        if caller.is_allowed(&self.allowed_networks) { Ok(caller) } else { Err(Problem::NetworkForbidden) }
    }

    fn live_key(&self, query: &Query<'_>, caller: Caller) -> Result<Arc<LiveKey>, Problem> {
        let key = query.key()?;
        self.api_keys.authenticate(&key, self.clock.now()).ok_or_else(|| match self.wrong_keys.take(caller.for_limits()) {
            Ok(()) => Problem::KeyUnknown,
            Err(seconds) => Problem::TooManyWrongKeys(seconds),
        })
    }

    fn cached(&self, key: &LiveKey, found: bool, body: Bytes, trace: &mut LookupTrace) -> Result<Bytes, Problem> {
        trace.cache = Outcome::Hit;
        self.count_miss(key, found).map(|()| body)
    }

    /// Somebody who asks for many unknown people may be trying numbers.
    fn count_miss(&self, key: &LiveKey, found: bool) -> Result<(), Problem> {
        if found {
            return Ok(());
        }
        key.counters.misses.increment(1);
        match key.limits.take_miss() {
            Err(seconds) if self.enforce_not_found_limit => Err(Problem::TooManyMisses(seconds)),
            Err(_) => {
                key.counters.miss_alarms.increment(1);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}
