//! Gauges of the sources' webhooks and of sync runs.

use jiff::Timestamp;

use crate::inbox::source_health::SourceHealth;
use crate::storage::sync_streams::StreamRow;

/// Shows how the webhooks of a source arrive and are applied.
pub(super) fn show_source_health(brand: &str, health: &SourceHealth, now: Timestamp) {
    let (brand, source) = (brand.to_owned(), health.source.as_str());
    metrics::gauge!("hookpoint_inbox_pending", "brand" => brand.clone(), "source" => source)
        .set(health.pending);
    let waited = health.oldest_pending(now).as_secs_f64();
    metrics::gauge!("hookpoint_inbox_oldest_pending_seconds", "brand" => brand.clone(), "source" => source).set(waited);
    metrics::gauge!("hookpoint_inbox_dead_letters", "brand" => brand.clone(), "source" => source)
        .set(health.dead);
    metrics::gauge!("hookpoint_webhook_verification_failing", "brand" => brand.clone(), "source" => source).set(f64::from(health.is_failing()));
    if let Some(silence) = health.silence(now) {
        metrics::gauge!("hookpoint_webhooks_silence_seconds", "brand" => brand.clone(), "source" => source).set(silence.as_secs_f64());
    }
    if let Some(ratio) = health.silence_ratio(now) {
        metrics::gauge!("hookpoint_webhooks_silence_ratio", "brand" => brand, "source" => source)
            .set(ratio);
    }
}

/// Shows how far the runs of a stream are.
pub(super) fn show_stream(brand: &str, row: &StreamRow, now: Timestamp) {
    let label = || (brand.to_owned(), row.source.clone(), row.stream.clone());
    let (brand, source, stream) = label();
    let scanned = u32::try_from(row.scanned).unwrap_or(u32::MAX);
    metrics::gauge!("hookpoint_sync_scanned", "brand" => brand, "source" => source, "stream" => stream).set(scanned);
    let (brand, source, stream) = label();
    metrics::gauge!("hookpoint_sync_failing", "brand" => brand, "source" => source, "stream" => stream).set(f64::from(row.is_failing()));
    if let Some(last_full_started_at) = row.last_full_started_at {
        let (brand, source, stream) = label();
        let age = now.duration_since(last_full_started_at).as_secs_f64();
        metrics::gauge!("hookpoint_sync_full_run_age_seconds", "brand" => brand, "source" => source, "stream" => stream).set(age);
        let (brand, source, stream) = label();
        let drift = row.drift.map_or(0.0, f64::from);
        metrics::gauge!("hookpoint_sync_drift_ratio", "brand" => brand, "source" => source, "stream" => stream).set(drift);
    }
}
