//! Source records, their identifiers, and the merges at their sources.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::pool::{Connection, Pool};
use sqlx::types::Json;

use super::StorageError;
use super::trusted_first::with_trusted_first;
use crate::customer::identity::source_merges::Aliases;
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

/// Those of some records that exist, and that their source has not deleted.
///
/// # Errors
/// When Postgres fails.
pub async fn list_live_keys(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let query = sqlx::query_as(
        "select record_key from records where brand_id = $1 and record_key = any($2) and live",
    );
    let rows: Vec<(String,)> = query.bind(brand_id).bind(texts(keys)).fetch_all(db).await?;
    rows.into_iter().map(|(key,)| record_key(&key)).collect()
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
/// are left out. Fewer than the limit are the last ones.
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
    let wanted = usize::try_from(limit).unwrap_or_default();
    let mut after = format!("{kind}:{after}");
    let mut records = Vec::new();
    while records.len() < wanted {
        let rows: Vec<(String, Json<FieldVersions>)> = sqlx::query_as(
            "select record_key, state from records
            where brand_id = $1 and record_key > $2 and record_key < $3 and live
            order by record_key limit $4",
        )
        .bind(brand_id)
        .bind(&after)
        // `;` is the character after the colon.
        .bind(format!("{kind};"))
        .bind(limit)
        .fetch_all(&mut *db)
        .await?;
        let is_last = rows.len() < wanted;
        if let Some((key, _)) = rows.last() {
            after.clone_from(key);
        }
        records.extend(without_losers(db, brand_id, rows).await?);
        if is_last {
            break;
        }
    }
    records.truncate(wanted);
    Ok(records)
}

/// The records of some rows, without those that their source merged into others.
async fn without_losers(
    db: &mut Connection,
    brand_id: i32,
    rows: Vec<(String, Json<FieldVersions>)>,
) -> Result<Vec<Record>, StorageError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<&str> = rows.iter().map(|(key, _)| key.as_str()).collect();
    // Which of them are losers, also when merges form a circle, depends on the whole chain after each.
    let merges: Vec<MergeColumns> = sqlx::query_as(
        "with recursive chain (record_key) as (
            select unnest($2::text[]) collate \"C\"
            union
            select merge.winner_key from chain
            join source_merges as merge on merge.brand_id = $1 and merge.loser_key = chain.record_key
        )
        select loser_key, winner_key, merged_at
        from unnest(array(select record_key from chain)) as chain (record_key)
        join source_merges on brand_id = $1 and loser_key = chain.record_key",
    )
    .bind(brand_id)
    .bind(keys)
    .fetch_all(db)
    .await?;
    let aliases = Aliases::new(&source_merges(merges)?);
    let records: Vec<Record> = rows.into_iter().map(record).collect::<Result<_, _>>()?;
    Ok(records.into_iter().filter(|record| !aliases.is_loser(&record.key)).collect())
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

static OF_ADDRESS: LazyLock<String> = LazyLock::new(|| {
    with_trusted_first(
        "select record.record_key, record.state from customer_addresses as held
        join customer_records as owner on owner.brand_id = $1 and owner.customer_key = held.customer_key
        join records as record on record.brand_id = $1 and record.record_key = owner.record_key and record.live
        where held.brand_id = $1 and held.kind = $2 and held.address = $3 and {trusted_first}
        -- Most records with a merge are left out below, so they come last.
        order by (
            select true from source_merges as merge where merge.brand_id = $1 and merge.loser_key = record.record_key limit 1
        ) is not null, record.record_key limit $4",
    )
});

/// The live records of the customers that a lookup by an address finds. Records that their source merged into
/// others are left out.
///
/// # Errors
/// When Postgres fails.
pub async fn list_records_of_address(
    db: &mut Connection,
    brand_id: i32,
    address: &Identifier,
    limit: i64,
) -> Result<Vec<Record>, StorageError> {
    let rows: Vec<(String, Json<FieldVersions>)> = sqlx::query_as(OF_ADDRESS.as_str())
        .bind(brand_id)
        .bind(address.kind.as_str())
        .bind(&address.value)
        .bind(limit)
        .fetch_all(&mut *db)
        .await?;
    let mut records = without_losers(db, brand_id, rows).await?;
    records.sort_by_cached_key(|record| record.key.to_string());
    Ok(records)
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
    let rows: Vec<MergeColumns> = sqlx::query_as(
        "select loser_key, winner_key, merged_at from source_merges where brand_id = $1 and loser_key = any($2)
        union
        select loser_key, winner_key, merged_at from source_merges where brand_id = $1 and winner_key = any($2)",
    )
    .bind(brand_id)
    .bind(keys)
    .fetch_all(db)
    .await?;
    source_merges(rows)
}

/// The merges of some records, and of all records that these merges name, directly or not: at most of `most` records.
///
/// # Errors
/// When Postgres fails.
pub async fn list_connected_merges(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
    most: usize,
) -> Result<Vec<SourceMerge>, StorageError> {
    let rows: Vec<MergeColumns> = sqlx::query_as(
        "with recursive chain (record_key) as (
            select unnest($2::text[]) collate \"C\"
            union
            select next.record_key from chain
            cross join lateral (
                select winner_key from source_merges where brand_id = $1 and loser_key = chain.record_key
                union all
                select loser_key from source_merges where brand_id = $1 and winner_key = chain.record_key
            ) as next (record_key)
        ),
        followed (record_key) as materialized (
            select unnest(array(select record_key from chain limit $3)) collate \"C\"
        )
        select merge.loser_key, merge.winner_key, merge.merged_at from followed
        join source_merges as merge on merge.brand_id = $1 and merge.loser_key = followed.record_key",
    )
    .bind(brand_id)
    .bind(texts(keys))
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    source_merges(rows)
}

/// Loser, winner and time.
type MergeColumns = (String, String, jiff_sqlx::Timestamp);

fn source_merges(rows: Vec<MergeColumns>) -> Result<Vec<SourceMerge>, StorageError> {
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
