//! A sync run of one stream: calls the source with retries, renews the lease, and saves the progress.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::account::SyncAccount;
use super::progress::{Listener, Progress, ProgressEvent, SyncMode};
use crate::backoff::exponential_backoff;
use crate::ingest::apply_reply::apply_reply;
use crate::sources::api::{ApiRequest, ParsedReply};
use crate::storage::StorageError;
use crate::storage::invalidation::LookupHash;
use crate::storage::sync_runs::{LeaseStatus, Step, StreamKey, renew_lease, save_step};
use crate::storage::sync_streams::StreamRow;
use crate::upstream::{CallError, CallPriority};

/// Failures of one call before the run gives up. With pauses up to [`MAX_PAUSE`], this takes about an hour.
const MAX_FAILURES: u32 = 64;

/// The first and the longest pause before a call is repeated.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// How deep calls that follow from replies are nested.
const MAX_DEPTH: u32 = 3;

/// Why a run ended early.
#[derive(Debug)]
pub(crate) enum RunAbort {
    Cancelled,
    Lost,
    Ending,
    Broken(CallError),
    Storage(StorageError),
}

impl From<StorageError> for RunAbort {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<CallError> for RunAbort {
    fn from(error: CallError) -> Self {
        Self::Broken(error)
    }
}

/// A sync run of one stream.
pub(crate) struct RunContext<'a> {
    pub(crate) account: &'a SyncAccount,
    pub(crate) which: StreamKey<'a>,
    /// The stream's row when the run claimed it.
    pub(crate) row: StreamRow,
    listener: Listener<'a>,
    tally: Mutex<Tally>,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    progress: Progress,
    deleted: u64,
}

impl<'a> RunContext<'a> {
    pub(crate) fn new(
        account: &'a SyncAccount,
        which: StreamKey<'a>,
        row: StreamRow,
        listener: Listener<'a>,
    ) -> Self {
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        let progress = Progress {
            scanned: count(row.scanned),
            changed: count(row.changed),
            total: row.total.map(count),
        };
        listener(ProgressEvent { progress, note: "" });
        let tally = Tally { progress, deleted: count(row.deleted) };
        Self { account, which, row, listener, tally: Mutex::new(tally) }
    }

    pub(crate) fn mode(&self) -> SyncMode {
        SyncMode::of(&self.row)
    }

    pub(crate) const fn priority(&self) -> CallPriority {
        if self.row.is_reconcile { CallPriority::Reconcile } else { CallPriority::Backfill }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock()
    }

    pub(crate) fn progress(&self) -> Progress {
        self.tally().progress
    }

    pub(crate) fn deleted(&self) -> u64 {
        self.tally().deleted
    }

    /// Share of items that were wrong here. `None` for the first run, before which nothing was stored.
    pub(crate) fn drift(&self) -> Option<f32> {
        let Tally { progress, deleted } = *self.tally();
        let share = |part: u64, whole: u64| {
            let parts = u16::try_from(
                part.saturating_mul(10_000).checked_div(whole).unwrap_or_default().min(10_000),
            )
            .unwrap_or_default();
            f32::from(parts) / 10_000.0
        };
        self.row.is_reconcile.then(|| {
            share(
                progress.changed.saturating_add(deleted),
                progress.scanned.saturating_add(deleted),
            )
        })
    }

    /// Calls the source until it answers. Retryable errors are retried; the lease is renewed meanwhile.
    pub(crate) async fn ask(&self, ask: &ApiRequest) -> Result<Arc<ParsedReply>, RunAbort> {
        let timeout = self.account.lease / 4;
        let mut failures: u32 = 0;
        loop {
            let note = match self.account.client.call(ask, self.priority(), timeout).await {
                Ok(reply) => return Ok(reply),
                Err(CallError::ShuttingDown) => return Err(RunAbort::Ending),
                // Waiting for the rate limit is no failure.
                Err(error @ CallError::RateLimited) => {
                    self.report_wait(&error.to_string());
                    String::new()
                }
                Err(error) if error.is_retryable() && failures < MAX_FAILURES => {
                    let pause = exponential_backoff(FIRST_PAUSE, MAX_PAUSE.min(timeout), failures);
                    failures = failures.saturating_add(1);
                    tokio::time::sleep(pause).await;
                    error.to_string()
                }
                Err(error) => return Err(error.into()),
            };
            self.renew(&note).await?;
        }
    }

