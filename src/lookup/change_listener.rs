//! Hearing what changed on any replica: what is remembered is as true as this is quick.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::storage::pool::Pool;
use tokio::sync::watch;
use uuid::Uuid;

use super::cache::AnswerCache;
use super::coalescing::LookupCoalescer;
use crate::http::api_keys::ApiKeyCache;
use crate::storage::StorageError;
use crate::storage::listener::{BEAT, Changes, Heartbeat, Notification, beat};

/// How long Postgres may take for what changes can't be heard without.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long after a loss it is tried to hear again.
const PAUSE: Duration = Duration::from_millis(500);

/// A replica's ear.
pub struct ChangeListener {
    pool: Pool,
    coalescer: Arc<LookupCoalescer>,
    cache: Arc<AnswerCache>,
    api_keys: Arc<ApiKeyCache>,
    replica: Uuid,
    /// The number of our last beat, and when it was sent.
    sent: Mutex<(u64, Instant)>,
    /// The number of the last beat of ours that was heard.
    heard: watch::Sender<u64>,
}

impl ChangeListener {
    /// Hears nothing yet.
    #[must_use]
    pub fn new(pool: &Pool, coalescer: &Arc<LookupCoalescer>, cache: &Arc<AnswerCache>, api_keys: &Arc<ApiKeyCache>) -> Self {
        Self {
            pool: pool.clone(),
            coalescer: Arc::clone(coalescer),
            cache: Arc::clone(cache),
            api_keys: Arc::clone(api_keys),
            replica: Uuid::new_v4(),
            sent: Mutex::new((0, Instant::now())),
            heard: watch::Sender::new(0),
        }
    }

    /// Hears what changed. Whenever something may have been missed, everything remembered counts as expired.
    pub async fn listen(self: Arc<Self>) {
        let mut is_said = false;
        loop {
            let lost = self.listen_until_lost().await;
            // Said once, not for every attempt.
            if !self.cache.is_listener_disconnected() || !is_said {
                is_said = true;
                let reason = lost.err().map_or_else(|| "silence, or the connection broke".to_owned(), |error| error.to_string());
                tracing::warn!(reason, "changes are not heard: remembered answers count as expired until they are again");
            }
            self.cache.set_listener_disconnected(true);
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn listen_until_lost(&self) -> Result<(), StorageError> {
        let Some(mut changes) = in_time(Changes::listen(&self.pool)).await? else { return Ok(()) };
        if in_time(self.api_keys.refresh(&self.pool)).await?.is_none() || in_time(self.send_heartbeat()).await?.is_none() {
            return Ok(());
        }
        while let Some(heard) = changes.next().await {
            // A pooler in between may take the wish to listen and pass nothing on: what arrives counts.
            if self.cache.is_listener_disconnected() {
                self.cache.set_listener_disconnected(false);
                tracing::info!("changes are heard");
            }
            match heard {
                Notification::Changed(invalidation) => {
                    let scope = if invalidation.hashes.is_some() { "keys" } else { "brand" };
                    metrics::counter!("hookpoint_invalidations_total", "scope" => scope).increment(1);
                    self.coalescer.invalidate(&invalidation);
                }
                // Changes are not heard while keys are read, so that must not take long.
                Notification::Keys if in_time(self.api_keys.refresh(&self.pool)).await?.is_none() => return Ok(()),
                Notification::Keys => {}
                Notification::Heartbeat(beat) => self.receive_heartbeat(beat),
            }
        }
        Ok(())
    }

    /// Lets every replica hear that notifications arrive.
    pub async fn send_heartbeats(self: Arc<Self>) {
        loop {
            // A beat that fails shows as silence.
            let _ = self.send_heartbeat().await;
            tokio::time::sleep(BEAT).await;
        }
    }

    async fn send_heartbeat(&self) -> Result<u64, StorageError> {
        let number = {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            *sent = (sent.0.saturating_add(1), Instant::now());
            sent.0
        };
        beat(&self.pool, Heartbeat { replica: self.replica, number }).await?;
        Ok(number)
    }

    fn receive_heartbeat(&self, beat: Option<Heartbeat>) {
        let Some(Heartbeat { number, .. }) = beat.filter(|beat| beat.replica == self.replica) else { return };
        let (last, sent_at) = *self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if number == last {
            metrics::gauge!("hookpoint_notification_lag_seconds").set(sent_at.elapsed().as_secs_f64());
        }
        self.heard.send_if_modified(|heard| {
            let changed = number > *heard;
            *heard = number.max(*heard);
            changed
        });
    }

    /// Waits until anything of ours was heard: notifications arrive.
    pub async fn until_connected(&self) {
        // It can't be closed while we are here.
        let _ = self.heard.subscribe().wait_for(|heard| *heard > 0).await;
    }

    /// Waits until everything that changed before is heard here: notifications arrive in order.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn catch_up(&self) -> Result<(), StorageError> {
        let mut heard = self.heard.subscribe();
        let number = self.send_heartbeat().await?;
        // It can't be closed while we are here.
        let _ = heard.wait_for(|heard| *heard >= number).await;
        Ok(())
    }
}

/// `None` when the store took too long.
async fn in_time<T>(asked: impl Future<Output = Result<T, StorageError>>) -> Result<Option<T>, StorageError> {
    tokio::time::timeout(PATIENCE, asked).await.map_or(Ok(None), |done| done.map(Some))
}
