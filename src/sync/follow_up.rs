//! Asking what webhooks only hinted at: one worker per account, of which any replica may run one.
//!
//! Like the inbox's: a claim is committed with a lease, who dies with it leaves the question to others, and what fails is asked
//! again after growing pauses. That the budget allows no call, or that the account is left alone, is no attempt.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use crate::storage::pool::Pool;
use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::event::field;
use crate::customer::model::field_versions::{FieldVersions, Scope, Update};
use crate::customer::model::record::{Change, Record, RecordKey};
use crate::customer::model::source::Source;
use crate::inbox::retry::due_after;
use crate::ingest::apply_reply::apply_reply;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::file::SyncSettings;
use crate::sources::Delivery;
use crate::sources::Unreadable;
use crate::sources::api::{Ask, ParsedReply};
use crate::storage::StorageError;
use crate::storage::database::database_now;
use crate::storage::delivery_queue::Claim;
use crate::storage::follow_ups::{FollowUpRow, NewFollowUpRow, Outcome, claim_follow_ups, finish_follow_up, renew_follow_up};
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};
use crate::upstream::{CallError, CallPriority, UpstreamClient};

/// Questions that are asked at once.
const AT_ONCE: u32 = 8;

/// How many questions may follow from one.
const MOST_FOLLOWING: usize = 100;

/// How often it is looked at what is due.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a question waits that could not be asked.
const UNASKED: SignedDuration = SignedDuration::from_secs(5);

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("a mistake of this program: please report it")]
    Panicked,
    #[error("each time it was begun, the service ended or took too long")]
    NeverEnded,
    #[error("more questions follow from it than anybody needs")]
    TooManyFollowUps,
    /// Somebody else asks, or nobody needs to any more.
    #[error("it is no longer claimed")]
    Lost,
}

/// Asks what is to be asked of one account.
pub struct FollowUps {
    pool: Pool,
    account: Arc<UpstreamClient>,
    clock: Clock,
    lease: Duration,
    max_attempts: u32,
}

impl FollowUps {
    /// A worker for an account.
    #[must_use]
    pub const fn new(pool: Pool, account: Arc<UpstreamClient>, settings: &SyncSettings, clock: Clock) -> Self {
        let lease = Duration::from_secs(settings.lease_seconds);
        Self { pool, account, clock, lease, max_attempts: settings.follow_up_max_attempts }
    }

