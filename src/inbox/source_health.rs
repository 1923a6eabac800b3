//! The health of a source's webhooks: pending and dead deliveries, silence, failed verification.

use std::time::Duration;

use crate::storage::pool::Pool;
use jiff::{SignedDuration, Timestamp};

use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::storage::StorageError;
use crate::storage::bounded_counts::count_backlog;
use crate::storage::deliveries::{BacklogRow, list_backlog, list_receipts};
use crate::storage::webhook_stats::{WebhookStatsRow, get_webhook_stats};

/// The usual interval is computed from at most this many deliveries.
const USUAL_INTERVAL_SAMPLE: u32 = 200;

/// With fewer deliveries, no usual interval is computed.
const MIN_SAMPLE: usize = 10;

/// The shortest usual silence. A shorter one would raise false alarms.
const MIN_USUAL_SILENCE: SignedDuration = SignedDuration::from_secs(60);

/// After this many failures in a row, over at least this long, the secret in the settings is probably wrong.
const MIN_FAILURES: i64 = 3;
const MIN_FAILING_TIME: SignedDuration = SignedDuration::from_secs(60);

/// The state of the webhooks of one source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceHealth {
    /// The source.
    pub source: Source,
    /// How its webhooks are verified, as the settings name it. `None` if the source is not connected.
    pub verification: Option<&'static str>,
    /// Whether a verification checks them.
    pub is_verified: bool,
    /// The number of pending deliveries.
    pub pending: f64,
    /// When the oldest pending delivery was received.
    pub oldest_pending_at: Option<Timestamp>,
    /// The number of dead letters.
    pub dead: f64,
    /// When the newest delivery was received.
    pub last_received_at: Option<Timestamp>,
    /// The longest usual pause between deliveries. `None` if there are too few deliveries.
    pub usual_silence: Option<SignedDuration>,
    /// The counters of its webhook endpoint.
    pub stats: WebhookStatsRow,
}

impl SourceHealth {
    /// The age of the oldest pending delivery.
    #[must_use]
    pub fn oldest_pending(&self, now: Timestamp) -> Duration {
        self.oldest_pending_at.map_or(Duration::ZERO, |at| unsigned(now.duration_since(at)))
    }

    /// The time since the newest delivery.
    #[must_use]
    pub fn silence(&self, now: Timestamp) -> Option<SignedDuration> {
        self.last_received_at.map(|at| now.duration_since(at).max(SignedDuration::ZERO))
    }

    /// The silence divided by the usual silence of the source. Above 1, it is longer than usual.
    #[must_use]
    pub fn silence_ratio(&self, now: Timestamp) -> Option<f64> {
        Some(self.silence(now)?.as_secs_f64() / self.usual_silence?.as_secs_f64())
    }

    /// Whether there was no webhook for much longer than usual.
    #[must_use]
    pub fn is_silent(&self, now: Timestamp) -> bool {
        self.silence_ratio(now).is_some_and(|ratio| ratio > 3.0)
    }

    /// Whether the verification of all recent webhooks failed. The secret in the settings is then probably wrong.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        let stats = &self.stats;
        let for_long = stats
            .unverified_since
            .zip(stats.unverified_at)
            .is_some_and(|(since, last)| last.duration_since(since) >= MIN_FAILING_TIME);
        stats.unverified_in_a_row >= MIN_FAILURES && (for_long || stats.accepted_at.is_none())
    }
}

fn unsigned(time: SignedDuration) -> Duration {
    Duration::try_from(time).unwrap_or(Duration::ZERO)
}

/// Loads the state of all sources of a brand.
///
/// # Errors
/// When Postgres fails.
pub async fn list_source_health(
    pool: &Pool,
    brand: &Brand,
) -> Result<Vec<SourceHealth>, StorageError> {
    health_with(pool, brand, &list_backlog(pool, brand.id()).await?).await
}

/// Loads the state of all sources of a brand, for a page: it counts at most 1,001 pending and 1,001 dead deliveries of
/// the brand.
///
/// # Errors
/// When Postgres fails.
pub async fn list_source_health_for_page(
    pool: &Pool,
    brand: &Brand,
) -> Result<Vec<SourceHealth>, StorageError> {
    health_with(pool, brand, &count_backlog(pool, brand.id()).await?).await
}

async fn health_with(
    pool: &Pool,
    brand: &Brand,
    backlog: &[BacklogRow],
) -> Result<Vec<SourceHealth>, StorageError> {
    let mut all = Vec::new();
    for source in Source::ALL {
        let receipts = list_receipts(pool, brand.id(), source, USUAL_INTERVAL_SAMPLE).await?;
        let part = |state: &str| {
            backlog.iter().find(|row| row.source == source.as_str() && row.state == state)
        };
        let count = |row: Option<&BacklogRow>| row.map_or(0.0, |row| row.count);
        let verification =
            brand.rules.webhook_verifiers.get(&source).map(|verifier| &verifier.verification);
        all.push(SourceHealth {
            source,
            verification: verification.map(|verification| verification.name()),
            is_verified: verification.is_some_and(|verification| verification.is_verified()),
            pending: count(part("pending")),
            oldest_pending_at: part("pending").map(|row| row.oldest_at),
            dead: count(part("dead")),
            last_received_at: receipts.iter().max().copied(),
            usual_silence: usual_silence(receipts),
            stats: get_webhook_stats(pool, brand.id(), source).await?,
        });
    }
    Ok(all)
}

/// Twice the longest gap between deliveries, without the longest 5% of the gaps.
fn usual_silence(mut receipts: Vec<Timestamp>) -> Option<SignedDuration> {
    if receipts.len() < MIN_SAMPLE {
        return None;
    }
    receipts.sort_unstable();
    let mut gaps: Vec<SignedDuration> = receipts
        .windows(2)
        .filter_map(|pair| Some(pair.last()?.duration_since(*pair.first()?)))
        .collect();
    gaps.sort_unstable();
    let place = gaps.len().saturating_sub(1).saturating_sub(gaps.len() / 20);
    gaps.get(place).map(|gap| gap.saturating_mul(2).max(MIN_USUAL_SILENCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_usual_silence_comes_from_the_gaps_and_not_from_the_night_before() {
        assert_eq!(usual_silence((0..9).map(at).collect()), None);
        assert_eq!(usual_silence((0..50).map(at).collect()), Some(MIN_USUAL_SILENCE));
        let mut busy: Vec<_> = (0..100).map(|n| at(n * 300)).collect();
        busy.push(at(500_000));
        assert_eq!(usual_silence(busy), Some(SignedDuration::from_secs(600)));
    }
}
