//! Starts the background jobs of a replica.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::maintenance::{self, Maintenance};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::inbox::processor::DeliveryProcessor;
use crate::inbox::wake_handles::WakeHandles;
use crate::inbox::worker::InboxWorker;
use crate::jobs::schedule::Schedule;
use crate::jobs::tasks::BackgroundTasks;
use crate::jobs::worker;
use crate::settings::SettingsFile;
use crate::storage::pool::Pool;
use crate::sync::follow_up::FollowUps;
use crate::sync::schedule::run_schedule;
use crate::telemetry::alarm::{Alarms, Part};
use crate::telemetry::traces::Tracer;
use crate::upstream::UpstreamClients;

/// The dependencies of the background jobs.
pub(super) struct BackgroundJobs<'a> {
    pub file: &'a SettingsFile,
    pub pool: &'a Pool,
    pub brands: &'a [Arc<Brand>],
    pub background: &'a BackgroundTasks,
    pub clock: &'a Clock,
    pub alarms: &'a Alarms,
    pub tracer: &'a Tracer,
    /// How long the derivation with changed settings waits.
    pub rederive_delay: Duration,
}

impl BackgroundJobs<'_> {
    /// Starts the workers of the inbox.
    pub(super) fn start_inbox(&self, wake_handles: &WakeHandles) {
        let Self { file, pool, brands, background, clock, alarms, tracer, .. } = *self;
        if file.inbox.workers == 0 {
            return;
        }
        let slots = Arc::new(Semaphore::new(file.inbox.workers));
        for brand in brands {
            let (brand, slug) = (Arc::clone(brand), brand.rules.slug.as_str());
            let processor = DeliveryProcessor::new(pool.clone(), brand, &file.inbox, clock.clone())
                .traced(tracer);
            let mut inbox_worker = InboxWorker::new(
                processor,
                wake_handles.clone(),
                Arc::clone(&slots),
                alarms.of(Part::Applying, Some(slug)),
                background.clone(),
            );
            let background = background.clone();
            self.background.spawn(async move { worker::run(&mut inbox_worker, &background).await });
        }
    }

    /// Starts the calls to the sources: follow-ups of webhooks, and scheduled sync runs.
    pub(super) fn start_sync(&self, accounts: &UpstreamClients) {
        let Self { file, pool, brands, background, clock, tracer, .. } = *self;
        for account in brands.iter().flat_map(|brand| accounts.of_brand(brand.id())) {
            if file.sync.follow_ups {
                background.spawn(
                    FollowUps::new(pool.clone(), Arc::clone(account), &file.sync, clock.clone())
                        .traced(tracer)
                        .run(background.clone()),
                );
            }
            background.spawn(run_schedule(
                pool.clone(),
                Arc::clone(account),
                file.sync.clone(),
                clock.clone(),
                background.clone(),
                tracer.clone(),
            ));
        }
    }

    /// Starts the scheduled jobs, and the derivation of customers whose rules changed.
    pub(super) fn start_maintenance(&self, maintenance: Maintenance) {
        let Self { pool, brands, background, rederive_delay, .. } = *self;
        background.spawn_endless(maintenance::rederive_brands(
            pool.clone(),
            brands.to_vec(),
            rederive_delay,
        ));
        maintenance::start(&Schedule::new(maintenance, background));
    }
}
