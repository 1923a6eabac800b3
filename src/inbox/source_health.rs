//! How a source's webhooks are doing: what waits, what is dead, whether it has fallen silent, whether its secret is right.

use std::time::Duration;

use crate::storage::pool::Pool;
use jiff::{SignedDuration, Timestamp};

use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::storage::StorageError;
use crate::storage::deliveries::{BacklogRow, list_backlog, list_receipts};
use crate::storage::webhook_stats::{WebhookStatsRow, get_webhook_stats};

/// A rhythm is taken from so many deliveries at most.
const RHYTHM: u32 = 200;

/// From so few, no rhythm can be told.
const FEWEST: usize = 10;

/// No gap shorter than this is a silence.
const SHORTEST: SignedDuration = SignedDuration::from_secs(60);

/// So many refusals in a row, over so long a time, and the secret here is probably another one than there.
const REFUSALS: i64 = 3;
const REFUSED_FOR: SignedDuration = SignedDuration::from_secs(60);

/// How a source is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceHealth {
    /// Which.
    pub source: Source,
    /// How its webhooks are proved, as the settings name it; `None` when it isn't connected.
    pub proof: Option<&'static str>,
    /// How many wait.
    pub pending: f64,
    /// When the oldest of them came.
    pub oldest_pending_at: Option<Timestamp>,
    /// How many are dead.
    pub dead: f64,
    /// When the newest came.
    pub last_received_at: Option<Timestamp>,
    /// How long it is usually silent at most; `None` before there is a rhythm.
    pub usual_silence: Option<SignedDuration>,
    /// What happened at its door.
    pub door: WebhookStatsRow,
}

impl SourceHealth {
    /// How long the oldest has waited.
    #[must_use]
    pub fn oldest_pending(&self, now: Timestamp) -> Duration {
        self.oldest_pending_at.map_or(Duration::ZERO, |at| unsigned(now.duration_since(at)))
    }

    /// How long nothing has come.
    #[must_use]
    pub fn silence(&self, now: Timestamp) -> Option<SignedDuration> {
        self.last_received_at.map(|at| now.duration_since(at).max(SignedDuration::ZERO))
    }

    /// The silence against the source's own rhythm: above 1 it is longer than usual.
    #[must_use]
    pub fn silence_ratio(&self, now: Timestamp) -> Option<f64> {
        Some(self.silence(now)?.as_secs_f64() / self.usual_silence?.as_secs_f64())
    }

    /// Nothing is believed any more that comes from it: our secret is probably wrong.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        let door = &self.door;
        let for_long = door.refused_since.zip(door.refused_at).is_some_and(|(since, last)| last.duration_since(since) >= REFUSED_FOR);
        door.refused_in_a_row >= REFUSALS && (for_long || door.accepted_at.is_none())
    }
}

fn unsigned(time: SignedDuration) -> Duration {
    Duration::try_from(time).unwrap_or(Duration::ZERO)
}

/// How all sources of a brand are doing.
///
/// # Errors
/// When Postgres fails.
pub async fn watch(pool: &Pool, brand: &Brand) -> Result<Vec<SourceHealth>, StorageError> {
    let backlog = list_backlog(pool, brand.id()).await?;
    let mut all = Vec::new();
    for source in Source::ALL {
        let receipts = list_receipts(pool, brand.id(), source, RHYTHM).await?;
        let part = |state: &str| backlog.iter().find(|row| row.source == source.as_str() && row.state == state);
        let count = |row: Option<&BacklogRow>| row.map_or(0.0, |row| row.count);
        all.push(SourceHealth {
            source,
            proof: brand.rules.doors.get(&source).map(|door| door.proof.name()),
            pending: count(part("pending")),
            oldest_pending_at: part("pending").map(|row| row.oldest_at),
            dead: count(part("dead")),
            last_received_at: receipts.iter().max().copied(),
            usual_silence: usual_silence(receipts),
            door: get_webhook_stats(pool, brand.id(), source).await?,
        });
    }
    Ok(all)
}

/// The longest gap but for the longest twentieth of them, doubled.
fn usual_silence(mut receipts: Vec<Timestamp>) -> Option<SignedDuration> {
    if receipts.len() < FEWEST {
        return None;
    }
    receipts.sort_unstable();
    let mut gaps: Vec<SignedDuration> = receipts.windows(2).filter_map(|pair| Some(pair.last()?.duration_since(*pair.first()?))).collect();
    gaps.sort_unstable();
    let place = gaps.len().saturating_sub(1).saturating_sub(gaps.len() / 20);
    gaps.get(place).map(|gap| gap.saturating_mul(2).max(SHORTEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_rhythm_is_told_from_the_gaps_and_not_by_the_night_before() {
        assert_eq!(usual_silence((0..9).map(at).collect()), None);
        assert_eq!(usual_silence((0..50).map(at).collect()), Some(SHORTEST));
        let mut busy: Vec<_> = (0..100).map(|n| at(n * 300)).collect();
        busy.push(at(500_000));
        assert_eq!(usual_silence(busy), Some(SignedDuration::from_secs(600)));
    }
}
