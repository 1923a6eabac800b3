//! Scheduled jobs: counters, gauges, deletion of old rows, and the suppression list.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::gauges::{show_source_health, show_stream};
use crate::admin::delivery_jobs::work_off_part;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::erasure::reconcile::reconcile;
use crate::erasure::suppression_file::SuppressionFile;
use crate::http::api_keys::ApiKeyCache;
use crate::inbox::source_health::list_source_health;
use crate::ingest::rebuild::rederive;
use crate::jobs::schedule::Schedule;
use crate::lookup::change_listener::ChangeListener;
use crate::settings::file::InboxSettings;
use crate::storage::brands;
use crate::storage::delivery_jobs::delete_old_jobs;
use crate::storage::delivery_queue::delete_old_deliveries;
use crate::storage::listener::HEARTBEAT_INTERVAL;
use crate::storage::live_queries::delete_old_live_queries;
use crate::storage::lookup_history::delete_old_lookups;
use crate::storage::lookup_reviews::delete_past_postponements;
use crate::storage::pool::Pool;
use crate::storage::rejected_webhooks::delete_old_rejected;
use crate::storage::sync_streams::list_streams;
use crate::upstream::UpstreamClients;
use crate::webhooks::delivery_writer::DeliveryWriter;
use crate::webhooks::endpoints::WebhookEndpoints;

/// How long an erasure by a command may take. After that, the service completes it.
pub(super) const ERASURE_TIMEOUT: SignedDuration = SignedDuration::from_mins(10);

/// How long a job about deliveries is kept that was counted, and not begun.
const COUNTED_JOB_AGE: SignedDuration = SignedDuration::from_hours(1);

/// The pause between two batches of changed or deleted rows. It leaves Postgres to lookups and changes.
const PRUNE_PAUSE: Duration = Duration::from_millis(50);

/// What the scheduled jobs need.
pub(super) struct Maintenance {
    pub(super) pool: Pool,
    pub(super) brands: Vec<Arc<Brand>>,
    pub(super) clock: Clock,
    pub(super) inbox: InboxSettings,
    pub(super) trace_days: u32,
    pub(super) suppressions: SuppressionFile,
    pub(super) max_erased_percent: u32,
    pub(super) accounts: UpstreamClients,
    pub(super) api_keys: Arc<ApiKeyCache>,
    pub(super) change_listener: Arc<ChangeListener>,
    pub(super) delivery_writer: Arc<DeliveryWriter>,
    pub(super) endpoints: Arc<WebhookEndpoints>,
}

/// Starts all scheduled jobs.
pub(super) fn start(schedule: &Schedule<Maintenance>) {
    let seconds = Duration::from_secs;
    schedule.now_and_every(HEARTBEAT_INTERVAL, "send heartbeat", Maintenance::send_heartbeat);
    schedule.every(seconds(2), "save webhook counters", Maintenance::save_webhook_stats);
    schedule.every(seconds(2), "check storing", Maintenance::check_storing);
    schedule.every(seconds(1), "work off delivery jobs", Maintenance::work_off_delivery_jobs);
    schedule.every(seconds(5), "drain histograms", Maintenance::drain_histograms);
    schedule.now_and_every(seconds(10), "watch inboxes", Maintenance::watch_inboxes);
    schedule.now_and_every(seconds(10), "watch streams", Maintenance::watch_streams);
    schedule.every(seconds(10), "watch rate limits", Maintenance::watch_rate_limits);
    schedule.every(seconds(30), "save last use of API keys", Maintenance::write_last_uses);
    schedule.now_and_every(seconds(60), "count reviews", Maintenance::count_reviews);
    schedule.every(seconds(60), "reconcile suppressions", Maintenance::reconcile_suppressions);
    schedule.now_and_every(seconds(60), "delete old deliveries", Maintenance::prune_deliveries);
    schedule.now_and_every(seconds(600), "delete old lookups", Maintenance::prune_lookup_history);
    schedule.now_and_every(seconds(3_600), "delete old queries", Maintenance::prune_live_queries);
}

impl Maintenance {
    /// Sends a heartbeat, so that every replica sees that notifications arrive.
    async fn send_heartbeat(self: Arc<Self>) {
        // If a heartbeat fails, the listener notices that none arrives.
        let _ = self.change_listener.send_heartbeat().await;
    }

    /// Saves the counters of webhook endpoints.
    async fn save_webhook_stats(self: Arc<Self>) {
        if let Err(error) = self.endpoints.save(&self.pool).await {
            tracing::warn!(%error, "failed to save webhook counters; retrying");
        }
    }

    /// Ends the alarm about storing, if webhooks can be stored again.
    async fn check_storing(self: Arc<Self>) {
        self.delivery_writer.check_storing().await;
    }

    /// Adds up the samples of histograms, which otherwise grow in memory while nobody reads the metrics.
    async fn drain_histograms(self: Arc<Self>) {
        crate::telemetry::metrics().run_upkeep();
    }

    /// Updates the gauges of each source's webhooks.
    async fn watch_inboxes(self: Arc<Self>) {
        for brand in &self.brands {
            let Ok(sources) = list_source_health(&self.pool, brand).await else { continue };
            let now = self.clock.now();
            sources.iter().for_each(|health| show_source_health(&brand.rules.slug, health, now));
            metrics::gauge!("hookpoint_inbox_last_check_timestamp_seconds", "brand" => brand.rules.slug.clone()).set(unix_seconds(now));
        }
    }

