//! All SQL. A row becomes a domain type here.

pub mod account_status;
pub mod agent_links;
pub mod answers;
pub mod api_keys;
pub mod audit_log;
pub mod bodies;
pub mod bounded_counts;
pub mod brands;
pub mod changed_rows;
pub mod compared_customers;
mod component_links;
mod component_row;
pub mod component_rows;
mod connection;
mod connection_trust;
pub mod console_access;
pub mod console_accounts;
mod customer_input;
pub mod customer_reports;
pub mod customer_states;
pub mod customer_summaries;
pub mod customers;
pub mod database;
pub mod database_facts;
mod database_url;
pub mod decisions;
pub mod deliveries;
pub mod delivery_claims;
pub mod delivery_jobs;
pub mod delivery_queue;
pub mod delivery_tail;
pub mod derived_copy;
pub mod embedded;
pub mod erasures;
pub mod events;
pub mod export;
mod fact_input;
mod failure;
pub mod follow_ups;
pub mod given_ids;
pub mod hosts;
mod identifier_columns;
pub mod inbox_pages;
pub mod invalid_values;
pub mod invalidation;
pub mod listener;
pub mod live_queries;
pub mod load_component;
pub mod lookup_history;
pub mod lookup_reviews;
pub mod names;
pub mod outranked_addresses;
pub mod oversized_components;
pub mod page_key;
pub mod password_attempts;
pub mod person;
pub mod places;
pub mod pool;
mod pooled;
mod postgres_version;
pub mod provider_log_ins;
pub mod purge;
pub mod rate_limit;
mod rate_limit_usage;
pub mod records;
pub mod rejected_webhooks;
pub mod replicas;
pub mod reviews;
pub mod seen_deliveries;
pub mod seen_keys;
mod server;
mod sqlstate;
pub mod statistics;
pub mod suppression_hashes;
pub mod suppressions;
pub mod sync_runs;
pub mod sync_streams;
mod tls_failure;
mod transaction;
mod trusted_first;
pub mod upstream_accounts;
mod url_error;
mod url_parameters;
pub mod webhook_stats;
pub mod write_changes;
mod write_input;
pub mod write_transaction;

use std::collections::BTreeMap;

use self::pool::Pool;
use crate::customer::model::source::UnknownName;
use sqlx::migrate::Migrator;

/// An error of the database. The text never contains a value.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Postgres refused, failed or is not reachable.
    #[error("{}", failure::in_words(.0))]
    Database(sqlx::Error),
    /// A row has content that this program never writes.
    #[error(
        "a row in {0} is invalid: another program changed it, or this is a bug; please report it"
    )]
    Corrupt(&'static str),
    /// Another session waits for a table that this one uses.
    #[error(
        "another session waits for a table, such as a migration of the schema; this was ended so that nothing else waits for it"
    )]
    InTheWay,
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl StorageError {
    /// Whether Postgres is not reachable.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => true,
            Self::Database(error) => failure::breaks(error),
            Self::Corrupt(_) | Self::InTheWay => false,
        }
    }

    /// Whether the same may work in a moment: Postgres is not reachable, is starting or stopping, or has no free
    /// connection. A wrong password, name or certificate does not change by itself.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Database(error) => failure::is_temporary(error),
            Self::Corrupt(_) => false,
            Self::InTheWay => true,
        }
    }

    /// Whether another session of Postgres holds a lock.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03"))
    }

    /// Whether the same statement may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let Self::Database(error) = self else { return false };
        let code =
            error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
        // Invalid data and violated constraints: the same statement would always fail.
        !code.is_some_and(|code| {
            code.starts_with("22") || code.starts_with("23") || code.starts_with("54")
        })
    }

    /// Adds the name of its database to the error.
    #[must_use]
    pub fn with_name_of(self, pool: &Pool) -> Self {
        match self {
            Self::Database(error) => Self::Database(pool.hosts().name_in(error)),
            other => other,
        }
    }

    fn corrupt(table: &'static str) -> impl Fn(UnknownName) -> Self {
        move |_| Self::Corrupt(table)
    }
}

/// Runs missing migrations. Migrations of a later version only add something, so this version can run beside
/// it.
///
/// # Errors
/// When Postgres fails, or a migration was changed after it ran.
pub async fn migrate(pool: &Pool) -> Result<(), StorageError> {
    run_missing(pool).await.map_err(|error| error.with_name_of(pool))
}

async fn run_missing(pool: &Pool) -> Result<(), StorageError> {
    let mut migrator = migrations();
    migrator.set_ignore_missing(true);
    // If there is nothing to do, take no lock and wait for nobody.
    if is_migrated(pool, &migrator).await? {
        return Ok(());
    }
    let (mut connection, backend) = pool.acquire_within().await?;
    let done =
        pool.while_at_work(backend, migrator.run_direct(None, &mut connection, false)).await?;
    done.map_err(|error| StorageError::Database(sqlx::Error::from(error)))
}

/// The number of the newest migration.
#[must_use]
pub fn schema_version() -> i64 {
    migrations().iter().map(|migration| migration.version).max().unwrap_or_default()
}

fn migrations() -> Migrator {
    sqlx::migrate!("./migrations")
}

/// Whether all migrations ran with their current content.
async fn is_migrated(pool: &Pool, migrator: &Migrator) -> Result<bool, StorageError> {
    let ran = sqlx::query_as::<_, (i64, Vec<u8>)>(
        "select version, checksum from _sqlx_migrations where success",
    )
    .fetch_all(pool)
    .await;
    let ran: BTreeMap<i64, Vec<u8>> = match ran {
        Ok(ran) => ran.into_iter().collect(),
        // The table does not exist yet.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => {
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    };
    Ok(migrator.iter().all(|migration| {
        ran.get(&migration.version).is_some_and(|checksum| **checksum == *migration.checksum)
    }))
}
