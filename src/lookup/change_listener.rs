//! Receives change notifications from all replicas. Cache freshness is bounded by the notification lag.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::storage::pool::Pool;
use tokio::sync::watch;
use uuid::Uuid;

use super::cache::AnswerCache;
use super::coalescing::LookupCoalescer;
use crate::http::api_keys::ApiKeyCache;
use crate::storage::StorageError;
use crate::storage::listener::{Heartbeat, Notification, NotificationListener, beat};

/// How long Postgres may take to start the listening, and to load the API keys.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The pause before the listener connects again.
const PAUSE: Duration = Duration::from_millis(500);

/// Listens to change notifications, and invalidates cached answers.
pub struct ChangeListener {
    pool: Pool,
    coalescer: Arc<LookupCoalescer>,
    cache: Arc<AnswerCache>,
    api_keys: Arc<ApiKeyCache>,
    replica: Uuid,
    /// The number of this replica's last heartbeat, and when it was sent.
    sent: Mutex<(u64, Instant)>,
    /// The number of this replica's last heartbeat that was received.
    received: watch::Sender<u64>,
}

impl ChangeListener {
    /// A listener that is not connected.
    #[must_use]
    pub fn new(
        pool: &Pool,
        coalescer: &Arc<LookupCoalescer>,
        cache: &Arc<AnswerCache>,
        api_keys: &Arc<ApiKeyCache>,
    ) -> Self {
        Self {
            pool: pool.clone(),
            coalescer: Arc::clone(coalescer),
            cache: Arc::clone(cache),
            api_keys: Arc::clone(api_keys),
            replica: Uuid::new_v4(),
            sent: Mutex::new((0, Instant::now())),
            received: watch::Sender::new(0),
        }
    }

    /// Listens without end. If a notification may have been missed, all cached answers are treated as expired.
    pub async fn listen(self: Arc<Self>) {
        let mut is_said = false;
        loop {
            let lost = self.listen_until_lost().await;
            // Logged once, not at every attempt.
            if !self.cache.is_listener_disconnected() || !is_said {
                is_said = true;
                let reason = lost.err().map_or_else(
                    || "no heartbeat arrived, or the connection broke".to_owned(),
                    |error| error.to_string(),
                );
                tracing::warn!(
                    reason,
                    "change listener disconnected; cached answers treated as expired"
                );
            }
            self.cache.set_listener_disconnected(true);
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn listen_until_lost(&self) -> Result<(), StorageError> {
        let Some(mut changes) = in_time(NotificationListener::listen(&self.pool)).await? else {
            return Ok(());
        };
        if in_time(self.api_keys.refresh(&self.pool)).await?.is_none()
            || in_time(self.send_heartbeat()).await?.is_none()
        {
            return Ok(());
        }
        while let Some(received) = changes.next().await {
            // A pooler may accept LISTEN and forward no notification. So only a notification proves the connection.
            if self.cache.is_listener_disconnected() {
                self.cache.set_listener_disconnected(false);
                tracing::info!("change listener connected");
            }
            match received {
                Notification::Changed(invalidation) => {
                    let scope = if invalidation.hashes.is_some() { "keys" } else { "brand" };
                    metrics::counter!("hookpoint_invalidations_total", "scope" => scope)
                        .increment(1);
                    self.coalescer.invalidate(&invalidation);
                }
                // No notification is processed while keys are loaded, so that must not take long.
                Notification::Keys
                    if in_time(self.api_keys.refresh(&self.pool)).await?.is_none() =>
                {
                    return Ok(());
                }
                Notification::Keys => {}
                Notification::Heartbeat(beat) => self.receive_heartbeat(beat),
            }
        }
        Ok(())
    }

    /// Sends a heartbeat, and returns its number.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn send_heartbeat(&self) -> Result<u64, StorageError> {
        let number = {
            let mut sent = self.sent.lock();
            *sent = (sent.0.saturating_add(1), Instant::now());
            sent.0
        };
        beat(&self.pool, Heartbeat { replica: self.replica, number }).await?;
        Ok(number)
    }

    fn receive_heartbeat(&self, beat: Option<Heartbeat>) {
        let Some(Heartbeat { number, .. }) = beat.filter(|beat| beat.replica == self.replica)
        else {
            return;
        };
        let (last, sent_at) = *self.sent.lock();
        if number == last {
            metrics::gauge!("hookpoint_notification_lag_seconds")
                .set(sent_at.elapsed().as_secs_f64());
        }
        self.received.send_if_modified(|received| {
            let changed = number > *received;
            *received = number.max(*received);
            changed
        });
    }

    /// Waits until the first heartbeat of this replica was received.
    pub async fn until_connected(&self) {
        // The channel cannot close, because `self` holds its sender.
        let _ = self.received.subscribe().wait_for(|received| *received > 0).await;
    }

    /// Waits until this replica has received all earlier change notifications. Notifications arrive in order.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn wait_until_current(&self) -> Result<(), StorageError> {
        let mut received = self.received.subscribe();
        let number = self.send_heartbeat().await?;
        // The channel cannot close, because `self` holds its sender.
        let _ = received.wait_for(|received| *received >= number).await;
        Ok(())
    }
}

/// `None` if Postgres took too long.
async fn in_time<T>(
    asked: impl Future<Output = Result<T, StorageError>>,
) -> Result<Option<T>, StorageError> {
    tokio::time::timeout(TIMEOUT, asked).await.map_or(Ok(None), |done| done.map(Some))
}