    /// Updates the gauges of sync runs.
    async fn watch_streams(self: Arc<Self>) {
        for brand in self.brands.iter().filter(|brand| !brand.rules.accounts.is_empty()) {
            let Ok(rows) = list_streams(&self.pool, brand.id()).await else { continue };
            let now = self.clock.now();
            rows.iter().for_each(|row| show_stream(&brand.rules.slug, row, now));
            metrics::gauge!("hookpoint_sync_last_check_timestamp_seconds", "brand" => brand.rules.slug.clone()).set(unix_seconds(now));
        }
    }

    /// Updates the gauge of used rate limits.
    async fn watch_rate_limits(self: Arc<Self>) {
        self.accounts.measure(&self.pool).await;
    }

    /// Saves the time of the last use of each API key.
    async fn write_last_uses(self: Arc<Self>) {
        if let Err(error) = self.api_keys.write_last_uses(&self.pool).await {
            tracing::warn!(%error, "failed to save last use of API keys; retrying");
        }
    }

    /// Counts the possible matches that a person must decide.
    async fn count_reviews(self: Arc<Self>) {
        for brand in &self.brands {
            if let Ok(reviews) = brands::count_reviews(&self.pool, brand.id()).await {
                metrics::gauge!("hookpoint_match_reviews", "brand" => brand.rules.slug.clone())
                    .set(reviews);
            }
        }
    }

    /// Keeps the suppression list and its file in sync. Erases people again whom a restored backup brought back.
    async fn reconcile_suppressions(self: Arc<Self>) {
        for brand in &self.brands {
            let now = self.clock.now();
            let began_by = now.checked_sub(ERASURE_TIMEOUT).unwrap_or(now);
            let (list, most) = (&self.suppressions, self.max_erased_percent);
            if let Err(error) = reconcile(&self.pool, brand, list, most, now, began_by).await {
                tracing::error!(brand = brand.rules.slug, %error, "suppression list and its file are out of sync; retrying");
            }
        }
    }

    /// Replays and discards the deliveries of jobs, part by part.
    async fn work_off_delivery_jobs(self: Arc<Self>) {
        for brand in &self.brands {
            loop {
                match work_off_part(&self.pool, brand, None, self.clock.now()).await {
                    Ok(true) => tokio::time::sleep(PRUNE_PAUSE).await,
                    Ok(false) => break,
                    Err(error) => {
                        let brand = &brand.rules.slug;
                        tracing::warn!(%brand, %error, "a job about webhooks waits; it goes on soon");
                        break;
                    }
                }
            }
        }
    }

    /// Deletes deliveries whose retention has ended, in small batches, and jobs about deliveries.
    async fn prune_deliveries(self: Arc<Self>) {
        for brand in &self.brands {
            let finished = self.days_ago(self.inbox.retention_days);
            // If this fails, the next run deletes them.
            let _ = delete_old_rejected(&self.pool, brand.id(), finished).await;
            let counted = self.clock.now().checked_sub(COUNTED_JOB_AGE);
            let counted = counted.unwrap_or(Timestamp::UNIX_EPOCH);
            let _ = delete_old_jobs(&self.pool, brand.id(), finished, counted).await;
            let known = self.days_ago(self.inbox.dedup_retention_days);
            while delete_old_deliveries(&self.pool, brand.id(), finished, known, 1_000)
                .await
                .is_ok_and(|more| more)
            {
                tokio::time::sleep(PRUNE_PAUSE).await;
            }
        }
    }

    /// Deletes old lookups from the history, in small batches, and past postponements of questions that lookups met. If no
    /// lookups are kept, it deletes all.
    async fn prune_lookup_history(self: Arc<Self>) {
        for brand in &self.brands {
            let before = self.days_ago(self.trace_days);
            // If this fails, the next run deletes them.
            let _ = delete_past_postponements(&self.pool, brand.id(), self.clock.now()).await;
            while delete_old_lookups(&self.pool, brand.id(), before, 1_000)
                .await
                .is_ok_and(|more| more)
            {
                tokio::time::sleep(PRUNE_PAUSE).await;
            }
        }
    }

    /// The time some days ago.
    fn days_ago(&self, days: u32) -> Timestamp {
        let age = SignedDuration::from_hours(24 * i64::from(days));
        self.clock.now().checked_sub(age).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Deletes old entries about live queries.
    async fn prune_live_queries(self: Arc<Self>) {
        for brand in &self.brands {
            // If this fails, the next run deletes them.
            let _ = delete_old_live_queries(&self.pool, brand.id()).await;
        }
    }
}

/// Derives customers again that were derived with other settings, one brand after the other.
pub(super) async fn rederive_brands(pool: Pool, brands: Vec<Arc<Brand>>, delay: Duration) {
    tokio::time::sleep(delay).await;
    for brand in brands {
        while let Err(error) = rederive(&pool, &brand).await {
            tracing::warn!(brand = brand.rules.slug, %error, "failed to recompute customers with the current settings; retrying");
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }
}

/// The time of a check, in seconds since 1970. The gauges of the check have the values of that time.
fn unix_seconds(now: Timestamp) -> f64 {
    now.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
}
