//! The webhook endpoints: their counters, and the webhooks that could not be verified.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::storage::pool::Pool;
use jiff::Timestamp;
use metrics::Counter;

use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::http::problem::Problem;
use crate::sources::webhook::VerificationFailure;
use crate::storage::StorageError;
use crate::storage::rejected_webhooks::{RejectedRow, insert_rejected};
use crate::storage::webhook_stats::{WebhookStatsRow, add_webhook_stats};

/// The result of receiving a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The webhook is stored.
    Received,
    /// The same webhook was stored before.
    Duplicate,
    /// Another webhook with the same id was stored before. The ids of the sender are not unique.
    ConflictingDuplicate,
    /// The same content was stored before, and later another content about the same records.
    StaleDuplicate,
    /// The same webhook was sent too often.
    RateLimited,
    /// The settings say that such webhooks are dropped.
    Dropped,
    /// The verification failed.
    Unverified,
    /// The body is larger than `inbox.max_body_kilobytes`.
    TooLarge,
    /// The body is incomplete or compressed.
    Incomplete,
    /// The webhook could not be stored. The source sends it again.
    Unavailable,
}

impl Outcome {
    const ALL: [Self; 10] = [
        Self::Received,
        Self::Duplicate,
        Self::ConflictingDuplicate,
        Self::StaleDuplicate,
        Self::RateLimited,
        Self::Dropped,
        Self::Unverified,
        Self::TooLarge,
        Self::Incomplete,
        Self::Unavailable,
    ];

    /// The name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Duplicate => "duplicate",
            Self::ConflictingDuplicate => "conflicting_duplicate",
            Self::StaleDuplicate => "stale_duplicate",
            Self::RateLimited => "rate_limited",
            Self::Dropped => "dropped",
            Self::Unverified => "unverified",
            Self::TooLarge => "too_large",
            Self::Incomplete => "incomplete",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The most rejected webhooks of an endpoint that are stored at once. Anybody can send many, so only the last ones count.
const MOST_REJECTED: usize = 20;

/// Why a webhook is rejected: the outcome for the counters, and the problem for the source.
pub(super) type Rejection = (Outcome, Problem);

/// The webhook endpoint of one source of one brand.
pub struct WebhookEndpoint {
    /// The brand.
    pub brand: Arc<Brand>,
    /// The source.
    pub source: Source,
    // Registered once, because that takes longer than counting.
    counters: Vec<(Outcome, Counter)>,
    unsaved: Mutex<WebhookStatsRow>,
    rejected: Mutex<VecDeque<RejectedRow>>,
    warned_at: AtomicI64,
}

impl WebhookEndpoint {
    fn new(brand: Arc<Brand>, source: Source) -> Self {
        let counter = |outcome: Outcome| {
            let brand = brand.rules.slug.clone();
            metrics::counter!("hookpoint_webhooks_total", "brand" => brand, "source" => source.as_str(), "outcome" => outcome.as_str())
        };
        let counters =
            Outcome::ALL.into_iter().map(|outcome| (outcome, counter(outcome))).collect();
        Self {
            brand,
            source,
            counters,
            unsaved: Mutex::default(),
            rejected: Mutex::default(),
            warned_at: AtomicI64::new(i64::MIN),
        }
    }

    fn unsaved(&self) -> MutexGuard<'_, WebhookStatsRow> {
        self.unsaved.lock()
    }

    /// Counts the result of a webhook.
    pub fn count(&self, outcome: Outcome, now: Timestamp) {
        if let Some((_, counter)) = self.counters.iter().find(|(counted, _)| *counted == outcome) {
            counter.increment(1);
        }
        let mut unsaved = self.unsaved();
        match outcome {
            Outcome::Received
            | Outcome::Duplicate
            | Outcome::ConflictingDuplicate
            | Outcome::StaleDuplicate
            | Outcome::Dropped => {
                let is_duplicate = matches!(
                    outcome,
                    Outcome::Duplicate | Outcome::ConflictingDuplicate | Outcome::StaleDuplicate
                );
                unsaved.duplicates = unsaved.duplicates.saturating_add(i64::from(is_duplicate));
                if outcome == Outcome::ConflictingDuplicate {
                    unsaved.conflicting_duplicates =
                        unsaved.conflicting_duplicates.saturating_add(1);
                    unsaved.conflicting_at = Some(now);
                }
                unsaved.accepted_at = Some(now);
                unsaved.accepted = unsaved.accepted.saturating_add(1);
                (unsaved.unverified_in_a_row, unsaved.unverified_since) = (0, None);
            }
            Outcome::Unverified => {
                unsaved.unverified_at = Some(now);
                unsaved.unverified = unsaved.unverified.saturating_add(1);
                unsaved.unverified_in_a_row = unsaved.unverified_in_a_row.saturating_add(1);
                unsaved.unverified_since.get_or_insert(now);
            }
            Outcome::RateLimited
            | Outcome::TooLarge
            | Outcome::Incomplete
            | Outcome::Unavailable => {}
        }
    }

