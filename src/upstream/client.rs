//! Makes calls: checks the circuit breaker, waits for the rate limit, sends the request, parses the reply.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use reqwest::Url;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::account_rate_limit::AccountRateLimit;
use super::allowed_origins::AllowedOrigins;
use super::auth::{AuthHeader, Authenticator};
use super::breaker::{Admission, Breaker, Probe};
use super::error::CallError;
use super::http::{Answer, Body, Client, TransportError};
use super::priority::CallPriority;
use super::rate_limit_headers::RateLimitHeaders;
use super::rate_limiter::Permit;
use super::shared_call::{Outcome, PendingCall, SharedCall, SharedCalls};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::jobs::tasks::BackgroundTasks;
use crate::sources::api::{ApiConnector, ApiRequest, ParsedReply, Reply, Request};
use crate::telemetry::traces::{self, OpenSpan, Span, SpanName};

/// The client of one account of a brand at a source.
pub struct UpstreamClient {
    /// The brand.
    pub brand: Arc<Brand>,
    /// The source.
    pub source: Source,
    pub(super) calls_per_minute: u32,
    pub(super) api: Option<Arc<dyn ApiConnector>>,
    pub(super) allowed_origins: AllowedOrigins,
    pub(super) authenticator: Authenticator,
    pub(super) client: Client,
    pub(super) rate_limit: Arc<AccountRateLimit>,
    pub(super) breaker: Arc<Breaker>,
    pub(super) shared_calls: Arc<SharedCalls>,
    pub(super) background: BackgroundTasks,
    pub(super) clock: Clock,
    pub(super) turns: Semaphore,
}

impl UpstreamClient {
    /// The connector that builds requests and parses replies.
    fn api(&self) -> &dyn ApiConnector {
        self.api.as_deref().unwrap_or_else(|| self.brand.rules.sources.api(self.source))
    }

    /// The permits to apply a reply. They limit how many replies are applied at once.
    #[must_use]
    pub const fn turns(&self) -> &Semaphore {
        &self.turns
    }

    /// The number of calls that wait or are in flight. It is 0 after everything has ended.
    #[must_use]
    pub fn calls_in_flight(&self) -> usize {
        self.shared_calls
            .len()
            .max(self.rate_limit.limiter.in_flight())
            .max(self.rate_limit.limiter.waiting())
    }

    /// Whether calls are likely to be made now. False while the circuit is open. Then one call at a time checks whether
    /// the source is back.
    #[must_use]
    pub fn is_callable(&self) -> bool {
        self.breaker.is_closed()
    }

    /// Makes a call and returns the parsed reply. It waits for the rate limit for at most `timeout`, and then as long
    /// as a call may take. A call that has started continues even if no caller waits for it.
    ///
    /// # Errors
    /// When there is no valid reply.
    pub async fn call(
        self: &Arc<Self>,
        ask: &ApiRequest,
        priority: CallPriority,
        timeout: Duration,
    ) -> Result<Arc<ParsedReply>, CallError> {
        let mut span = traces::open(SpanName::SourceCall);
        let parsed = self.admit(ask, priority, timeout, span.as_mut()).await;
        if let Some(span) = span {
            span.end(|span| self.describe(span, priority, &parsed));
        }
        if let Err(error @ (CallError::RateLimited | CallError::CircuitOpen)) = &parsed {
            self.count(priority, error.outcome());
        }
        parsed
    }

