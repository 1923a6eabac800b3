//! Source records, what they are found by, and the merges that their sources made.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use sqlx::types::Json;

use super::StorageError;
use crate::customer::identifier::Identifier;
use crate::customer::record::{Record, RecordKey, SourceMerge};
use crate::customer::versions::Versions;

/// Keys as Postgres gets them.
pub(super) fn texts<'a>(keys: impl IntoIterator<Item = &'a RecordKey>) -> Vec<String> {
    keys.into_iter().map(ToString::to_string).collect()
}

/// The records of those keys that are known, deleted ones included.
///
/// # Errors
/// When Postgres fails.
pub async fn list_records(db: &mut PgConnection, brand_id: i32, keys: &[String]) -> Result<BTreeMap<RecordKey, Record>, StorageError> {
    let rows: Vec<(String, Json<Versions>)> = sqlx::query_as("select record_key, state from records where brand_id = $1 and record_key = any($2)")
        .bind(brand_id)
        .bind(keys)
        .fetch_all(db)
        .await?;
    let record = |(key, Json(versions)): (String, Json<Versions>)| {
        let key: RecordKey = key.parse().map_err(StorageError::corrupt("records"))?;
        Ok((key.clone(), Record { key, versions }))
    };
    rows.into_iter().map(record).collect()
}

/// Keeps the new state of some records.
///
/// # Errors
/// When Postgres fails.
pub async fn upsert_records(db: &mut PgConnection, brand_id: i32, records: &[&Record]) -> Result<(), StorageError> {
    let keys = texts(records.iter().map(|record| &record.key));
    let states: Vec<String> = records.iter().map(|record| serde_json::to_string(&record.versions).unwrap_or_default()).collect();
    sqlx::query(
        "insert into records (brand_id, record_key, state)
        select $1, new.record_key, new.state::json from unnest($2::text[], $3::text[]) as new (record_key, state)
        on conflict (brand_id, record_key) do update set state = excluded.state",
    )
    .bind(brand_id)
    .bind(keys)
    .bind(states)
    .execute(db)
    .await?;
    Ok(())
}

/// An identifier of a live record, as the closure and the counting need it.
#[derive(Debug, Clone)]
pub struct IdentifierRow {
    /// Whose.
    pub record: RecordKey,
    /// What.
    pub identifier: Identifier,
    /// Whether it may link.
    pub links: bool,
    /// The record's folded name; empty when unknown.
    pub name_key: String,
}

/// Replaces everything that some records are found by, and gives back what they were found by before.
///
/// # Errors
/// When Postgres fails.
pub async fn replace_identifiers(
    db: &mut PgConnection,
    brand_id: i32,
    records: &[String],
    rows: &[IdentifierRow],
) -> Result<Vec<Identifier>, StorageError> {
    let before: Vec<(String, String)> = sqlx::query_as("delete from identifiers where brand_id = $1 and record_key = any($2) returning kind, value")
        .bind(brand_id)
        .bind(records)
        .fetch_all(&mut *db)
        .await?;
    let column = |of: fn(&IdentifierRow) -> String| rows.iter().map(of).collect::<Vec<String>>();
    sqlx::query(
        "insert into identifiers (brand_id, record_key, kind, value, links, source_kind, name_key)
        select $1, new.* from unnest($2::text[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::text[]) as new",
    )
    .bind(brand_id)
    .bind(column(|row| row.record.to_string()))
    .bind(column(|row| row.identifier.kind.as_str().to_owned()))
    .bind(column(|row| row.identifier.value.clone()))
    .bind(rows.iter().map(|row| row.links).collect::<Vec<bool>>())
    .bind(column(|row| row.record.kind.as_str().to_owned()))
    .bind(column(|row| row.name_key.clone()))
    .execute(db)
    .await?;
    before.into_iter().map(identifier).collect()
}

pub(super) fn identifier((kind, value): (String, String)) -> Result<Identifier, StorageError> {
    Ok(Identifier { kind: kind.parse().map_err(StorageError::corrupt("identifiers"))?, value })
}

/// Keeps merges as facts; of one loser and winner the latest. Gives back those that were news.
///
/// # Errors
/// When Postgres fails.
pub async fn upsert_merges(db: &mut PgConnection, brand_id: i32, merges: &[SourceMerge]) -> Result<Vec<RecordKey>, StorageError> {
    let news: Vec<(String, String)> = sqlx::query_as(
        "insert into source_merges as known (brand_id, loser_key, winner_key, merged_at)
        select $1, new.loser_key, new.winner_key, max(new.merged_at)
        from unnest($2::text[], $3::text[], $4::timestamptz[]) as new (loser_key, winner_key, merged_at)
        group by new.loser_key, new.winner_key
        on conflict (brand_id, loser_key, winner_key) do update set merged_at = excluded.merged_at where known.merged_at < excluded.merged_at
        returning loser_key, winner_key",
    )
    .bind(brand_id)
    .bind(texts(merges.iter().map(|merge| &merge.loser)))
    .bind(texts(merges.iter().map(|merge| &merge.winner)))
    .bind(merges.iter().map(|merge| jiff_sqlx::Timestamp::from(merge.at)).collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    news.into_iter().flat_map(|(loser, winner)| [loser, winner]).map(|key| key.parse().map_err(StorageError::corrupt("source_merges"))).collect()
}
