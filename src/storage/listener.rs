//! Hearing what changed on any replica, and knowing when something may have been missed.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use uuid::Uuid;

use super::StorageError;
use super::api_keys::KEYS_CHANNEL;
use super::invalidation::{CHANNEL, Invalidation};
use super::pool::Pool;

/// How long the channels may be silent before notifications count as lost. Every replica beats more often than that.
const SILENCE: Duration = Duration::from_secs(10);

/// How often a replica beats.
pub const BEAT: Duration = Duration::from_secs(2);

const BEAT_CHANNEL: &str = "hookpoint_beat";

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Notification {
    /// Customers changed.
    Changed(Invalidation),
    /// Keys were made or revoked.
    Keys,
    /// Nothing, but the channels work.
    Heartbeat(Option<Heartbeat>),
}

/// A replica's sign that the channels work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// Whose.
    pub replica: Uuid,
    /// Which of its beats.
    pub number: u64,
}

impl Heartbeat {
    /// `None` for what another version beats.
    fn parse(payload: &str) -> Option<Self> {
        let (replica, number) = payload.split_once(' ')?;
        Some(Self { replica: replica.parse().ok()?, number: number.parse().ok()? })
    }
}

/// A connection that listens. Once it gave `None`, notifications may have been lost.
#[derive(Debug)]
pub struct Changes(PgListener);

impl Changes {
    /// Begins to listen.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn listen(pool: &Pool) -> Result<Self, StorageError> {
        // A connection of its own: the pool's may all be dead when Postgres comes back.
        let own = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let own = own.connect_with(pool.connect_options()).await?;
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen_all([CHANNEL, KEYS_CHANNEL, BEAT_CHANNEL]).await?;
        Ok(Self(listener))
    }

    /// The next thing heard; `None` after silence or when the connection broke.
    pub async fn next(&mut self) -> Option<Notification> {
        let notification = tokio::time::timeout(SILENCE, self.0.try_recv()).await.ok()?.ok()??;
        Some(match notification.channel() {
            // A payload that can't be read may have named anything.
            CHANNEL => Notification::Changed(Invalidation::parse(notification.payload())?),
            KEYS_CHANNEL => Notification::Keys,
            _ => Notification::Heartbeat(Heartbeat::parse(notification.payload())),
        })
    }
}

/// Lets every replica hear that the channels work.
///
/// # Errors
/// When Postgres fails.
pub async fn beat(pool: &Pool, beat: Heartbeat) -> Result<(), StorageError> {
    let payload = format!("{} {}", beat.replica, beat.number);
    sqlx::query("select pg_notify($1, $2)").bind(BEAT_CHANNEL).bind(payload).execute(pool).await?;
    Ok(())
}