    /// Goes on until the service ends. What is being asked then is due again when its lease ends.
    pub async fn run(self, background: BackgroundTasks) {
        let mut is_failing = false;
        while !background.is_ending() {
            let stepped = tokio::select! {
                stepped = self.step() => stepped,
                () = background.until_ending() => return,
            };
            match stepped {
                Ok(count) if count > 0 => {
                    is_failing = false;
                    continue;
                }
                Ok(_) => is_failing = false,
                Err(error) => {
                    // Said once, not for every attempt.
                    if !is_failing {
                        let (brand, source) = (self.account.brand.rules.slug.as_str(), self.account.source.as_str());
                        tracing::warn!(brand, source, %error, "what webhooks hinted at is not asked yet");
                    }
                    is_failing = true;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = background.until_ending() => return,
            }
        }
    }

    /// Claims and asks what is due. Gives back how many questions that was.
    ///
    /// # Errors
    /// When Postgres fails. What was claimed is due again when its lease ends.
    pub async fn step(&self) -> Result<usize, StorageError> {
        // One is enough to find out whether an account is back.
        let limit = if self.account.is_open() { AT_ONCE } else { 1 };
        let token = Uuid::new_v4();
        let claim = Claim { token, frozen_at: self.clock.frozen_at(), lease: self.lease, limit };
        let rows = claim_follow_ups(&self.pool, self.account.brand.id(), self.account.source, &claim).await?;
        let finished = join_all(rows.iter().map(|row| self.work_off(row, token))).await;
        finished.into_iter().collect::<Result<Vec<()>, StorageError>>()?;
        Ok(rows.len())
    }

    async fn work_off(&self, row: &FollowUpRow, token: Uuid) -> Result<(), StorageError> {
        let asked = if row.attempts > self.max_attempts {
            Err(Failure::NeverEnded)
        } else {
            AssertUnwindSafe(self.ask(row, token)).catch_unwind().await.unwrap_or(Err(Failure::Panicked))
        };
        let outcome = match asked {
            Ok(()) => Outcome::Answered,
            Err(Failure::Lost) => return Ok(()),
            Err(failure) => self.outcome(&failure, row.attempts, token, database_now(&self.pool, self.clock.frozen_at()).await?),
        };
        self.count(&outcome);
        finish_follow_up(&self.pool, self.account.brand.id(), row.follow_up_id, token, &outcome).await
    }

    fn outcome(&self, failure: &Failure, attempts: u32, token: Uuid, now: Timestamp) -> Outcome {
        let words = failure.to_string();
        let is_retryable = match failure {
            Failure::Call(CallError::RateLimited | CallError::CircuitOpen | CallError::ShuttingDown | CallError::Storage(_)) => {
                return Outcome::Unasked(now.checked_add(UNASKED).unwrap_or(now), words);
            }
            Failure::Call(error) => error.is_retryable(),
            Failure::Storage(error) => error.is_retryable(),
            Failure::Panicked => true,
            Failure::NeverEnded | Failure::TooManyFollowUps | Failure::Lost => false,
        };
        if !is_retryable {
            Outcome::Dead(words)
        } else if attempts >= self.max_attempts {
            Outcome::Dead(format!("{words} (tried {attempts} times)"))
        } else {
            Outcome::Again(due_after(attempts, token, now), words)
        }
    }

    /// Asks, and what follows from it. Each answer is taken in as it comes.
    async fn ask(&self, row: &FollowUpRow, token: Uuid) -> Result<(), Failure> {
        let first = serde_json::from_value(row.ask.clone()).map_err(|_| StorageError::Corrupt("follow_ups"))?;
        let (mut asks, mut count): (Vec<Ask>, usize) = (vec![first], 0);
        while let Some(ask) = asks.pop() {
            if count > 0 && !self.renew(row, token).await? {
                return Err(Failure::Lost);
            }
            count = count.saturating_add(1);
            if count > MOST_FOLLOWING {
                return Err(Failure::TooManyFollowUps);
            }
            let heard = self.account.call(&ask, CallPriority::FollowUp, self.timeout()).await?;
            if heard.says_nothing() {
                return Err(CallError::Unreadable(Unreadable::Missing("value where the settings' pointers lead")).into());
            }
            self.take(&heard).await?;
            asks.extend(heard.next.iter().chain(&heard.follow).filter(|next| **next != ask).cloned());
        }
        Ok(())
    }

    async fn take(&self, heard: &ParsedReply) -> Result<(), StorageError> {
        apply_reply(&self.pool, &self.account, CallPriority::FollowUp, self.timeout(), heard).await.map(|_| ())
    }

    async fn renew(&self, row: &FollowUpRow, token: Uuid) -> Result<bool, StorageError> {
        renew_follow_up(&self.pool, self.account.brand.id(), row.follow_up_id, token, (self.clock.frozen_at(), self.lease)).await
    }

    /// How long a call may wait for the budget, so that what is asked for places as well ends before the lease.
    fn timeout(&self) -> Duration {
        self.lease / 4
    }

    fn count(&self, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Answered => "answered",
            Outcome::Again(..) => "retried",
            Outcome::Unasked(..) => "deferred",
            Outcome::Dead(_) => "dead",
        };
        let (brand, source) = (self.account.brand.rules.slug.clone(), self.account.source.as_str());
        metrics::counter!("hookpoint_follow_ups_total", "brand" => brand, "source" => source, "outcome" => outcome).increment(1);
    }
}

/// What a webhook hints at, where its source may be asked.
pub(crate) fn hints(brand: &Brand, source: Source, delivery: &Delivery, changes: &[Change]) -> Vec<NewFollowUpRow> {
    if !brand.rules.accounts.contains_key(&source) {
        return Vec::new();
    }
    let asks = brand.rules.sources.api(source).after_webhook(delivery);
    let subjects = if asks.is_empty() { Vec::new() } else { subjects(changes, &SuppressionHasher::new(&brand.row.suppression_key)) };
    asks.iter().map(|ask| NewFollowUpRow { source, ask: json!(ask), subjects: subjects.clone() }).collect()
}

/// What is to be asked of records of which an old word came again, where their source may be asked.
pub fn confirmations(brand: &Brand, source: Source, records: &[RecordKey]) -> Vec<NewFollowUpRow> {
    if !brand.rules.accounts.contains_key(&source) {
        return Vec::new();
    }
    let (api, hasher) = (brand.rules.sources.api(source), SuppressionHasher::new(&brand.row.suppression_key));
    // What is known of them isn't read for this.
    let nothing = Update { at: Timestamp::MIN, received_at: Timestamp::MIN, scope: Scope::Partial, fields: BTreeMap::new() };
    let hint = |key: &RecordKey| {
        let ask = api.confirm(&Record { key: key.clone(), versions: FieldVersions::from(nothing.clone()) })?;
        Some(NewFollowUpRow { source, ask: json!(ask), subjects: vec![hasher.record(key)] })
    };
    records.iter().filter_map(hint).collect()
}

/// What is spoken of, as the ledger would name it.
fn subjects(changes: &[Change], hasher: &SuppressionHasher) -> Vec<SuppressionHash> {
    let hashes = |change: &Change| match change {
        Change::Record { key, .. } => vec![hasher.record(key)],
        Change::Event { key, update } => {
            let owner = update.fields.get(field::RECORD).and_then(|value| value.as_ref()?.as_str()?.parse::<RecordKey>().ok());
            [hasher.event(key)].into_iter().chain(owner.map(|key| hasher.record(&key))).collect()
        }
        Change::Merge(merge) => vec![hasher.record(&merge.loser), hasher.record(&merge.winner)],
    };
    changes.iter().flat_map(hashes).collect()
}
