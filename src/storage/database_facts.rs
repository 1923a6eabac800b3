//! Facts about the server, the role and the schema, for `hookpoint doctor`.

use jiff::Timestamp;

use super::pool::Pool;
use super::{StorageError, is_migrated, migrations};

/// Facts about the server, the role of this service, and the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Whether the role may create tables in the schema.
    pub may_create: bool,
    /// The number of tables in the schema that the role does not own, so that it cannot alter them.
    pub foreign_tables: i64,
    /// The most connections that the server, the database and the role allow, without those of superusers.
    pub connections: i64,
    /// Whether a commit is on disk before Postgres confirms it.
    pub is_durable: bool,
    /// Postgres's clock.
    pub now: Timestamp,
}

/// Reads the facts.
///
/// # Errors
/// When Postgres fails.
pub async fn get_database_facts(pool: &Pool) -> Result<DatabaseFacts, StorageError> {
    // -1 stands for no limit. Postgres 15 has no reserved_connections.
    let query = sqlx::query_as(
        "select
            coalesce(has_schema_privilege(current_schema(), 'create'), false),
            (select count(*)
                from pg_class
                join pg_namespace on pg_namespace.oid = relnamespace
                where nspname = current_schema()
                    and relkind in ('r', 'p')
                    and not pg_has_role(relowner, 'usage')),
            least(
                current_setting('max_connections')::bigint
                    - current_setting('superuser_reserved_connections')::bigint
                    - coalesce(current_setting('reserved_connections', true)::bigint, 0),
                (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user),
                (select nullif(datconnlimit, -1) from pg_database where datname = current_database())
            ),
            current_setting('fsync') = 'on'
                and current_setting('full_page_writes') = 'on'
                and current_setting('synchronous_commit') <> 'off',
            clock_timestamp()",
    );
    let (may_create, foreign_tables, connections, is_durable, now): Columns =
        query.fetch_one(pool).await?;
    Ok(DatabaseFacts { may_create, foreign_tables, connections, is_durable, now: now.to_jiff() })
}

type Columns = (bool, i64, i64, bool, jiff_sqlx::Timestamp);

/// Whether all migrations ran, with their current content.
///
/// # Errors
/// When Postgres fails.
pub async fn has_current_schema(pool: &Pool) -> Result<bool, StorageError> {
    is_migrated(pool, &migrations()).await
}

/// Whether a command of this version can store something now.
///
/// # Errors
/// When Postgres fails.
pub async fn is_writable(pool: &Pool) -> Result<bool, StorageError> {
    let query = "select current_setting('transaction_read_only') = 'off'";
    let (is_writable,): (bool,) = sqlx::query_as(query).fetch_one(pool).await?;
    Ok(is_writable && has_current_schema(pool).await?)
}
