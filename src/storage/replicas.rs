//! The running replicas of the service, and requests to read their settings again.

use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::StorageError;
use super::pool::Pool;

/// A running replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaRow {
    /// Its id, a new one for each process.
    pub replica_id: Uuid,
    /// The name of its machine.
    pub host: String,
    /// The address on which it listens.
    pub address: String,
    /// Its version.
    pub version: String,
    /// A hash of its settings.
    pub settings_hash: String,
}

/// The result of a request to read the settings again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadOutcome {
    /// Why the replica goes on with its former settings; empty if it took over the new ones.
    pub problems: Vec<String>,
    /// The changed settings that a replica only takes over at its start.
    pub needs_restart: Vec<String>,
}

/// A replica's last request to read the settings again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReloadRow {
    /// The replica.
    pub replica: ReplicaRow,
    /// The last request, if there was one.
    pub request: Option<Uuid>,
    /// Its result; `None` until it is done.
    pub outcome: Option<ReloadOutcome>,
}

/// Stores that a replica runs. Deletes the rows of replicas that have been silent for a day.
///
/// # Errors
/// When Postgres fails.
pub async fn report_replica(pool: &Pool, row: &ReplicaRow) -> Result<(), StorageError> {
    let statement = "with silent as (delete from replicas where seen_at < now() - interval '1 day' and replica_id <> $1)
        insert into replicas (replica_id, host, address, version, settings_hash) values ($1, $2, $3, $4, $5)
        on conflict (replica_id) do update set settings_hash = excluded.settings_hash, seen_at = now()";
    sqlx::query(statement)
        .bind(row.replica_id)
        .bind(&row.host)
        .bind(&row.address)
        .bind(&row.version)
        .bind(&row.settings_hash)
        .execute(pool)
        .await?;
    Ok(())
}

/// The replicas that were seen lately, by machine and address.
///
/// # Errors
/// When Postgres fails.
pub async fn list_replicas(pool: &Pool) -> Result<Vec<ReloadRow>, StorageError> {
    type Columns =
        (Uuid, String, String, String, String, Option<Uuid>, Option<Json<ReloadOutcome>>);
    let rows: Vec<Columns> = sqlx::query_as(
        "select replica_id, host, address, version, settings_hash, reload_request, reload_outcome
        from replicas where seen_at > now() - interval '30 seconds' order by host, address, replica_id",
    )
    .fetch_all(pool)
    .await?;
    let reload =
        |(replica_id, host, address, version, settings_hash, request, outcome): Columns| {
            let replica = ReplicaRow { replica_id, host, address, version, settings_hash };
            ReloadRow { replica, request, outcome: outcome.map(|Json(outcome)| outcome) }
        };
    Ok(rows.into_iter().map(reload).collect())
}

/// Asks all replicas to read their settings again.
///
/// # Errors
/// When Postgres fails.
pub async fn request_reload(pool: &Pool, request: Uuid) -> Result<(), StorageError> {
    sqlx::query("update replicas set reload_request = $1, reload_outcome = null")
        .bind(request)
        .execute(pool)
        .await?;
    Ok(())
}

/// The request to a replica that has no outcome yet.
///
/// # Errors
/// When Postgres fails.
pub async fn get_reload_request(
    pool: &Pool,
    replica_id: Uuid,
) -> Result<Option<Uuid>, StorageError> {
    let row: Option<(Option<Uuid>,)> = sqlx::query_as(
        "select reload_request from replicas where replica_id = $1 and reload_outcome is null",
    )
    .bind(replica_id)
    .fetch_optional(pool)
    .await?;
    Ok(row.and_then(|(request,)| request))
}

/// Stores the result of a request.
///
/// # Errors
/// When Postgres fails.
pub async fn finish_reload(
    pool: &Pool,
    (replica_id, request): (Uuid, Uuid),
    outcome: &ReloadOutcome,
) -> Result<(), StorageError> {
    sqlx::query(
        "update replicas set reload_outcome = $3 where replica_id = $1 and reload_request = $2",
    )
    .bind(replica_id)
    .bind(request)
    .bind(Json(outcome))
    .execute(pool)
    .await?;
    Ok(())
}

/// Deletes the row of a replica that stops.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_replica(pool: &Pool, replica_id: Uuid) -> Result<(), StorageError> {
    sqlx::query("delete from replicas where replica_id = $1")
        .bind(replica_id)
        .execute(pool)
        .await?;
    Ok(())
}