    /// Reports to the listener why the run waits.
    fn report_wait(&self, note: &str) {
        (self.listener)(ProgressEvent { progress: self.progress(), note });
    }

    pub(crate) async fn renew(&self, note: &str) -> Result<(), RunAbort> {
        if !note.is_empty() {
            self.report_wait(note);
        }
        checked(
            renew_lease(&self.account.pool, self.which, self.account.lease_owner(), note).await?,
        )
    }

    /// Applies a reply, and the calls that follow from it. Returns how many items were new or different.
    pub(crate) async fn take(&self, reply: &ParsedReply) -> Result<usize, RunAbort> {
        let mut changed = self.take_one(reply).await?;
        let mut asks: Vec<(ApiRequest, u32)> =
            reply.follow.iter().map(|ask| (ask.clone(), 1)).collect();
        while let Some((ask, depth)) = asks.pop() {
            let reply = match self.ask(&ask).await {
                Err(RunAbort::Broken(_)) => continue,
                reply => reply?,
            };
            changed = changed.saturating_add(self.take_one(&reply).await?);
            self.renew("").await?;
            asks.extend(
                reply.next.iter().filter(|next| **next != ask).map(|next| (next.clone(), depth)),
            );
            asks.extend(
                reply
                    .follow
                    .iter()
                    .filter(|_| depth < MAX_DEPTH)
                    .map(|ask| (ask.clone(), depth.saturating_add(1))),
            );
        }
        Ok(changed)
    }

    async fn take_one(&self, reply: &ParsedReply) -> Result<usize, RunAbort> {
        Ok(apply_reply(
            &self.account.pool,
            &self.account.client,
            self.priority(),
            self.account.lease / 4,
            reply,
        )
        .await?
        .different)
    }

    /// Saves the progress after a step.
    pub(crate) async fn save(&self, step: Step<'_>) -> Result<(), RunAbort> {
        let lease_status =
            save_step(&self.account.pool, self.which, self.account.lease_owner(), &step).await?;
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let progress = {
            let mut tally = self.tally();
            let Progress { scanned, changed, total } = tally.progress;
            tally.progress = Progress {
                scanned: scanned.saturating_add(count(step.scanned)),
                changed: changed.saturating_add(count(step.changed)),
                total: step.total.or(total),
            };
            tally.deleted = tally.deleted.saturating_add(count(step.deleted));
            tally.progress
        };
        (self.listener)(ProgressEvent { progress, note: "" });
        self.count_missed(count(step.changed).saturating_add(count(step.deleted)));
        checked(lease_status)
    }

    /// Counts changes that no webhook reported: every difference that a run after the first one finds.
    fn count_missed(&self, missed: u64) {
        if self.row.is_reconcile && missed > 0 {
            let (brand, stream) =
                (self.account.client.brand.rules.slug.clone(), self.which.stream.to_owned());
            let source = self.which.source.as_str();
            metrics::counter!("hookpoint_sync_missed_changes_total", "brand" => brand, "source" => source, "stream" => stream).increment(missed);
        }
    }

    /// The hash that stands for a record or event in `sync_seen_keys`.
    pub(crate) fn seen_key(&self, key: &str) -> [u8; 16] {
        LookupHash::new(&self.account.client.brand.secret, "sighting", key).0
    }
}

fn checked(lease_status: LeaseStatus) -> Result<(), RunAbort> {
    match lease_status {
        LeaseStatus::Held => Ok(()),
        LeaseStatus::Cancelled => Err(RunAbort::Cancelled),
        LeaseStatus::Lost => Err(RunAbort::Lost),
    }
}
