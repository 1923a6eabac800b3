//! One log line for each request: what an operator needs to find out what happened, and nothing about a person.
//!
//! A rejected caller (401, 403) is named by its network address, because without it nobody can find a missing entry in
//! `allowed_networks` or `trusted_proxies`. All other lines name no address.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use uuid::Uuid;

use super::client_ip::Proxies;
use super::problem::Problem;
use super::route::Route;
use crate::lookup::result::CustomerKeys;
use crate::lookup::trace::{LookupTrace, Outcome};
use crate::webhooks::handler::WebhookTrace;

/// What the log lines of requests depend on.
#[derive(Debug)]
pub struct RequestLog {
    /// The percentage of usual lookups that are logged.
    pub lookups_percent: u64,
    /// The proxies that are trusted to name the caller's address.
    pub proxies: Proxies,
}

/// A request that was answered.
pub(super) struct Answered<'a> {
    pub(super) method: &'static str,
    pub(super) route: Route,
    pub(super) status: StatusCode,
    pub(super) problem: Option<Problem>,
    pub(super) started_at: Instant,
    pub(super) elapsed: Duration,
    pub(super) request_id: Option<Uuid>,
    /// The request id as text.
    pub(super) id_text: &'a str,
}

impl Answered<'_> {
    fn duration_us(&self) -> u64 {
        u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn code(&self) -> Option<&'static str> {
        self.problem.map(Problem::code)
    }
}

impl RequestLog {
    /// Logs a request that is neither a lookup nor a webhook with an endpoint. Successful health checks are logged at
    /// the level `debug`: load balancers make one every few seconds.
    pub(super) fn log_other(&self, answered: &Answered<'_>, request: &HttpRequest) {
        if matches!(answered.route, Route::Live | Route::Ready) && answered.status.is_success() {
            tracing::debug!(
                method = answered.method,
                route = answered.route.as_str(),
                status = answered.status.as_u16(),
                duration_us = answered.duration_us(),
                request_id = answered.id_text,
                "request answered"
            );
            return;
        }
        let rejected = self.rejected(answered.status, request);
        tracing::info!(
            method = answered.method,
            route = answered.route.as_str(),
            status = answered.status.as_u16(),
            problem = answered.code(),
            peer = rejected.peer.map(tracing::field::display),
            caller = rejected.caller(),
            duration_us = answered.duration_us(),
            request_id = answered.id_text,
            "request answered"
        );
    }

    /// Logs a webhook.
    pub(super) fn log_webhook(
        &self,
        answered: &Answered<'_>,
        webhook: &WebhookTrace,
        request: &HttpRequest,
    ) {
        let rejected = self.rejected(answered.status, request);
        tracing::info!(
            method = answered.method,
            route = answered.route.as_str(),
            status = answered.status.as_u16(),
            problem = answered.code(),
            brand = webhook.brand.rules.slug,
            source = webhook.source.as_str(),
            outcome = webhook.outcome.map(|outcome| outcome.as_str()),
            reason = webhook.reason.as_ref().map(tracing::field::display),
            peer = rejected.peer.map(tracing::field::display),
            caller = rejected.caller(),
            duration_us = answered.duration_us(),
            request_id = answered.id_text,
            "request answered"
        );
    }

    /// Logs a lookup, unless it was answered as usual and is not in the sample.
    pub(super) fn log_lookup(
        &self,
        answered: &Answered<'_>,
        lookup: &LookupTrace,
        request: &HttpRequest,
    ) {
        let is_usual = answered.status.is_success() && lookup.cache != Outcome::Stale;
        if is_usual && !self.is_in_sample(answered.request_id) {
            return;
        }
        let rejected = self.rejected(answered.status, request);
        let key = lookup.key.as_deref();
        tracing::info!(
            method = answered.method,
            route = answered.route.as_str(),
            status = answered.status.as_u16(),
            problem = answered.code(),
            brand = key.map(|key| key.brand.rules.slug.as_str()),
            key_id = key.map(|key| key.id_text.as_str()),
            by = lookup.kind,
            cache = lookup.cache.as_str(),
            customers = lookup.customers.as_ref().map(CustomerKeys::len),
            sources = lookup.sources().map(tracing::field::display),
            peer = rejected.peer.map(tracing::field::display),
            caller = rejected.caller(),
            duration_us = answered.duration_us(),
            request_id = answered.id_text,
            "request answered"
        );
    }

    /// The last bits of a request id are random, so they choose the sample.
    fn is_in_sample(&self, request_id: Option<Uuid>) -> bool {
        self.lookups_percent >= 100
            || request_id.is_none_or(|id| id.as_u64_pair().1 % 100 < self.lookups_percent)
    }

    fn rejected(&self, status: StatusCode, request: &HttpRequest) -> Rejected {
        if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Rejected::default();
        }
        let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
        let caller = peer.map(|peer| self.proxies.caller(peer, request.headers()).address);
        Rejected { peer, caller }
    }
}

/// Where a rejected request came from.
#[derive(Default)]
struct Rejected {
    /// The peer of the connection.
    peer: Option<IpAddr>,
    /// The caller that trusted proxies name. `None` inside if they name it in a malformed way.
    caller: Option<Option<IpAddr>>,
}

impl Rejected {
    /// The caller, unless it is the peer.
    fn caller(&self) -> Option<String> {
        let caller = self.caller.filter(|caller| *caller != self.peer)?;
        Some(caller.map_or_else(|| "malformed".to_owned(), |address| address.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::file::ForwardedHeader;

    #[test]
    fn the_sample_has_about_the_chosen_part_of_all_lookups() {
        for (percent, expected) in [(0, 0..=0), (10, 850..=1_150), (100, 10_000..=10_000)] {
            let proxies = Proxies { trusted: Vec::new(), header: ForwardedHeader::XForwardedFor };
            let log = RequestLog { lookups_percent: percent, proxies };
            let logged = (0..10_000).filter(|_| log.is_in_sample(Some(Uuid::new_v4()))).count();
            assert!(expected.contains(&logged), "{percent} %: {logged} of 10,000");
        }
    }
}
