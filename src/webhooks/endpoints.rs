//! What is counted at each door, and who should hear of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::storage::pool::Pool;
use jiff::Timestamp;
use metrics::Counter;

use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::sources::webhook::VerificationError;
use crate::storage::StorageError;
use crate::storage::webhook_stats::{WebhookStatsRow, add_webhook_stats};

/// What becomes of a webhook at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Stored.
    Received,
    /// The same had been stored before.
    Duplicate,
    /// Another one with the same id had been stored before: the sender's ids are broken.
    ConflictingDuplicate,
    /// The same had been stored before, and something else about the same things since.
    StaleDuplicate,
    /// The same came too often.
    RateLimited,
    /// The settings say that it is not wanted.
    Dropped,
    /// It is not proved to be the source's.
    Unverified,
    /// Its body is larger than bodies may be.
    TooLarge,
    /// The source sent it incompletely.
    Incomplete,
    /// It could not be stored; the source sends it again.
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

    const fn as_str(self) -> &'static str {
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

/// A source's way in, of one brand.
pub struct WebhookEndpoint {
    /// Whose.
    pub brand: Arc<Brand>,
    /// Of which source.
    pub source: Source,
    // Looked up once, since that takes longer than counting.
    counters: Vec<(Outcome, Counter)>,
    news: Mutex<WebhookStatsRow>,
    warned_at: AtomicI64,
}

impl WebhookEndpoint {
    fn new(brand: Arc<Brand>, source: Source) -> Self {
        let counter = |outcome: Outcome| {
            let brand = brand.rules.slug.clone();
            metrics::counter!("hookpoint_webhooks_total", "brand" => brand, "source" => source.as_str(), "outcome" => outcome.as_str())
        };
        let counters = Outcome::ALL.into_iter().map(|outcome| (outcome, counter(outcome))).collect();
        Self { brand, source, counters, news: Mutex::default(), warned_at: AtomicI64::new(i64::MIN) }
    }

    fn news(&self) -> MutexGuard<'_, WebhookStatsRow> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what became of a webhook.
    pub fn count(&self, outcome: Outcome, now: Timestamp) {
        if let Some((_, counter)) = self.counters.iter().find(|(counted, _)| *counted == outcome) {
            counter.increment(1);
        }
        let mut news = self.news();
        match outcome {
            Outcome::Received | Outcome::Duplicate | Outcome::ConflictingDuplicate | Outcome::StaleDuplicate | Outcome::Dropped => {
                let is_duplicate = matches!(outcome, Outcome::Duplicate | Outcome::ConflictingDuplicate | Outcome::StaleDuplicate);
                news.duplicates = news.duplicates.saturating_add(i64::from(is_duplicate));
                if outcome == Outcome::ConflictingDuplicate {
                    news.conflicting_duplicates = news.conflicting_duplicates.saturating_add(1);
                    news.conflicting_at = Some(now);
                }
                news.accepted_at = Some(now);
                news.accepted = news.accepted.saturating_add(1);
                (news.refused_in_a_row, news.refused_since) = (0, None);
            }
            Outcome::Unverified => {
                news.refused_at = Some(now);
                news.refused = news.refused.saturating_add(1);
                news.refused_in_a_row = news.refused_in_a_row.saturating_add(1);
                news.refused_since.get_or_insert(now);
            }
            Outcome::RateLimited | Outcome::TooLarge | Outcome::Incomplete | Outcome::Unavailable => {}
        }
    }

    /// Says that a webhook was refused; once a minute, since anybody can send many.
    pub fn warn(&self, refused: VerificationError, now: Timestamp) {
        let (now, last) = (now.as_second(), self.warned_at.load(Ordering::Relaxed));
        let is_due = now.saturating_sub(last) >= 60;
        if is_due && self.warned_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let (brand, source) = (self.brand.rules.slug.as_str(), self.source.as_str());
            tracing::warn!(brand, source, reason = %refused, "a webhook was refused (said once a minute); if it is the source's own, its secret is another one here");
        }
    }
}

/// All ways in.
pub struct WebhookEndpoints(HashMap<(String, Source), WebhookEndpoint>);

impl WebhookEndpoints {
    /// One for each source of each brand, also for those that are not connected.
    pub fn new<'a>(brands: impl IntoIterator<Item = &'a Arc<Brand>>) -> Self {
        let endpoints = brands.into_iter().flat_map(|brand| Source::ALL.map(|source| (Arc::clone(brand), source)));
        Self(endpoints.map(|(brand, source)| ((brand.rules.slug.clone(), source), WebhookEndpoint::new(brand, source))).collect())
    }

    /// The way in of a source.
    #[must_use]
    pub fn find(&self, brand: &str, source: &str) -> Option<&WebhookEndpoint> {
        self.0.get(&(brand.to_owned(), source.parse().ok()?))
    }

    /// Writes down what happened, for `inbox status` and for all replicas' metrics.
    ///
    /// # Errors
    /// When Postgres fails; what happened is written down next time.
    pub async fn write_down(&self, pool: &Pool) -> Result<(), StorageError> {
        for endpoint in self.0.values() {
            let news = std::mem::take(&mut *endpoint.news());
            if news == WebhookStatsRow::default() {
                continue;
            }
            let written = add_webhook_stats(pool, endpoint.brand.id(), endpoint.source, &news).await;
            if written.is_err() {
                endpoint.news().follow(&news);
            }
            written?;
        }
        Ok(())
    }
}
