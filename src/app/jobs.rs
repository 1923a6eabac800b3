//! Starts the background jobs of a replica.

use std::sync::Arc;

use crate::storage::pool::Pool;
use tokio::sync::Semaphore;

use super::maintenance;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::erasure::suppression_file::SuppressionFile;
use crate::http::api_keys::ApiKeyCache;
use crate::inbox::{WakeHandles, Worker};
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::change_listener::ChangeListener;
use crate::settings::SettingsFile;
use crate::sync::follow_up::FollowUps;
use crate::sync::schedule::run_schedule;
use crate::telemetry::alarm::{Alarms, Part};
use crate::upstream::UpstreamClients;
use crate::webhooks::handler::WebhookService;

/// The dependencies of the background jobs.
pub(super) struct BackgroundJobs<'a> {
    pub file: &'a SettingsFile,
    pub pool: &'a Pool,
    pub brands: &'a [Arc<Brand>],
    pub background: &'a BackgroundTasks,
    pub clock: &'a Clock,
    pub alarms: &'a Alarms,
}

impl BackgroundJobs<'_> {
    /// Starts the jobs that fetch and apply data: inbox workers, follow-ups and scheduled sync runs.
    pub(super) fn start_ingestion(&self, accounts: &UpstreamClients, wakes: &WakeHandles) {
        let Self { file, pool, brands, background, clock, alarms } = *self;
        if file.inbox.workers > 0 {
            let slots = Arc::new(Semaphore::new(file.inbox.workers));
            for brand in brands {
                let worker =
                    Worker::new(pool.clone(), Arc::clone(brand), &file.inbox, clock.clone());
                let alarm = alarms.of(Part::Applying, Some(&brand.rules.slug));
                background.spawn(worker.run(
                    wakes.clone(),
                    Arc::clone(&slots),
                    alarm,
                    background.clone(),
                ));
            }
        }
        for account in brands.iter().flat_map(|brand| accounts.of_brand(brand.id())) {
            if file.sync.follow_ups {
                background.spawn(
                    FollowUps::new(pool.clone(), Arc::clone(account), &file.sync, clock.clone())
                        .run(background.clone()),
                );
            }
            background.spawn(run_schedule(
                pool.clone(),
                Arc::clone(account),
                file.sync.clone(),
                clock.clone(),
                background.clone(),
            ));
        }
    }

    /// Starts the maintenance jobs: counters, gauges, deletion of old rows, and reconciliation of the suppression list.
    pub(super) fn start_maintenance(
        &self,
        webhook_service: &WebhookService,
        suppressions: SuppressionFile,
    ) {
        let Self { file, pool, brands, background, clock, .. } = *self;
        let all = || brands.to_vec();
        background.spawn_endless(maintenance::save_webhook_stats(
            pool.clone(),
            Arc::clone(&webhook_service.endpoints),
        ));
        background.spawn_endless(Arc::clone(&webhook_service.delivery_writer).check_storing());
        background.spawn_endless(maintenance::watch_inboxes(pool.clone(), all(), clock.clone()));
        background.spawn_endless(maintenance::watch_streams(pool.clone(), all(), clock.clone()));
        background.spawn_endless(maintenance::prune_deliveries(
            pool.clone(),
            all(),
            file.inbox.clone(),
            clock.clone(),
        ));
        background.spawn_endless(maintenance::prune_live_queries(pool.clone()));
        background.spawn_endless(maintenance::rederive_brands(pool.clone(), all()));
        background.spawn_endless(maintenance::count_reviews(pool.clone(), all()));
        background.spawn_endless(maintenance::reconcile_suppressions(
            pool.clone(),
            all(),
            (suppressions, file.erasure.max_erased_percent),
            clock.clone(),
        ));
        background.spawn_endless(maintenance::drain_histograms());
    }

    /// Starts the jobs that keep cached answers and API keys up to date.
    pub(super) fn start_listeners(
        &self,
        change_listener: &Arc<ChangeListener>,
        api_keys: &Arc<ApiKeyCache>,
    ) {
        let Self { pool, background, .. } = *self;
        background.spawn_endless(Arc::clone(change_listener).listen());
        background.spawn_endless(Arc::clone(change_listener).send_heartbeats());
        background.spawn_endless(maintenance::write_last_used(pool.clone(), Arc::clone(api_keys)));
    }
}
