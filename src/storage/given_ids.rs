//! Ids that answers gave out, each with the record whose id it is, and since when.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::StorageError;
use super::pool::Connection;
use super::records::{record_key, texts};
use crate::customer::model::record::RecordKey;

type Time = jiff_sqlx::Timestamp;

/// An id that an answer gave out.
#[derive(Clone, PartialEq, Eq)]
pub struct GivenId {
    /// The id, as the answer showed it.
    pub customer_id: String,
    /// When it was given out for the first time.
    pub given_at: Timestamp,
}

/// Those of some records whose id is stored as given out.
///
/// # Errors
/// When Postgres fails.
pub async fn list_known_keys(
    db: &mut Connection,
    brand_id: i32,
    keys: impl IntoIterator<Item = &RecordKey>,
) -> Result<BTreeSet<RecordKey>, StorageError> {
    // The order makes Postgres use the index on the keys. If it planned "record_key = any($2)" while the table was empty,
    // it could read all rows of the brand.
    let query = sqlx::query_as(
        "select next.record_key from unnest($2::text[]) as asked (record_key)
        cross join lateral (
            select record_key from given_ids where brand_id = $1 and record_key >= asked.record_key order by record_key limit 1
        ) as next
        where next.record_key = asked.record_key",
    );
    let rows: Vec<(String,)> = query.bind(brand_id).bind(texts(keys)).fetch_all(db).await?;
    rows.into_iter().map(|(key,)| record_key(&key)).collect()
}

/// The ids that answers gave out for some records.
///
/// # Errors
/// When Postgres fails.
pub async fn list_given_ids(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
) -> Result<BTreeSet<String>, StorageError> {
    let query = sqlx::query_as(
        "select customer_id from given_ids where brand_id = $1 and record_key = any($2)",
    );
    let rows: Vec<(String,)> = query.bind(brand_id).bind(texts(keys)).fetch_all(db).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The first records of the customers that show some ids.
///
/// # Errors
/// When Postgres fails.
pub async fn list_showing(
    db: &mut Connection,
    brand_id: i32,
    ids: &[&str],
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let query = sqlx::query_as(
        "select customer_key from customers where brand_id = $1 and customer_id = any($2)",
    );
    let rows: Vec<(String,)> = query.bind(brand_id).bind(ids).fetch_all(db).await?;
    rows.into_iter().map(|(key,)| record_key(&key)).collect()
}

/// Stores ids that were given out, if they are new and their record still has a customer. Returns records whose
/// customer must be derived again: it shows another id by now, or another customer shows the same one. Records of which
/// another replica stored an id meanwhile may be among them, too.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_given_ids(
    db: &mut Connection,
    brand_id: i32,
    given: &[(&RecordKey, &GivenId)],
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(include_str!("insert_given_ids.sql"))
        .bind(brand_id)
        .bind(texts(given.iter().map(|(key, _)| *key)))
        .bind(given.iter().map(|(_, given)| given.customer_id.as_str()).collect::<Vec<_>>())
        .bind(given.iter().map(|(_, given)| Time::from(given.given_at)).collect::<Vec<_>>())
        .fetch_all(db)
        .await?;
    let keys = rows.iter().flat_map(|(record, shown_by)| std::iter::once(record).chain(shown_by));
    keys.map(|key| record_key(key)).collect()
}
