//! This process in the table of replicas: it reports itself, and reads requests of `hookpoint reload`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

use crate::jobs::schedule::Schedule;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::{SettingsFile, shared_hash};
use crate::storage::pool::Pool;
use crate::storage::replicas::{
    ReloadOutcome, ReplicaRow, delete_replica, finish_reload, get_reload_request, report_replica,
};

/// How often the process reports itself. Others believe that it has ended after three times as long.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// How often the process looks for a request.
const REQUEST_INTERVAL: Duration = Duration::from_secs(2);

/// How long the last statement may take.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// This process, as other replicas and commands see it.
pub(super) struct Replica {
    pool: Pool,
    row: Mutex<ReplicaRow>,
    /// The last request of `hookpoint reload`.
    requested: watch::Sender<Option<Uuid>>,
}

impl Replica {
    /// Starts to report this process.
    pub(super) fn start(
        pool: &Pool,
        address: SocketAddr,
        file: &SettingsFile,
        background: &BackgroundTasks,
    ) -> Arc<Self> {
        let row = ReplicaRow {
            replica_id: Uuid::new_v4(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            address: address.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            settings_hash: shared_hash(file),
        };
        let requested = watch::Sender::new(None);
        let replica = Arc::new(Self { pool: pool.clone(), row: Mutex::new(row), requested });
        let schedule = Schedule::new(Arc::clone(&replica), background);
        schedule.now_and_every(REPORT_INTERVAL, "report replica", |replica| async move {
            replica.report().await;
        });
        schedule.every(REQUEST_INTERVAL, "look for a reload request", |replica| async move {
            replica.read_request().await;
        });
        replica
    }

    /// Reports the hash of other settings from now on.
    pub(super) fn set_settings(&self, file: &SettingsFile) {
        self.row.lock().settings_hash = shared_hash(file);
    }

    /// The next request after the last one.
    pub(super) async fn reload_requested(&self, last: Option<Uuid>) -> Option<Uuid> {
        let mut requests = self.requested.subscribe();
        // The channel cannot close, because `self` holds its sender.
        requests.wait_for(|request| *request != last).await.ok().and_then(|request| *request)
    }

    /// Reports the result of a request.
    pub(super) async fn report_reload(&self, request: Uuid, outcome: ReloadOutcome) {
        self.report().await;
        let id = self.row.lock().replica_id;
        if let Err(error) = finish_reload(&self.pool, (id, request), &outcome).await {
            tracing::warn!(%error, "failed to report the reload");
        }
    }

    /// Removes this process from the table.
    pub(super) async fn end(&self) {
        let id = self.row.lock().replica_id;
        let _ = tokio::time::timeout(END_TIMEOUT, delete_replica(&self.pool, id)).await;
    }

    async fn report(&self) {
        let row = self.row.lock().clone();
        // If this fails, Postgres fails, and the parts that need it say so.
        let _ = report_replica(&self.pool, &row).await;
    }

    async fn read_request(&self) {
        let id = self.row.lock().replica_id;
        let Ok(request) = get_reload_request(&self.pool, id).await else { return };
        if request.is_some() {
            self.requested.send_replace(request);
        }
    }
}
