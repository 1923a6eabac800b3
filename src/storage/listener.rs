//! Receives change notifications from all replicas, and detects when some may be lost.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use uuid::Uuid;

use super::StorageError;
use super::api_keys::KEYS_CHANNEL;
use super::invalidation::{CHANNEL, Invalidation};
use super::pool::{Connection, Pool};

/// After this time without any notification, some may be lost. Every replica sends heartbeats more often.
const MAX_SILENCE: Duration = Duration::from_secs(10);

/// How often a replica sends a heartbeat.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);

const HEARTBEAT_CHANNEL: &str = "hookpoint_beat";

/// A received notification.
#[derive(Debug, PartialEq, Eq)]
pub enum Notification {
    /// Customers changed.
    Changed(Invalidation),
    /// API keys were created or revoked, or links to the agent page were revoked.
    Keys,
    /// A heartbeat. It only shows that notifications arrive.
    Heartbeat(Option<Heartbeat>),
}

/// A replica's heartbeat, which shows that notifications arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The replica that sent it.
    pub replica: Uuid,
    /// Its sequence number.
    pub number: u64,
}

impl Heartbeat {
    /// `None` for the format of another version.
    fn parse(payload: &str) -> Option<Self> {
        let (replica, number) = payload.split_once(' ')?;
        Some(Self { replica: replica.parse().ok()?, number: number.parse().ok()? })
    }
}

/// A connection with LISTEN. After it returned `None`, notifications may have been lost.
#[derive(Debug)]
pub struct NotificationListener(PgListener);

impl NotificationListener {
    /// Starts to listen.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn listen(pool: &Pool) -> Result<Self, StorageError> {
        let listening = Self::connect(pool).await;
        listening.map_err(|error| StorageError::from(error).with_name_of(pool))
    }

    async fn connect(pool: &Pool) -> Result<Self, sqlx::Error> {
        // A separate connection: the pool's connections may all be dead when Postgres comes back.
        let own = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let own = own.connect_with(pool.connect_options()).await?;
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen_all([CHANNEL, KEYS_CHANNEL, HEARTBEAT_CHANNEL]).await?;
        Ok(Self(listener))
    }

    /// The next notification; `None` after silence, or if the connection broke.
    pub async fn next(&mut self) -> Option<Notification> {
        let notification =
            tokio::time::timeout(MAX_SILENCE, self.0.try_recv()).await.ok()?.ok()??;
        Some(match notification.channel() {
            // An unknown payload may name anything, so it counts as a loss.
            CHANNEL => Notification::Changed(Invalidation::parse(notification.payload())?),
            KEYS_CHANNEL => Notification::Keys,
            _ => Notification::Heartbeat(Heartbeat::parse(notification.payload())),
        })
    }
}

/// Tells all replicas what has changed, when the transaction is committed.
///
/// # Errors
/// When Postgres fails.
pub async fn notify(db: &mut Connection, changed: &Invalidation) -> Result<(), StorageError> {
    sqlx::query("select pg_notify($1, payload) from unnest($2::text[]) as changed (payload)")
        .bind(CHANNEL)
        .bind(changed.payloads())
        .execute(db)
        .await?;
    Ok(())
}

/// Sends a heartbeat to all replicas.
///
/// # Errors
/// When Postgres fails.
pub async fn beat(pool: &Pool, beat: Heartbeat) -> Result<(), StorageError> {
    let payload = format!("{} {}", beat.replica, beat.number);
    sqlx::query("select pg_notify($1, $2)")
        .bind(HEARTBEAT_CHANNEL)
        .bind(payload)
        .execute(pool)
        .await?;
    Ok(())
}
