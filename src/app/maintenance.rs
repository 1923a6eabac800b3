//! Jobs that run for as long as the service runs.

use std::sync::Arc;
use std::time::Duration;

use crate::storage::pool::Pool;
use jiff::{SignedDuration, Timestamp};

use crate::brand::Brand;
use crate::clock::Clock;
use crate::erasure::reconcile::reconcile;
use crate::erasure::suppression_file::SuppressionFile;
use crate::http::api_keys::ApiKeyCache;
use crate::inbox::source_health::{SourceHealth, list_source_health};
use crate::ingest::rebuild::rederive;
use crate::settings::file::InboxSettings;
use crate::storage::brands;
use crate::storage::delivery_queue::delete_old_deliveries;
use crate::storage::live_queries::delete_old_live_queries;
use crate::storage::sync_streams::{StreamRow, list_streams};
use crate::webhooks::endpoints::WebhookEndpoints;

/// Saves the time of the last use of each API key, every 30 seconds.
pub async fn write_last_used(pool: Pool, api_keys: Arc<ApiKeyCache>) {
    loop {
        tokio::time::sleep(Duration::from_secs(30)).await;
        if let Err(error) = api_keys.write_last_used(&pool).await {
            tracing::warn!(%error, "failed to save last use of API keys; retrying");
        }
    }
}

/// Derives customers again that were derived with other settings, one brand after the other.
pub async fn rederive_brands(pool: Pool, brands: Vec<Arc<Brand>>) {
    for brand in brands {
        while let Err(error) = rederive(&pool, &brand).await {
            tracing::warn!(brand = brand.rules.slug, %error, "failed to derive customers again with the current settings; retrying");
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }
}

/// How long an erasure by a command may take. After that, the service completes it.
const ERASING: SignedDuration = SignedDuration::from_mins(10);

/// Keeps the suppression list and its file in sync. Erases people again whom a restored backup brought back.
pub async fn reconcile_suppressions(
    pool: Pool,
    brands: Vec<Arc<Brand>>,
    (suppressions, max_erased_percent): (SuppressionFile, u32),
    clock: Clock,
) {
    loop {
        tokio::time::sleep(Duration::from_secs(60)).await;
        for brand in &brands {
            let now = clock.now();
            let began_by = now.checked_sub(ERASING).unwrap_or(now);
            if let Err(error) =
                reconcile(&pool, brand, &suppressions, max_erased_percent, now, began_by).await
            {
                tracing::error!(brand = brand.rules.slug, %error, "suppression list and its file are out of sync; retrying");
            }
        }
    }
}

/// Counts the possible matches that a person must decide.
pub async fn count_reviews(pool: Pool, brands: Vec<Arc<Brand>>) {
    loop {
        for brand in &brands {
            if let Ok(reviews) = brands::count_reviews(&pool, brand.id()).await {
                metrics::gauge!("hookpoint_match_reviews", "brand" => brand.rules.slug.clone())
                    .set(reviews);
            }
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

/// Saves the counters of webhook endpoints, every 2 seconds.
pub async fn save_webhook_stats(pool: Pool, endpoints: Arc<WebhookEndpoints>) {
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        if let Err(error) = endpoints.save(&pool).await {
            tracing::warn!(%error, "failed to save webhook counters; retrying");
        }
    }
}

/// Updates the gauges of each source's webhooks, every 10 seconds.
pub async fn watch_inboxes(pool: Pool, brands: Vec<Arc<Brand>>, clock: Clock) {
    loop {
        for brand in &brands {
            let Ok(watches) = list_source_health(&pool, brand).await else { continue };
            watches.iter().for_each(|watch| show(&brand.rules.slug, watch, clock.now()));
            metrics::gauge!("hookpoint_inbox_last_check_timestamp_seconds", "brand" => brand.rules.slug.clone()).set(unix_seconds(&clock));
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

/// The time of a check, in seconds since 1970. The gauges of the check have the values of that time.
fn unix_seconds(clock: &Clock) -> f64 {
    clock.now().duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
}

fn show(brand: &str, watch: &SourceHealth, now: Timestamp) {
    let (brand, source) = (brand.to_owned(), watch.source.as_str());
    metrics::gauge!("hookpoint_inbox_pending", "brand" => brand.clone(), "source" => source)
        .set(watch.pending);
    let waited = watch.oldest_pending(now).as_secs_f64();
    metrics::gauge!("hookpoint_inbox_oldest_pending_seconds", "brand" => brand.clone(), "source" => source).set(waited);
    metrics::gauge!("hookpoint_inbox_dead_letters", "brand" => brand.clone(), "source" => source)
        .set(watch.dead);
    metrics::gauge!("hookpoint_webhook_verification_failing", "brand" => brand.clone(), "source" => source).set(f64::from(watch.is_failing()));
    if let Some(silence) = watch.silence(now) {
        metrics::gauge!("hookpoint_webhooks_silence_seconds", "brand" => brand.clone(), "source" => source).set(silence.as_secs_f64());
    }
    if let Some(ratio) = watch.silence_ratio(now) {
        metrics::gauge!("hookpoint_webhooks_silence_ratio", "brand" => brand, "source" => source)
            .set(ratio);
    }
}

/// Deletes deliveries whose retention has ended, in small batches.
pub async fn prune_deliveries(
    pool: Pool,
    brands: Vec<Arc<Brand>>,
    settings: InboxSettings,
    clock: Clock,
) {
    let days = |count: u32| SignedDuration::from_hours(24 * i64::from(count));
    loop {
        for brand in &brands {
            let now = clock.now();
            let before = |time| now.checked_sub(time).unwrap_or(Timestamp::UNIX_EPOCH);
            let (finished, known) = (
                before(days(settings.retention_days)),
                before(days(settings.dedup_retention_days)),
            );
            while delete_old_deliveries(&pool, brand.id(), finished, known, 1_000)
                .await
                .is_ok_and(|more| more)
            {
                // The pause leaves Postgres to lookups and changes.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

/// Updates the gauges of sync runs, every 10 seconds.
pub async fn watch_streams(pool: Pool, brands: Vec<Arc<Brand>>, clock: Clock) {
    loop {
        for brand in brands.iter().filter(|brand| !brand.rules.accounts.is_empty()) {
            let Ok(rows) = list_streams(&pool, brand.id()).await else { continue };
            rows.iter().for_each(|row| show_stream(&brand.rules.slug, row, clock.now()));
            metrics::gauge!("hookpoint_sync_last_check_timestamp_seconds", "brand" => brand.rules.slug.clone()).set(unix_seconds(&clock));
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

fn show_stream(brand: &str, row: &StreamRow, now: Timestamp) {
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

/// Deletes old entries about live queries, every hour.
pub async fn prune_live_queries(pool: Pool) {
    loop {
        // If this fails, the next run deletes them.
        let _ = delete_old_live_queries(&pool).await;
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    }
}

/// Adds up the samples of histograms, which otherwise grow in memory while nobody reads the metrics.
pub async fn drain_histograms() {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        crate::telemetry::metrics().run_upkeep();
    }
}
