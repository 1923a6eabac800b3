//! Finds the data of a person to erase, by record keys, and deletes it.

use std::collections::BTreeSet;

use super::pool::Connection;

use super::StorageError;
use super::erasures::ErasedCounts;
use super::records::texts;
use crate::customer::model::event::EventKey;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;

/// An identifier of a live record, with the record's folded name.
pub struct Trace {
    /// The record.
    pub record: RecordKey,
    /// The identifier.
    pub identifier: Identifier,
    /// The record's folded name; empty if unknown.
    pub name_key: String,
}

fn record(key: &str) -> Result<RecordKey, StorageError> {
    key.parse().map_err(StorageError::corrupt("records"))
}

fn identifier(kind: &str, value: String) -> Result<Identifier, StorageError> {
    Ok(Identifier { kind: kind.parse().map_err(StorageError::corrupt("identifiers"))?, value })
}

fn columns<'a>(
    identifiers: impl IntoIterator<Item = &'a Identifier>,
) -> (Vec<&'a str>, Vec<&'a str>) {
    identifiers
        .into_iter()
        .map(|identifier| (identifier.kind.as_str(), identifier.value.as_str()))
        .unzip()
}

/// All record keys of the customers of some keys, including those keys.
///
/// # Errors
/// When Postgres fails.
pub async fn list_person(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let query = sqlx::query_as(
        "select other.record_key from customer_records as own
        join customer_records as other on other.brand_id = $1 and other.customer_key = own.customer_key
        where own.brand_id = $1 and own.record_key = any($2)",
    );
    let rows: Vec<(String,)> = query.bind(brand_id).bind(texts(keys)).fetch_all(db).await?;
    let mut all = keys.clone();
    for (key,) in rows {
        all.insert(record(&key)?);
    }
    Ok(all)
}

/// The identifiers of some records.
///
/// # Errors
/// When Postgres fails.
pub async fn list_traces(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
) -> Result<Vec<Trace>, StorageError> {
    let query = sqlx::query_as(
        "select record_key, kind, value, name_key from identifiers where brand_id = $1 and record_key = any($2)",
    );
    let rows: Vec<(String, String, String, String)> =
        query.bind(brand_id).bind(texts(keys)).fetch_all(db).await?;
    let trace = |(key, kind, value, name_key): (String, String, String, String)| {
        Ok(Trace { record: record(&key)?, identifier: identifier(&kind, value)?, name_key })
    };
    rows.into_iter().map(trace).collect()
}

/// Those of some values that records of other customers also have.
///
/// # Errors
/// When Postgres fails.
pub async fn list_common(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
    values: &BTreeSet<Identifier>,
) -> Result<BTreeSet<Identifier>, StorageError> {
    let (kinds, texts_of_values) = columns(values);
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select asked.kind, asked.value from unnest($3::text[], $4::text[]) as asked (kind, value)
        where (
            select true from customer_addresses as held
            where held.brand_id = $1 and held.kind = asked.kind and held.address = asked.value and held.customer_key <> all($2)
            limit 1
        ) or (
            select true from identifiers as held
            where asked.kind = 'reference' and held.brand_id = $1 and held.kind = 'reference' and held.value = asked.value
                and held.record_key <> all($2)
            limit 1
        )",
    )
    .bind(brand_id)
    .bind(texts(keys))
    .bind(kinds)
    .bind(texts_of_values)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|(kind, value)| identifier(&kind, value)).collect()
}

/// Those of some values that other records have together with one of some folded names.
///
/// # Errors
/// When Postgres fails.
pub async fn list_namesakes(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
    values: &BTreeSet<Identifier>,
    names: &BTreeSet<String>,
) -> Result<BTreeSet<(Identifier, String)>, StorageError> {
    let (kinds, texts_of_values) = columns(values);
    // Values that link have an index. Others need a scan, but are rarely needed.
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "select held.kind, held.value, held.name_key from unnest($3::text[], $4::text[]) as asked (kind, value)
        join identifiers as held on held.brand_id = $1 and held.kind = asked.kind and held.value = asked.value and held.links
        where held.name_key = any($5) and held.record_key <> all($2)
        union
        select held.kind, held.value, held.name_key from identifiers as held
        where held.brand_id = $1 and not held.links and held.kind = any($3) and held.value = any($4) and held.name_key = any($5)
            and held.record_key <> all($2)",
    )
    .bind(brand_id)
    .bind(texts(keys))
    .bind(kinds)
    .bind(texts_of_values)
    .bind(names.iter().cloned().collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|(kind, value, name)| Ok((identifier(&kind, value)?, name))).collect()
}

/// A record of another customer with the same name and a common address.
pub struct NamesakeRow {
    /// Its key.
    pub record: RecordKey,
    /// The kind of the common address.
    pub kind: String,
    /// Why it is another customer, if there is an open question about it.
    pub grounds: Option<String>,
}

/// Records outside some records that have the same name and a common address.
///
/// # Errors
/// When Postgres fails.
pub async fn list_same_names(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
) -> Result<Vec<NamesakeRow>, StorageError> {
    let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "select distinct on (other.record_key) other.record_key, other.kind, review.grounds
        from identifiers as own
        join identifiers as other on other.brand_id = $1 and other.kind = own.kind and other.value = own.value and other.name_key = own.name_key
        left join match_reviews as review on review.brand_id = $1 and review.kind = own.kind and review.value = own.value
        where own.brand_id = $1 and own.record_key = any($2) and own.name_key <> '' and other.record_key <> all($2)
            and own.kind in ('email', 'telephone', 'facebook', 'twitter')
        order by other.record_key, other.kind",
    )
    .bind(brand_id)
    .bind(texts(keys))
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(key, kind, grounds)| Ok(NamesakeRow { record: record(&key)?, kind, grounds }))
        .collect()
}

