//! Calls of an account: asked, waited for, sent, and read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use reqwest::Url;
use serde_json::Value;

use super::auth::Proof;
use super::breaker::Admission;
use super::http::{Answer, Body, Lost};
use super::rate_limit_headers::Said;
use super::rate_limiter::Permit;
use super::single_flight::{Flight, Outcome, Progress};
use super::{Account, CallError, Class};
use crate::sources::api::{Ask, Heard, Reply, Request};

impl Account {
    /// Asks, and waits for what is heard: at most `patience` for the budget, and then for as long as a call may take. A call
    /// that has begun goes on when nobody waits for it any more.
    ///
    /// # Errors
    /// When nothing is heard.
    pub async fn call(self: &Arc<Self>, ask: &Ask, class: Class, patience: Duration) -> Result<Arc<Heard>, CallError> {
        let heard = self.board(ask, class, patience).await;
        if let Err(error @ (CallError::NoBudget | CallError::Broken)) = &heard {
            self.count(class, error.outcome());
        }
        heard
    }

    async fn board(self: &Arc<Self>, ask: &Ask, class: Class, patience: Duration) -> Outcome {
        if self.background.is_ending() {
            return Err(CallError::Ending);
        }
        if class == Class::Live && self.budget.live_in() > patience {
            return Err(CallError::NoBudget);
        }
        let probe = match self.breaker.admit() {
            Admission::Refused => return Err(CallError::Broken),
            Admission::Probe(probe) => Some(probe),
            Admission::Granted => None,
        };
        let passenger = self.join(ask, class, Instant::now() + patience, probe);
        let mut progress = passenger.flight().progress.subscribe();
        match tokio::time::timeout(patience, progress.wait_for(|progress| !progress.is_waiting())).await {
            Ok(begun) => begun.map_err(|_| CallError::Ending)?,
            Err(_) => return Err(CallError::NoBudget),
        };
        let over = progress.wait_for(Progress::is_over).await.map_err(|_| CallError::Ending)?;
        match &*over {
            Progress::Over(outcome) => outcome.clone(),
            Progress::Waiting | Progress::UnderWay => Err(CallError::Ending),
        }
    }

    /// Sends a question, and reads what comes back.
    pub(super) async fn make(self: &Arc<Self>, ask: &Ask, flight: &Flight) -> Outcome {
        let request = self.api().request(ask).ok_or(CallError::Unaskable)?;
        let url = self.places.find(&request.target)?;
        let (mut was_lost, mut was_refused) = (false, false);
        let (answer, permit) = loop {
            let proof = self.prover.proof().await?;
            let permit = self.permit(flight).await?;
            flight.progress.send_if_modified(|progress| progress.is_waiting() && !std::mem::replace(progress, Progress::UnderWay).is_over());
            match self.send(url.clone(), &request, &proof, &permit).await {
                Err(lost) if lost.is_broken && request.is_repeatable && !was_lost => was_lost = true,
                Err(lost) => return Err(lost.error),
                Ok(answer) if answer.status == 401 && !was_refused && self.prover.reject(&proof) => was_refused = true,
                Ok(answer) => break (answer, permit),
            }
        };
        // The memory of what was said is given back once it is read.
        let Answer { status, body, room, .. } = answer;
        let (body, is_missing) = match status {
            200..300 => (body?, false),
            404 | 410 => (Value::Null, true),
            300..400 => return Err(CallError::Redirected),
            status => return Err(CallError::Status(status)),
        };
        // By Postgres's clock, as webhooks have it: a replica whose clock is wrong must not say when something was heard.
        let asked_at = self.clock.or_frozen(permit.granted_at);
        let elapsed = SignedDuration::try_from(permit.since.elapsed()).unwrap_or_default();
        let received_at = self.clock.or_frozen(permit.granted_at.checked_add(elapsed).unwrap_or(permit.granted_at));
        let reply = Reply { body, is_missing, received_at };
        let heard = self.api().read(ask, &reply)?;
        drop((reply, room));
        self.count(*flight.class.borrow(), if is_missing { "missing" } else { "answered" });
        Ok(Arc::new(Heard { asked_at, is_missing, ..heard }))
    }

    /// Waits for the budget in the class of whoever waits; when somebody of a higher one joins, in that.
    async fn permit(&self, flight: &Flight) -> Result<Permit, CallError> {
        let began = Instant::now();
        let mut class = flight.class.subscribe();
        loop {
            let now = *class.borrow_and_update();
            let permit = tokio::select! {
                permit = self.budget.permit(now, true, Arc::clone(&flight.until)) => permit?,
                _ = class.changed() => continue,
            };
            if permit.is_fresh() {
                let waited = began.elapsed().as_secs_f64();
                metrics::histogram!("hookpoint_call_waits_seconds", "source" => self.source.as_str(), "class" => now.as_str()).record(waited);
                return Ok(permit);
            }
        }
    }

    async fn send(&self, url: Url, request: &Request, proof: &Proof, permit: &Permit) -> Result<Answer, Lost> {
        let began = Instant::now();
        let body = request.body.as_ref().map_or(Body::Nothing, Body::Json);
        let sent = self.client.send(url, body, Some(proof.header.clone())).await;
        metrics::histogram!("hookpoint_call_seconds", "source" => self.source.as_str()).record(began.elapsed().as_secs_f64());
        self.budget.note_sent(permit, sent.as_ref().map_or_else(|lost| lost.sent_by, |answer| Some(answer.sent_by))).await;
        if let Ok(answer) = &sent {
            self.budget.correct(permit, Said::read(answer.status, &answer.headers, self.clock.now())).await;
        }
        sent
    }

    pub(super) fn count(&self, class: Class, outcome: &'static str) {
        let (brand, source) = (self.brand.rules.slug.clone(), self.source.as_str());
        metrics::counter!("hookpoint_calls_total", "brand" => brand, "source" => source, "class" => class.as_str(), "outcome" => outcome)
            .increment(1);
    }
}
