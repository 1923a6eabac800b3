//! Deletes the data of a person, and lists all keys of a brand, to find what is to be deleted.

use std::collections::BTreeSet;

use super::StorageError;
use super::erasures::ErasedCounts;
use super::identifier_columns::columns;
use super::pool::Connection;
use super::records::{record_key, texts};
use crate::customer::model::event::EventKey;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;

/// Two columns of deleted rows that may name records.
type Named = Vec<(Option<String>, Option<String>)>;

/// Deletes all data from sources and people about some records, and some events of any record. Returns the
/// deleted keys, and the other records that were named together with them.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_facts(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
    events: &BTreeSet<EventKey>,
) -> Result<(ErasedCounts, BTreeSet<RecordKey>), StorageError> {
    let keys = texts(keys);
    let records = sqlx::query("delete from records where brand_id = $1 and record_key = any($2)")
        .bind(brand_id)
        .bind(&keys)
        .execute(&mut *db)
        .await?;
    sqlx::query("delete from identifiers where brand_id = $1 and record_key = any($2)")
        .bind(brand_id)
        .bind(&keys)
        .execute(&mut *db)
        .await?;
    let owners = delete_events(db, brand_id, &keys, events).await?;
    let counts = ErasedCounts {
        records: records.rows_affected(),
        events: u64::try_from(owners.len()).unwrap_or(u64::MAX),
        deliveries: 0,
    };
    // A decision may stay for other records. Its reasons are free text, and may name the person.
    let reasons = sqlx::query(
        "update confirmed_addresses set reason = '', undone_reason = null
        where brand_id = $1 and decision_id in (
            select decision_id from confirmed_addresses where brand_id = $1 and record_key = any($2)
        )",
    );
    reasons.bind(brand_id).bind(&keys).execute(&mut *db).await?;
    sqlx::query("delete from confirmed_addresses where brand_id = $1 and record_key = any($2)")
        .bind(brand_id)
        .bind(&keys)
        .execute(&mut *db)
        .await?;
    sqlx::query("delete from given_ids where brand_id = $1 and record_key = any($2)")
        .bind(brand_id)
        .bind(&keys)
        .execute(&mut *db)
        .await?;
    sqlx::query("delete from customer_reports where brand_id = $1 and (customer_key = any($2) or record_keys && $2)")
        .bind(brand_id)
        .bind(&keys)
        .execute(&mut *db)
        .await?;
    let pairs = delete_pairs(db, brand_id, &keys).await?;
    let named = owners.into_iter().chain(pairs).flat_map(|(one, other)| [one, other]).flatten();
    Ok((counts, named.map(|key| record_key(&key)).collect::<Result<_, _>>()?))
}

/// Deletes some events, and those of some records. Returns the record of each.
async fn delete_events(
    db: &mut Connection,
    brand_id: i32,
    keys: &[String],
    events: &BTreeSet<EventKey>,
) -> Result<Named, StorageError> {
    let hanging =
        sqlx::query_as("select event_key from events where brand_id = $1 and record_key = any($2)");
    let hanging: Vec<(String,)> = hanging.bind(brand_id).bind(keys).fetch_all(&mut *db).await?;
    let deleted: Vec<String> = events
        .iter()
        .map(ToString::to_string)
        .chain(hanging.into_iter().map(|(key,)| key))
        .collect();
    let owners = sqlx::query_as(
        "delete from events where brand_id = $1 and event_key = any($2) returning record_key, null",
    );
    let owners: Named = owners.bind(brand_id).bind(&deleted).fetch_all(&mut *db).await?;
    sqlx::query("delete from event_references where brand_id = $1 and event_key = any($2)")
        .bind(brand_id)
        .bind(&deleted)
        .execute(db)
        .await?;
    Ok(owners)
}