/// The events of some records.
///
/// # Errors
/// When Postgres fails.
pub async fn list_event_keys(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
) -> Result<BTreeSet<EventKey>, StorageError> {
    let query = sqlx::query_as(
        "select event_key from events where brand_id = $1 and record_key = any($2) and live",
    );
    let rows: Vec<(String,)> = query.bind(brand_id).bind(texts(keys)).fetch_all(db).await?;
    rows.into_iter().map(|(key,)| key.parse().map_err(StorageError::corrupt("events"))).collect()
}

/// Records of any kind that have an id but no customer: their source deleted them, or never sent them.
///
/// # Errors
/// When Postgres fails.
pub async fn list_remains(
    db: &mut Connection,
    brand_id: i32,
    candidates: &BTreeSet<RecordKey>,
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let query = sqlx::query_as(
        "select record_key from records where brand_id = $1 and record_key = any($2)
        union select record_key from events where brand_id = $1 and record_key = any($2) and live
        union select loser_key from source_merges where brand_id = $1 and loser_key = any($2)",
    );
    let rows: Vec<(String,)> = query.bind(brand_id).bind(texts(candidates)).fetch_all(db).await?;
    rows.into_iter().map(|(key,)| record(&key)).collect()
}

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
    let mut beside: Vec<(Option<String>, Option<String>)> = Vec::new();
    let mut gone: Vec<String> = events.iter().map(ToString::to_string).collect();
    let hanging =
        sqlx::query_as("select event_key from events where brand_id = $1 and record_key = any($2)");
    let hanging: Vec<(String,)> = hanging.bind(brand_id).bind(&keys).fetch_all(&mut *db).await?;
    gone.extend(hanging.into_iter().map(|(key,)| key));
    let owners = sqlx::query_as(
        "delete from events where brand_id = $1 and event_key = any($2) returning record_key, null",
    );
    let owners: Vec<(Option<String>, Option<String>)> =
        owners.bind(brand_id).bind(&gone).fetch_all(&mut *db).await?;
    let counts = ErasedCounts {
        records: records.rows_affected(),
        events: u64::try_from(owners.len()).unwrap_or(u64::MAX),
        deliveries: 0,
    };
    beside.extend(owners);
    sqlx::query("delete from event_references where brand_id = $1 and event_key = any($2)")
        .bind(brand_id)
        .bind(&gone)
        .execute(&mut *db)
        .await?;
    for delete in [
        "delete from source_merges where brand_id = $1 and loser_key = any($2) returning loser_key, winner_key",
        "delete from source_merges where brand_id = $1 and winner_key = any($2) returning loser_key, winner_key",
        "delete from decisions where brand_id = $1 and left_key = any($2) returning left_key, right_key",
        "delete from decisions where brand_id = $1 and right_key = any($2) returning left_key, right_key",
    ] {
        beside.extend(
            sqlx::query_as::<_, (Option<String>, Option<String>)>(delete)
                .bind(brand_id)
                .bind(&keys)
                .fetch_all(&mut *db)
                .await?,
        );
    }
    let named =
        beside.iter().flat_map(|(one, other)| [one, other]).flatten().map(|key| record(key));
    Ok((counts, named.collect::<Result<_, _>>()?))
}

/// Deletes decisions about addresses that no record has any more.
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
        "delete from shared_value_decisions as line using unnest($2::text[], $3::text[]) as gone (kind, value)
        where line.brand_id = $1 and line.kind = gone.kind and line.value = gone.value
            and (select true from customer_addresses as held where held.brand_id = $1 and held.kind = gone.kind and held.address = gone.value limit 1) is null",
        "delete from shared_values as line using unnest($2::text[], $3::text[]) as gone (kind, value)
        where line.brand_id = $1 and line.kind = gone.kind and line.value = gone.value
            and (select true from customer_addresses as held where held.brand_id = $1 and held.kind = gone.kind and held.address = gone.value limit 1) is null",
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
    let rows: Vec<(String,)> = sqlx::query_as(
        "select key from (
            (select record_key from records where brand_id = $1 and record_key > $2 order by record_key limit $3)
            union
            (select record_key from customer_records where brand_id = $1 and record_key > $2 order by record_key limit $3)
            union
            (select distinct record_key from identifiers where brand_id = $1 and record_key > $2 order by record_key limit $3)
            union
            (select distinct record_key from events where brand_id = $1 and record_key > $2 and live order by record_key limit $3)
            union
            (select distinct loser_key from source_merges where brand_id = $1 and loser_key > $2 order by loser_key limit $3)
            union
            (select distinct winner_key from source_merges where brand_id = $1 and winner_key > $2 order by winner_key limit $3)
            union
            (select distinct left_key from decisions where brand_id = $1 and left_key > $2 order by left_key limit $3)
            union
            (select distinct right_key from decisions where brand_id = $1 and right_key > $2 order by right_key limit $3)
        ) as keys (key) order by key limit $3",
    )
    .bind(brand_id)
    .bind(after)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|(key,)| record(&key)).collect()
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
