//! Makes calls: checks the circuit breaker, waits for the rate limit, sends the request, parses the reply.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use reqwest::Url;
use serde_json::Value;

use super::auth::AuthHeader;
use super::breaker::{Admission, Probe};
use super::http::{Answer, Body, TransportError};
use super::rate_limit_headers::RateLimitHeaders;
use super::rate_limiter::Permit;
use super::shared_call::{Outcome, PendingCall, SharedCall};
use super::{CallError, CallPriority, UpstreamClient};
use crate::sources::api::{ApiRequest, ParsedReply, Reply, Request};

impl UpstreamClient {
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
        let parsed = self.admit(ask, priority, timeout).await;
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
    ) -> Outcome {
        if self.background.is_ending() {
            return Err(CallError::ShuttingDown);
        }
        if priority == CallPriority::Live && self.budget.live_in() > timeout {
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
            Ok(None) => waiter.result().await,
            Err(_) => return Err(CallError::RateLimited),
        };
        outcome.unwrap_or(Err(CallError::ShuttingDown))
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
        let (mut was_lost, mut was_refused) = (false, false);
        let (answer, permit) = loop {
            let proof = self.authenticator.proof().await?;
            let permit = self.permit(call).await?;
            call.started.send_replace(true);
            match self.send(url.clone(), &request, &proof, &permit).await {
                Err(lost) if lost.is_broken && request.is_repeatable && !was_lost => {
                    was_lost = true;
                }
                Err(lost) => return Err(lost.error),
                Ok(answer)
                    if answer.status == 401
                        && !was_refused
                        && self.authenticator.reject(&proof) =>
                {
                    was_refused = true;
                }
                Ok(answer) => break (answer, permit),
            }
        };
        // The memory of the answer is released once it is parsed.
        let Answer { status, body, room, .. } = answer;
        let (body, is_missing) = match status {
            200..300 => (body?, false),
            404 | 410 => (Value::Null, true),
            300..400 => return Err(CallError::Redirected),
            status => return Err(CallError::Status(status)),
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
        drop((reply, room));
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
                permit = self.budget.permit(now, true, Arc::clone(&call.until)) => permit?,
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
        proof: &AuthHeader,
        permit: &Permit,
    ) -> Result<Answer, TransportError> {
        let began = Instant::now();
        let body = request.body.as_ref().map_or(Body::Nothing, Body::Json);
        let sent = self.client.send(url, body, Some(proof.header.clone())).await;
        metrics::histogram!("hookpoint_call_duration_seconds", "source" => self.source.as_str())
            .record(began.elapsed().as_secs_f64());
        self.budget
            .note_sent(
                permit,
                sent.as_ref().map_or_else(|lost| lost.sent_by, |answer| Some(answer.sent_by)),
            )
            .await;
        if let Ok(answer) = &sent {
            self.budget
                .correct(
                    permit,
                    RateLimitHeaders::read(answer.status, &answer.headers, self.clock.now()),
                )
                .await;
        }
        sent
    }

    pub(super) fn count(&self, priority: CallPriority, outcome: &'static str) {
        let (brand, source) = (self.brand.rules.slug.clone(), self.source.as_str());
        metrics::counter!("hookpoint_calls_total", "brand" => brand, "source" => source, "priority" => priority.as_str(), "outcome" => outcome)
            .increment(1);
    }
}
