//! The connections that a pool shares, and one of them in use.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::Connection;
use super::hosts::Hosts;

/// The limits of a pool's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// The most connections.
    pub connections: usize,
    /// How long a caller waits for a free connection, and for Postgres to come back; zero for a single attempt.
    pub timeout: Duration,
    /// How long a statement may take; `None` for no limit.
    pub statement: Option<Duration>,
    /// Further statements to set up each connection.
    pub setup: &'static str,
}

/// The connections of a pool.
pub(super) struct Shared {
    pub hosts: Arc<Hosts>,
    pub used: Use,
    pub setup: String,
    pub free: Arc<Semaphore>,
    // The connection that was used last is used first, so that unneeded ones grow old.
    pub idle: Mutex<Vec<Connection>>,
}

/// A connection in use. It returns to its pool unless it is unusable.
pub struct Pooled {
    // Taken on drop.
    connection: Option<Connection>,
    pool: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

/// The settings of every connection. Postgres gives up by itself on statements whose client has gone, idle
/// transactions, and silent connections; earlier, if an operator configured that. Acknowledged commits must be
/// on the disk, whatever the server's default is. No statement runs for so long that compiling it would pay, and
/// none uses several processors: lookups need the others.
pub(super) fn setup(used: Use) -> String {
    let statement = used.statement.map_or(String::new(), |longest| {
        format!("('statement_timeout', {}), ", longest.as_millis())
    });
    format!(
        "select set_config(ours.name, ours.value::text, false)
        from (values {statement}('idle_in_transaction_session_timeout', 8000), ('client_connection_check_interval', 2000),
            ('tcp_keepalives_idle', 5), ('tcp_keepalives_interval', 2), ('tcp_keepalives_count', 3), ('tcp_user_timeout', 10000))
            as ours (name, value)
        join pg_settings as theirs on theirs.name = ours.name and (theirs.setting::bigint = 0 or theirs.setting::bigint > ours.value);
        select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off';
        set jit = off; set max_parallel_workers_per_gather = 0; {}",
        if used.setup.is_empty() { "select 1" } else { used.setup }
    )
}

impl Shared {
    pub fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock()
    }

    pub fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle();
        idle.retain(Connection::is_good);
        idle.pop()
    }

    pub async fn connect(&self) -> Result<Connection, sqlx::Error> {
        Connection::open(&self.hosts, &self.setup, self.used.statement).await
    }
}

impl Pooled {
    pub(super) const fn new(
        connection: Connection,
        pool: Arc<Shared>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self { connection: Some(connection), pool, _permit: permit }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(Connection::is_good)
            && !self.pool.free.is_closed()
        {
            self.pool.idle().push(connection);
        }
    }
}

impl Deref for Pooled {
    type Target = Connection;

    #[expect(clippy::expect_used, reason = "the connection is only taken on drop")]
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a connection until it is dropped")
    }
}

impl DerefMut for Pooled {
    #[expect(clippy::expect_used, reason = "the connection is only taken on drop")]
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a connection until it is dropped")
    }
}
