//! Calls to a source's API that follow from its webhooks: one worker for each account and replica.
//!
//! As in the inbox, a claim is committed with a lease. If the worker dies, another one takes over when the
//! lease ends. Failed calls are repeated after growing pauses. An exhausted rate limit or an open circuit
//! breaker does not count as an attempt.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use crate::storage::pool::Pool;
use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::clock::Clock;
use crate::ingest::apply_reply::apply_reply;
use crate::jobs::retry::{AfterFailure, Attempt, PANICKED};
use crate::jobs::tasks::BackgroundTasks;
use crate::jobs::worker::{self, Next, Worker};
use crate::settings::file::SyncSettings;
use crate::sources::Unreadable;
use crate::sources::api::{ApiRequest, ParsedReply};
use crate::storage::StorageError;
use crate::storage::database::database_now;
use crate::storage::delivery_claims::Claim;
use crate::storage::follow_ups::{
    FollowUpRow, Outcome, claim_follow_ups, finish_follow_up, renew_follow_up,
};
use crate::telemetry::traces::{Span, SpanName, Tracer};
use crate::upstream::{CallError, CallPriority, UpstreamClient};

/// Follow-ups that one worker runs at the same time.
const MAX_CONCURRENT: u32 = 8;

/// The most further calls that may follow from one follow-up.
const MAX_FOLLOWING_CALLS: usize = 100;

/// Pause between two checks for due follow-ups.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a follow-up waits if its call was not possible.
const DEFERRED_FOR: SignedDuration = SignedDuration::from_secs(5);

/// Why a follow-up did not succeed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("{PANICKED}")]
    Panicked,
    #[error("the service stopped, or the calls took too long, at every attempt")]
    LeaseExpiredRepeatedly,
    #[error("the follow-up needs more than {} calls", MAX_FOLLOWING_CALLS)]
    TooManyFollowUps,
    /// Another worker has claimed the row, or it was deleted.
    #[error("the claim was lost")]
    Lost,
}

impl Failure {
    /// The kind of error in traces.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Call(error) => error.outcome(),
            Self::Storage(_) => "storage_failed",
            Self::Panicked => "panicked",
            Self::LeaseExpiredRepeatedly => "lease_expired",
            Self::TooManyFollowUps => "too_many_calls",
            Self::Lost => "lease_lost",
        }
    }
}

/// Runs the follow-ups of one account.
pub struct FollowUps {
    pool: Pool,
    account: Arc<UpstreamClient>,
    clock: Clock,
    lease: Duration,
    max_attempts: u32,
    tracer: Tracer,
}

impl FollowUps {
    /// Creates the worker of an account.
    #[must_use]
    pub fn new(
        pool: Pool,
        account: Arc<UpstreamClient>,
        settings: &SyncSettings,
        clock: Clock,
    ) -> Self {
        let lease = Duration::from_secs(settings.lease_seconds);
        let (max_attempts, tracer) = (settings.follow_up_max_attempts, Tracer::default());
        Self { pool, account, clock, lease, max_attempts, tracer }
    }

    /// Sends traces of the follow-ups.
    #[must_use]
    pub fn traced(self, tracer: &Tracer) -> Self {
        Self { tracer: tracer.clone(), ..self }
    }

    /// Runs until the service shuts down. Interrupted follow-ups are due again when their lease ends.
    pub async fn run(self, background: BackgroundTasks) {
        let mut worker =
            FollowUpWorker { follow_ups: self, background: background.clone(), is_failing: false };
        worker::run(&mut worker, &background).await;
    }

    /// Claims due follow-ups and runs them. Returns how many there were.
    ///
    /// # Errors
    /// When Postgres fails. The claimed follow-ups are due again when their lease ends.
    pub async fn step(&self) -> Result<usize, StorageError> {
        // While the circuit breaker is open, one call is enough to test the source.
        let limit = if self.account.is_callable() { MAX_CONCURRENT } else { 1 };
        let token = Uuid::new_v4();
        let claim = Claim { token, frozen_at: self.clock.frozen_at(), lease: self.lease, limit };
        let rows =
            claim_follow_ups(&self.pool, self.account.brand.id(), self.account.source, &claim)
                .await?;
        let finished = join_all(rows.iter().map(|row| self.process(row, token))).await;
        finished.into_iter().collect::<Result<Vec<()>, StorageError>>()?;
        Ok(rows.len())
    }

    async fn process(&self, row: &FollowUpRow, token: Uuid) -> Result<(), StorageError> {
        let attempt = Attempt { number: row.attempts, max: self.max_attempts, token };
        let asked = if attempt.is_beyond_max() {
            Err(Failure::LeaseExpiredRepeatedly)
        } else {
            let asking = AssertUnwindSafe(Box::pin(self.ask(row, token))).catch_unwind();
            let asking = asking.map(|asked| asked.unwrap_or(Err(Failure::Panicked)));
            self.tracer
                .trace(SpanName::FollowUp, asking, |span, asked| self.describe(span, asked))
                .await
        };
        let outcome = match asked {
            Ok(()) => Outcome::Answered,
            Err(Failure::Lost) => return Ok(()),
            Err(failure) => {
                let now = database_now(&self.pool, self.clock.frozen_at()).await?;
                outcome(&failure, attempt, now)
            }
        };
        self.count(&outcome);
        finish_follow_up(&self.pool, self.account.brand.id(), row.follow_up_id, token, &outcome)
            .await
    }

