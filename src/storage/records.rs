//! Source records, their identifiers, and the merges at their sources.

use std::collections::{BTreeMap, BTreeSet};

use super::pool::{Connection, Pool};
use sqlx::types::Json;

use super::StorageError;
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Record, RecordKey, SourceMerge};
use crate::customer::model::source::SourceKind;

fn record((key, Json(versions)): (String, Json<FieldVersions>)) -> Result<Record, StorageError> {
    Ok(Record { key: key.parse().map_err(StorageError::corrupt("records"))?, versions })
}

/// Keys as text, for Postgres.
pub(super) fn texts<'a>(keys: impl IntoIterator<Item = &'a RecordKey>) -> Vec<String> {
    keys.into_iter().map(ToString::to_string).collect()
}

/// The stored records with these keys, also deleted ones.
///
/// # Errors
/// When Postgres fails.
pub async fn list_records(
    db: &mut Connection,
    brand_id: i32,
    keys: &[String],
) -> Result<BTreeMap<RecordKey, Record>, StorageError> {
    let rows: Vec<(String, Json<FieldVersions>)> = sqlx::query_as(
        "select record_key, state from records where brand_id = $1 and record_key = any($2)",
    )
    .bind(brand_id)
    .bind(keys)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|row| record(row).map(|record| (record.key.clone(), record))).collect()
}

/// Live records of a kind after an id, in the order of their ids. Records that their source merged into others
/// are left out.
///
/// # Errors
/// When Postgres fails.
pub async fn list_records_after(
    db: &mut Connection,
    brand_id: i32,
    kind: SourceKind,
    after: &str,
    limit: i64,
) -> Result<Vec<Record>, StorageError> {
    let rows: Vec<(String, Json<FieldVersions>)> = sqlx::query_as(
        "select record_key, state from records
        where brand_id = $1 and record_key > $2 and record_key < $3 and live
            and not exists (select from source_merges as merge where merge.brand_id = $1 and merge.loser_key = record_key)
        order by record_key limit $4",
    )
    .bind(brand_id)
    .bind(format!("{kind}:{after}"))
    // `;` is the character after the colon.
    .bind(format!("{kind};"))
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(record).collect()
}

/// Those of some records that are stored as deleted.
///
/// # Errors
/// When Postgres fails.
pub async fn list_deleted(
    pool: &Pool,
    brand_id: i32,
    keys: &[String],
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let query = sqlx::query_as(
        "select record_key from records where brand_id = $1 and record_key = any($2) and not live",
    );
    let rows: Vec<(String,)> = query.bind(brand_id).bind(keys).fetch_all(pool).await?;
    rows.into_iter().map(|(key,)| key.parse().map_err(StorageError::corrupt("records"))).collect()
}

/// The keys of deleted records of a kind after a key, in order.
///
/// # Errors
/// When Postgres fails.
pub async fn list_deleted_after(
    db: &mut Connection,
    brand_id: i32,
    kind: SourceKind,
    after: &str,
    limit: i64,
) -> Result<Vec<RecordKey>, StorageError> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "select record_key from records
        where brand_id = $1 and record_key > $2 and record_key < $3 and not live
        order by record_key limit $4",
    )
    .bind(brand_id)
    .bind(format!("{kind}:{after}"))
    .bind(format!("{kind};"))
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|(key,)| key.parse().map_err(StorageError::corrupt("records"))).collect()
}

/// The live records of the customers with an address. Records that their source merged into others are left
/// out.
///
/// # Errors
/// When Postgres fails.
pub async fn list_records_of_address(
    db: &mut Connection,
    brand_id: i32,
    address: &Identifier,
    limit: i64,
) -> Result<Vec<Record>, StorageError> {
    let rows: Vec<(String, Json<FieldVersions>)> = sqlx::query_as(
        "select record.record_key, record.state from customer_addresses as held
        join customer_records as owner on owner.brand_id = $1 and owner.customer_key = held.customer_key
        join records as record on record.brand_id = $1 and record.record_key = owner.record_key and record.live
        where held.brand_id = $1 and held.kind = $2 and held.address = $3
            and not exists (select from source_merges as merge where merge.brand_id = $1 and merge.loser_key = record.record_key)
        order by record.record_key limit $4",
    )
    .bind(brand_id)
    .bind(address.kind.as_str())
    .bind(&address.value)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(record).collect()
}

/// Counts the different ids of live records of some kinds.
///
/// # Errors
/// When Postgres fails.
pub async fn count_record_ids(
    db: &mut Connection,
    brand_id: i32,
    kinds: &BTreeSet<SourceKind>,
) -> Result<u64, StorageError> {
    let query = sqlx::query_as(
        "select count(distinct substr(record_key, length(kind) + 2))
        from unnest($2::text[]) as kind
        join records on brand_id = $1 and record_key > kind || ':' and record_key < kind || ';' and live",
    );
    let row: (i64,) = query
        .bind(brand_id)
        .bind(kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>())
        .fetch_one(db)
        .await?;
    Ok(u64::try_from(row.0).unwrap_or_default())
}

/// The merges of some records.
///
/// # Errors
/// When Postgres fails.
pub async fn list_merges(
    db: &mut Connection,
    brand_id: i32,
    keys: &[String],
) -> Result<Vec<SourceMerge>, StorageError> {
    let rows: Vec<(String, String, jiff_sqlx::Timestamp)> = sqlx::query_as(
        "select loser_key, winner_key, merged_at from source_merges where brand_id = $1 and loser_key = any($2)
        union
        select loser_key, winner_key, merged_at from source_merges where brand_id = $1 and winner_key = any($2)",
    )
    .bind(brand_id)
    .bind(keys)
    .fetch_all(db)
    .await?;
    let key = |text: String| text.parse().map_err(StorageError::corrupt("source_merges"));
    rows.into_iter()
        .map(|(loser, winner, at)| {
            Ok(SourceMerge { loser: key(loser)?, winner: key(winner)?, at: at.to_jiff() })
        })
        .collect()
}

/// The record of a key column.
pub(super) fn record_key(text: &str) -> Result<RecordKey, StorageError> {
    text.parse().map_err(StorageError::corrupt("records"))
}