    async fn admit(
        self: &Arc<Self>,
        ask: &ApiRequest,
        priority: CallPriority,
        timeout: Duration,
        span: Option<&mut OpenSpan>,
    ) -> Outcome {
        if self.background.is_ending() {
            return Err(CallError::ShuttingDown);
        }
        if priority == CallPriority::Live && self.rate_limit.limiter.live_in() > timeout {
            return Err(CallError::RateLimited);
        }
        let probe = match self.breaker.admit() {
            Admission::Refused => return Err(CallError::CircuitOpen),
            Admission::Probe(probe) => Some(probe),
            Admission::Granted => None,
        };
        let until = Instant::now() + timeout;
        let start = || SharedCall::new(priority, until, probe.is_some());
        let (mut waiter, call) = self.shared_calls.join(ask.clone(), start);
        match call {
            Some(call) => self.background.spawn(Arc::clone(self).run(call, probe)),
            None => waiter.shared().add_caller(priority, until),
        }
        let mut started = waiter.shared().started.subscribe();
        let begun = async {
            tokio::select! {
                outcome = waiter.result() => Some(outcome),
                _ = started.wait_for(|is_started| *is_started) => None,
            }
        };
        let outcome = match tokio::time::timeout(timeout, begun).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => {
                span.into_iter().for_each(OpenSpan::note_wait);
                waiter.result().await
            }
            Err(_) => return Err(CallError::RateLimited),
        };
        outcome.unwrap_or(Err(CallError::ShuttingDown))
    }

    fn describe(&self, span: Span, priority: CallPriority, outcome: &Outcome) -> Span {
        let status = match outcome {
            Err(CallError::Status(status)) => Some(*status),
            _ => None,
        };
        span.with("hookpoint.brand", self.brand.rules.slug.clone())
            .with("hookpoint.source", self.source.as_str())
            .with("hookpoint.priority", priority.as_str())
            .with_some("http.response.status_code", status)
            .failed_with(outcome.as_ref().err().map(CallError::outcome))
    }

    /// Makes a call, and gives its outcome to the callers and the circuit breaker.
    async fn run(self: Arc<Self>, call: PendingCall, probe: Option<Probe>) {
        let shared = call.shared();
        let outcome = tokio::select! {
            outcome = self.perform(call.key(), shared) => outcome,
            () = call.until_unwanted(|| shared.may_be_cancelled()) => return,
            () = self.background.until_ending() => Err(CallError::ShuttingDown),
        };
        self.breaker.note(outcome.as_ref().err());
        drop(probe);
        // Callers that waited for the rate limit count that error themselves.
        if let Err(error) = &outcome
            && !matches!(error, CallError::RateLimited)
        {
            self.count(*shared.priority.borrow(), error.outcome());
        }
        call.complete(outcome, |_| {});
    }

    /// Sends the request and parses the reply. Repeats it once after a broken connection, and once with a new token
    /// after a 401.
    async fn perform(&self, ask: &ApiRequest, call: &SharedCall) -> Outcome {
        let request = self.api().request(ask).ok_or(CallError::Unsupported)?;
        let url = self.allowed_origins.find(&request.target)?;
        let (mut was_lost, mut was_rejected) = (false, false);
        let (answer, permit) = loop {
            let auth_header = self.authenticator.auth_header().await?;
            let permit = self.permit(call).await?;
            call.started.send_replace(true);
            match self.send(url.clone(), &request, &auth_header, &permit).await {
                Err(lost) if lost.is_broken && request.is_repeatable && !was_lost => {
                    was_lost = true;
                }
                Err(lost) => return Err(lost.error),
                Ok(answer)
                    if answer.status == 401
                        && !was_rejected
                        && self.authenticator.reject(&auth_header) =>
                {
                    was_rejected = true;
                }
                Ok(answer) => break (answer, permit),
            }
        };
        // The memory of the answer is released once it is parsed.
        let Answer { status, body, memory, .. } = answer;
        let (body, is_missing) = match status {
            200..300 => (body?, false),
            404 | 410 => (Value::Null, true),
            status => return Err(CallError::of_status(status)),
        };
        // These times use the clock of Postgres, as webhooks do. A replica with a wrong clock must not set the time of
        // a change.
        let asked_at = self.clock.or_frozen(permit.granted_at);
        let elapsed = SignedDuration::try_from(permit.since.elapsed()).unwrap_or_default();
        let received_at = self
            .clock
            .or_frozen(permit.granted_at.checked_add(elapsed).unwrap_or(permit.granted_at));
        let reply = Reply { body, is_missing, received_at };
        let parsed = self.api().read(ask, &reply)?;
        drop((reply, memory));
        self.count(*call.priority.borrow(), if is_missing { "not_found" } else { "answered" });
        Ok(Arc::new(ParsedReply { asked_at, is_missing, ..parsed }))
    }

    /// Waits for the rate limit with the highest priority of all waiting callers. If a caller with a higher one joins,
    /// it starts again with that.
    async fn permit(&self, call: &SharedCall) -> Result<Permit, CallError> {
        let began = Instant::now();
        let mut priority = call.priority.subscribe();
        loop {
            let now = *priority.borrow_and_update();
            let permit = tokio::select! {
                permit = self.rate_limit.limiter.permit(now, true, Arc::clone(&call.until)) => permit?,
                _ = priority.changed() => continue,
            };
            if permit.is_fresh() {
                let waited = began.elapsed().as_secs_f64();
                metrics::histogram!("hookpoint_call_wait_seconds", "source" => self.source.as_str(), "priority" => now.as_str()).record(waited);
                return Ok(permit);
            }
        }
    }

    async fn send(
        &self,
        url: Url,
        request: &Request,
        auth_header: &AuthHeader,
        permit: &Permit,
    ) -> Result<Answer, TransportError> {
        let began = Instant::now();
        let body = request.body.as_ref().map_or(Body::Nothing, Body::Json);
        let sent = self.client.send(url, body, Some(auth_header.header.clone())).await;
        metrics::histogram!("hookpoint_call_duration_seconds", "source" => self.source.as_str())
            .record(began.elapsed().as_secs_f64());
        let sent_by = sent.as_ref().map_or_else(|lost| lost.sent_by, |answer| Some(answer.sent_by));
        self.rate_limit.note_sent(permit, sent_by).await;
        if let Ok(answer) = &sent {
            let now = self.clock.now();
            let reported = RateLimitHeaders::read(answer.status, &answer.headers, now);
            self.rate_limit.correct(permit, reported).await;
        }
        sent
    }

    pub(super) fn count(&self, priority: CallPriority, outcome: &'static str) {
        let (brand, source) = (self.brand.rules.slug.clone(), self.source.as_str());
        metrics::counter!("hookpoint_calls_total", "brand" => brand, "source" => source, "priority" => priority.as_str(), "outcome" => outcome)
            .increment(1);
    }
}