    fn describe(&self, span: Span, asked: &Result<(), Failure>) -> Span {
        span.with("hookpoint.brand", self.account.brand.rules.slug.clone())
            .with("hookpoint.source", self.account.source.as_str())
            .failed_with(asked.as_ref().err().map(Failure::kind))
    }

    /// Makes the call, and those that follow from it. Each reply is applied as it comes.
    async fn ask(&self, row: &FollowUpRow, token: Uuid) -> Result<(), Failure> {
        let first = serde_json::from_value(row.ask.clone())
            .map_err(|_| StorageError::Corrupt("follow_ups"))?;
        let (mut asks, mut count): (Vec<ApiRequest>, usize) = (vec![first], 0);
        while let Some(ask) = asks.pop() {
            if count > 0 && !self.renew(row, token).await? {
                return Err(Failure::Lost);
            }
            count = count.saturating_add(1);
            if count > MAX_FOLLOWING_CALLS {
                return Err(Failure::TooManyFollowUps);
            }
            let reply = self.account.call(&ask, CallPriority::FollowUp, self.timeout()).await?;
            if reply.says_nothing() {
                return Err(CallError::Unreadable(Unreadable::Missing(
                    "value at the pointers in the settings",
                ))
                .into());
            }
            self.take(&reply).await?;
            asks.extend(
                reply.next.iter().chain(&reply.follow).filter(|next| **next != ask).cloned(),
            );
        }
        Ok(())
    }

    async fn take(&self, reply: &ParsedReply) -> Result<(), StorageError> {
        apply_reply(&self.pool, &self.account, CallPriority::FollowUp, self.timeout(), reply)
            .await
            .map(|_| ())
    }

    async fn renew(&self, row: &FollowUpRow, token: Uuid) -> Result<bool, StorageError> {
        renew_follow_up(
            &self.pool,
            self.account.brand.id(),
            row.follow_up_id,
            token,
            (self.clock.frozen_at(), self.lease),
        )
        .await
    }

    /// How long one call may wait for the rate limit. It is a part of the lease, so that calls for names of
    /// places also end in time.
    fn timeout(&self) -> Duration {
        self.lease / 4
    }

    fn count(&self, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Answered => "answered",
            Outcome::Retry(..) => "retried",
            Outcome::Deferred(..) => "deferred",
            Outcome::Dead(_) => "dead",
        };
        let (brand, source) = (self.account.brand.rules.slug.clone(), self.account.source.as_str());
        metrics::counter!("hookpoint_follow_ups_total", "brand" => brand, "source" => source, "outcome" => outcome).increment(1);
    }
}

fn outcome(failure: &Failure, attempt: Attempt, now: Timestamp) -> Outcome {
    let is_retryable = match failure {
        Failure::Call(
            CallError::RateLimited
            | CallError::CircuitOpen
            | CallError::ShuttingDown
            | CallError::Storage(_),
        ) => {
            let at = now.checked_add(DEFERRED_FOR).unwrap_or(now);
            return Outcome::Deferred(at, failure.to_string());
        }
        Failure::Call(error) => error.is_retryable(),
        Failure::Storage(error) => error.is_retryable(),
        Failure::Panicked => true,
        Failure::LeaseExpiredRepeatedly | Failure::TooManyFollowUps | Failure::Lost => false,
    };
    match attempt.after(failure, is_retryable, now) {
        AfterFailure::Retry(at, words) => Outcome::Retry(at, words),
        AfterFailure::GiveUp(words) => Outcome::Dead(words),
    }
}

/// Repeats [`FollowUps::step`] for as long as the service runs.
struct FollowUpWorker {
    follow_ups: FollowUps,
    background: BackgroundTasks,
    is_failing: bool,
}

impl Worker for FollowUpWorker {
    async fn step(&mut self) -> Next {
        let stepped = tokio::select! {
            stepped = self.follow_ups.step() => stepped,
            () = self.background.until_ending() => return Next::WaitForWork(PAUSE),
        };
        // Logged once per outage, not for every attempt.
        if let Err(error) = &stepped
            && !self.is_failing
        {
            let account = &self.follow_ups.account;
            let (brand, source) = (account.brand.rules.slug.as_str(), account.source.as_str());
            tracing::warn!(brand, source, %error, "follow-up calls failed; retrying");
        }
        self.is_failing = stepped.is_err();
        match stepped {
            Ok(1..) => Next::Step,
            Ok(0) => Next::WaitForWork(PAUSE),
            Err(_) => Next::Pause(PAUSE),
        }
    }

    /// Nothing wakes it: it looks for due follow-ups after each pause.
    async fn woken(&self) {
        std::future::pending::<()>().await;
    }
}
