//! Finds the data of a person by record keys.

use std::collections::{BTreeMap, BTreeSet};

use super::StorageError;
use super::identifier_columns::{columns, identifier};
use super::pool::Connection;
use super::records::{record_key, texts};
use crate::customer::model::event::EventKey;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::RecordKey;

/// An identifier of a live record, with the record's folded name.
pub struct FoundIdentifier {
    /// The record.
    pub record: RecordKey,
    /// The identifier.
    pub identifier: Identifier,
    /// The record's folded name; empty if unknown.
    pub name_key: String,
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
        all.insert(record_key(&key)?);
    }
    Ok(all)
}

/// The identifiers of some records.
///
/// # Errors
/// When Postgres fails.
pub async fn list_identifiers(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
) -> Result<Vec<FoundIdentifier>, StorageError> {
    let query = sqlx::query_as(
        "select record_key, kind, value, name_key from identifiers where brand_id = $1 and record_key = any($2)",
    );
    let rows: Vec<(String, String, String, String)> =
        query.bind(brand_id).bind(texts(keys)).fetch_all(db).await?;
    let found = |(key, kind, value, name_key): (String, String, String, String)| {
        Ok(FoundIdentifier {
            record: record_key(&key)?,
            identifier: identifier(&kind, value)?,
            name_key,
        })
    };
    rows.into_iter().map(found).collect()
}

/// The records that contain an address and may be linked by it, at most `limit`.
///
/// # Errors
/// When Postgres fails.
pub async fn list_holders(
    db: &mut Connection,
    brand_id: i32,
    address: &Identifier,
    limit: i64,
) -> Result<Vec<RecordKey>, StorageError> {
    let query = sqlx::query_as(
        "select record_key from identifiers where brand_id = $1 and kind = $2 and value = $3 and links
        order by record_key limit $4",
    );
    let query = query.bind(brand_id).bind(address.kind.as_str()).bind(&address.value).bind(limit);
    let rows: Vec<(String,)> = query.fetch_all(db).await?;
    rows.into_iter().map(|(key,)| record_key(&key)).collect()
}

/// Customers that have an address.
pub struct CustomersWith {
    /// Their first records.
    pub customers: Vec<RecordKey>,
    /// Whether more customers have it, or may have it: of an address that very many records have, not all are read.
    pub has_more: bool,
}

/// The customers that have each of some addresses, at most `most` of each.
///
/// # Errors
/// When Postgres fails.
pub async fn list_customers_with(
    db: &mut Connection,
    brand_id: i32,
    addresses: &BTreeSet<Identifier>,
    most: usize,
) -> Result<BTreeMap<Identifier, CustomersWith>, StorageError> {
    let query = sqlx::query_as(
        "select asked.kind, asked.value, held.customer_keys, held.records
        from unnest($2::text[], $3::text[]) as asked (kind, value)
        cross join lateral (
            select array_agg(distinct own.customer_key order by own.customer_key) as customer_keys, count(*) as records
            from (
                select record_key from identifiers
                where brand_id = $1 and kind = asked.kind and value = asked.value and links
                order by source_kind, name_key limit $4
            ) as holder
            join customer_records as own on own.brand_id = $1 and own.record_key = holder.record_key
        ) as held
        where held.records > 0",
    );
    let kinds: Vec<&str> = addresses.iter().map(|address| address.kind.as_str()).collect();
    let values: Vec<&String> = addresses.iter().map(|address| &address.value).collect();
    let query = query.bind(brand_id).bind(kinds).bind(values);
    let read = most.saturating_add(1).saturating_mul(RECORDS_OF_A_CUSTOMER);
    let query = query.bind(i64::try_from(read).unwrap_or(i64::MAX));
    let rows: Vec<(String, String, Vec<String>, i64)> = query.fetch_all(db).await?;
    let found = |(kind, value, keys, records): (String, _, Vec<String>, i64)| {
        let are_all_read = usize::try_from(records).is_ok_and(|records| records < read);
        let has_more = keys.len() > most || !are_all_read;
        let customers = keys.iter().take(most).map(|key| record_key(key));
        let customers = customers.collect::<Result<_, _>>()?;
        Ok((identifier(&kind, value)?, CustomersWith { customers, has_more }))
    };
    rows.into_iter().map(found).collect()
}

/// Few customers have more records with the same address.
const RECORDS_OF_A_CUSTOMER: usize = 10;

/// Those of some values that records of other customers also have.
///
/// # Errors
/// When Postgres fails.
pub async fn list_shared(
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
    pub conflict: Option<String>,
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
    let addresses = IdentifierKind::ALL.into_iter().filter(|kind| kind.is_address());
    let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "select distinct on (other.record_key) other.record_key, other.kind, review.conflict
        from identifiers as own
        join identifiers as other on other.brand_id = $1 and other.kind = own.kind and other.value = own.value and other.name_key = own.name_key
        left join match_reviews as review on review.brand_id = $1 and review.kind = own.kind and review.value = own.value
        where own.brand_id = $1 and own.record_key = any($2) and own.name_key <> '' and other.record_key <> all($2)
            and own.kind = any($3)
        order by other.record_key, other.kind",
    )
    .bind(brand_id)
    .bind(texts(keys))
    .bind(addresses.map(IdentifierKind::as_str).collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(key, kind, conflict)| Ok(NamesakeRow { record: record_key(&key)?, kind, conflict }))
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
    rows.into_iter().map(|(key,)| record_key(&key)).collect()
}
