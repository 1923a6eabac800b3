//! Everything that is kept, and the only place with SQL. A row becomes a type of the domain here.

pub mod answers;
pub mod api_keys;
pub mod audit_log;
pub mod bodies;
pub mod brands;
mod connection;
pub mod customers;
pub mod database;
pub mod deliveries;
pub mod delivery_queue;
pub mod embedded;
pub mod erasures;
pub mod events;
pub mod export;
mod failure;
pub mod follow_ups;
pub mod hosts;
pub mod invalid_values;
pub mod invalidation;
pub mod listener;
pub mod live_queries;
pub mod load_component;
pub mod oversized_components;
pub mod places;
pub mod pool;
pub mod purge;
pub mod rate_limit;
pub mod records;
pub mod seen_keys;
pub mod suppressions;
pub mod sync_runs;
pub mod sync_streams;
pub mod upstream_accounts;
pub mod webhook_stats;
pub mod write_changes;

use std::collections::BTreeMap;

use self::pool::Pool;
use crate::customer::model::source::UnknownName;
use sqlx::migrate::Migrator;

/// What can go wrong with the store. The text never holds a value.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Postgres refused, failed or is away.
    #[error("database: {}", failure::in_words(.0))]
    Database(sqlx::Error),
    /// A row holds what this program never writes.
    #[error("a row in {0} is not as this program writes it")]
    Corrupt(&'static str),
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl StorageError {
    /// Whether there is no Postgres to talk to.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => true,
            Self::Database(error) => failure::breaks(error),
            Self::Corrupt(_) => false,
        }
    }

    /// Whether another session of Postgres is in the way just now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03"))
    }

    /// Whether Postgres itself is in the way, and not what was to be written: then the same may work later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let Self::Database(error) = self else { return false };
        let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
        // Wrong data and broken constraints: the same statement fails again for ever.
        !code.is_some_and(|code| code.starts_with("22") || code.starts_with("23") || code.starts_with("54"))
    }

    fn corrupt(table: &'static str) -> impl Fn(UnknownName) -> Self {
        move |_| Self::Corrupt(table)
    }
}

/// Runs the migrations that are missing. Those of a later version only add something, so that this one goes on beside it.
///
/// # Errors
/// When Postgres fails or a migration that ran before has been changed since.
pub async fn migrate(pool: &Pool) -> Result<(), StorageError> {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.set_ignore_missing(true);
    // Nothing is locked, and nobody waited for, where there is nothing to do.
    if is_migrated(pool, &migrator).await? {
        return Ok(());
    }
    let (mut connection, backend) = pool.acquire_within().await?;
    let done = pool.while_at_work(backend, migrator.run_direct(None, &mut connection, false)).await?;
    done.map_err(|error| StorageError::Database(sqlx::Error::from(error)))
}

/// Whether all migrations ran, as they are now.
async fn is_migrated(pool: &Pool, migrator: &Migrator) -> Result<bool, StorageError> {
    let ran = sqlx::query_as::<_, (i64, Vec<u8>)>("select version, checksum from _sqlx_migrations where success").fetch_all(pool).await;
    let ran: BTreeMap<i64, Vec<u8>> = match ran {
        Ok(ran) => ran.into_iter().collect(),
        // There is no such table yet.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    Ok(migrator.iter().all(|migration| ran.get(&migration.version).is_some_and(|checksum| **checksum == *migration.checksum)))
}