/// Deletes the merges and decisions of some records. Returns the two records of each.
async fn delete_pairs(
    db: &mut Connection,
    brand_id: i32,
    keys: &[String],
) -> Result<Named, StorageError> {
    let mut named = Named::new();
    // As above.
    let reasons = sqlx::query(
        "update decisions set reason = '', undone_reason = null
        where brand_id = $1 and (reason <> '' or undone_reason <> '') and decision_id in (
            select decision_id from decisions where brand_id = $1 and left_key = any($2)
            union
            select decision_id from decisions where brand_id = $1 and right_key = any($2)
        )",
    );
    reasons.bind(brand_id).bind(keys).execute(&mut *db).await?;
    for delete in [
        "delete from source_merges where brand_id = $1 and loser_key = any($2) returning loser_key, winner_key",
        "delete from source_merges where brand_id = $1 and winner_key = any($2) returning loser_key, winner_key",
        "delete from decisions where brand_id = $1 and left_key = any($2) returning left_key, right_key",
        "delete from decisions where brand_id = $1 and right_key = any($2) returning left_key, right_key",
    ] {
        let query = sqlx::query_as::<_, (Option<String>, Option<String>)>(delete);
        named.extend(query.bind(brand_id).bind(keys).fetch_all(&mut *db).await?);
    }
    Ok(named)
}

/// Deletes decisions about addresses that no record has any more, and the reasons of those that stay for others.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_lines(
    db: &mut Connection,
    brand_id: i32,
    addresses: &BTreeSet<Identifier>,
) -> Result<(), StorageError> {
    let (kinds, values) = columns(addresses);
    for delete in [
        "delete from shared_value_decisions as line using unnest($2::text[], $3::text[]) as deleted (kind, value)
        where line.brand_id = $1 and line.kind = deleted.kind and line.value = deleted.value
            and (select true from customer_addresses as held where held.brand_id = $1 and held.kind = deleted.kind and held.address = deleted.value limit 1) is null
            and (select true from identifiers as held where held.brand_id = $1 and held.kind = deleted.kind and held.value = deleted.value and held.links limit 1) is null",
        "delete from shared_values as line using unnest($2::text[], $3::text[]) as deleted (kind, value)
        where line.brand_id = $1 and line.kind = deleted.kind and line.value = deleted.value
            and (select true from customer_addresses as held where held.brand_id = $1 and held.kind = deleted.kind and held.address = deleted.value limit 1) is null
            and (select true from identifiers as held where held.brand_id = $1 and held.kind = deleted.kind and held.value = deleted.value and held.links limit 1) is null",
        "update shared_value_decisions as line set reason = '', undone_reason = null
        from unnest($2::text[], $3::text[]) as deleted (kind, value)
        where line.brand_id = $1 and line.kind = deleted.kind and line.value = deleted.value",
    ] {
        sqlx::query(delete).bind(brand_id).bind(&kinds).bind(&values).execute(&mut *db).await?;
    }
    Ok(())
}

/// All record keys in the data, in order, after a key; at most `limit`.
///
/// # Errors
/// When Postgres fails.
pub async fn list_named_after(
    db: &mut Connection,
    brand_id: i32,
    after: &str,
    limit: usize,
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let rows: Vec<(String,)> = sqlx::query_as(include_str!("list_named_after.sql"))
        .bind(brand_id)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
    rows.into_iter().map(|(key,)| record_key(&key)).collect()
}

/// Event keys in order, after a key; at most `limit`.
///
/// # Errors
/// When Postgres fails.
pub async fn list_events_after(
    db: &mut Connection,
    brand_id: i32,
    after: &str,
    limit: usize,
) -> Result<BTreeSet<EventKey>, StorageError> {
    let rows: Vec<(String,)> = sqlx::query_as("select event_key from events where brand_id = $1 and event_key > $2 order by event_key limit $3")
        .bind(brand_id)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
    rows.into_iter().map(|(key,)| key.parse().map_err(StorageError::corrupt("events"))).collect()
}
