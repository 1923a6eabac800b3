//! The work beside requests, begun.

use std::sync::Arc;

use crate::storage::pool::Pool;
use tokio::sync::Semaphore;

use super::maintenance;
use super::tasks::Background;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::erasure::suppression_file::LedgerFile;
use crate::http::api_keys::Keyring;
use crate::inbox::{Wakes, Worker};
use crate::lookup::change_listener::Hearing;
use crate::settings::SettingsFile;
use crate::sync::follow_up::FollowUps;
use crate::sync::schedule::keep_in_step;
use crate::telemetry::alarm::{Alarms, Part};
use crate::upstream::Accounts;
use crate::webhooks::handler::Reception;

/// What all of it needs.
pub(super) struct Work<'a> {
    pub file: &'a SettingsFile,
    pub pool: &'a Pool,
    pub brands: &'a [Arc<Brand>],
    pub background: &'a Background,
    pub clock: &'a Clock,
    pub alarms: &'a Alarms,
}

impl Work<'_> {
    /// Applies what came in, asks what webhooks hinted at, and walks through what the sources have.
    pub(super) fn collect(&self, accounts: &Accounts, wakes: &Wakes) {
        let Self { file, pool, brands, background, clock, alarms } = *self;
        if file.inbox.workers > 0 {
            let slots = Arc::new(Semaphore::new(file.inbox.workers));
            for brand in brands {
                let worker = Worker::new(pool.clone(), Arc::clone(brand), &file.inbox, clock.clone());
                let alarm = alarms.of(Part::Applying, Some(&brand.rules.slug));
                background.spawn(worker.run(wakes.clone(), Arc::clone(&slots), alarm, background.clone()));
            }
        }
        for account in brands.iter().flat_map(|brand| accounts.of_brand(brand.id())) {
            if file.sync.follow_ups {
                background.spawn(FollowUps::new(pool.clone(), Arc::clone(account), &file.sync, clock.clone()).run(background.clone()));
            }
            background.spawn(keep_in_step(pool.clone(), Arc::clone(account), file.sync.clone(), clock.clone(), background.clone()));
        }
    }

    /// Counts, forgets, reconciles.
    pub(super) fn keep_up(&self, reception: &Reception, ledger: LedgerFile) {
        let Self { file, pool, brands, background, clock, .. } = *self;
        let all = || brands.to_vec();
        background.spawn_endless(maintenance::write_doors(pool.clone(), Arc::clone(&reception.doorways)));
        background.spawn_endless(Arc::clone(&reception.receipts).find_out_when_they_are_stored());
        background.spawn_endless(maintenance::watch_inboxes(pool.clone(), all(), clock.clone()));
        background.spawn_endless(maintenance::watch_streams(pool.clone(), all(), clock.clone()));
        background.spawn_endless(maintenance::forget_deliveries(pool.clone(), all(), file.inbox.clone(), clock.clone()));
        background.spawn_endless(maintenance::forget_looks(pool.clone()));
        background.spawn_endless(maintenance::sweep_brands(pool.clone(), all()));
        background.spawn_endless(maintenance::count_reviews(pool.clone(), all()));
        background.spawn_endless(maintenance::reconcile_ledger(pool.clone(), all(), (ledger, file.erasure.max_percent), clock.clone()));
        background.spawn_endless(maintenance::drain_histograms());
    }

    /// Keeps what is remembered true.
    pub(super) fn answer(&self, hearing: &Arc<Hearing>, keyring: &Arc<Keyring>) {
        let Self { pool, background, .. } = *self;
        background.spawn_endless(Arc::clone(hearing).listen());
        background.spawn_endless(Arc::clone(hearing).send_beats());
        background.spawn_endless(maintenance::write_last_used(pool.clone(), Arc::clone(keyring)));
    }
}