    /// Keeps the reason of a failed verification for `inbox status` and `inbox rejected`, and logs it, at most once a
    /// minute, because anybody can send many such webhooks.
    pub fn reject(&self, failure: &VerificationFailure, caller: Option<IpAddr>, now: Timestamp) {
        self.unsaved().unverified_reason = Some(failure.to_string());
        self.keep_rejected(RejectedRow {
            source: self.source,
            rejected_at: now,
            reason: failure.to_string(),
            caller: caller.map(|caller| caller.to_string()).unwrap_or_default(),
        });
        let (now, last) = (now.as_second(), self.warned_at.load(Ordering::Relaxed));
        let is_due = now.saturating_sub(last) >= 60;
        if is_due
            && self
                .warned_at
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            let (brand, source) = (self.brand.rules.slug.as_str(), self.source.as_str());
            tracing::warn!(brand, source, reason = %failure, "webhook verification failed; `hookpoint inbox verify` explains a webhook (logged at most once a minute)");
        }
    }

    fn keep_rejected(&self, row: RejectedRow) {
        let mut rejected = self.rejected.lock();
        rejected.push_back(row);
        if rejected.len() > MOST_REJECTED {
            rejected.pop_front();
        }
    }

    async fn save_counters(&self, pool: &Pool) -> Result<(), StorageError> {
        let unsaved = std::mem::take(&mut *self.unsaved());
        if unsaved == WebhookStatsRow::default() {
            return Ok(());
        }
        let written = add_webhook_stats(pool, self.brand.id(), self.source, &unsaved).await;
        if written.is_err() {
            self.unsaved().follow(&unsaved);
        }
        written
    }

    /// Stores the last rejected webhooks.
    async fn save_rejected(&self, pool: &Pool) -> Result<(), StorageError> {
        let rows: Vec<RejectedRow> = std::mem::take(&mut *self.rejected.lock()).into();
        if rows.is_empty() {
            return Ok(());
        }
        let stored = insert_rejected(pool, self.brand.id(), self.source, &rows).await;
        if stored.is_err() {
            let mut rejected = self.rejected.lock();
            rows.into_iter().rev().for_each(|row| rejected.push_front(row));
            let surplus = rejected.len().saturating_sub(MOST_REJECTED);
            rejected.drain(..surplus);
        }
        stored
    }
}

/// All webhook endpoints.
pub struct WebhookEndpoints(HashMap<(String, Source), WebhookEndpoint>);

impl WebhookEndpoints {
    /// Creates an endpoint for each source of each brand, also for sources that are not connected.
    pub fn new<'a>(brands: impl IntoIterator<Item = &'a Arc<Brand>>) -> Self {
        let endpoints = brands
            .into_iter()
            .flat_map(|brand| Source::ALL.map(|source| (Arc::clone(brand), source)));
        Self(
            endpoints
                .map(|(brand, source)| {
                    ((brand.rules.slug.clone(), source), WebhookEndpoint::new(brand, source))
                })
                .collect(),
        )
    }

    /// Finds the endpoint of a source.
    #[must_use]
    pub fn find(&self, brand: &str, source: &str) -> Option<&WebhookEndpoint> {
        self.0.get(&(brand.to_owned(), source.parse().ok()?))
    }

    /// Saves the counters and the rejected webhooks, for `inbox status`, `inbox rejected` and the metrics of all replicas.
    ///
    /// # Errors
    /// When Postgres fails. They are then saved at the next call.
    pub async fn save(&self, pool: &Pool) -> Result<(), StorageError> {
        let mut saved = Ok(());
        for endpoint in self.0.values() {
            saved = saved.and(endpoint.save_counters(pool).await);
            saved = saved.and(endpoint.save_rejected(pool).await);
        }
        saved
    }
}
