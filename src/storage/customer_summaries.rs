//! Customers, as a person sees them who decides about them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::StorageError;
use super::pool::Connection;
use super::records::{record_key, texts};
use crate::customer::model::record::RecordKey;

type Time = jiff_sqlx::Timestamp;

/// A customer. It is personal data, so it does not implement `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerSummary {
    /// The customer's key: that of its first record.
    pub key: String,
    /// The customer id, as answers show it.
    pub customer_id: String,
    /// The answer, as JSON.
    pub answer: String,
    /// All its record keys, also those that were merged away.
    pub records: Vec<RecordKey>,
    /// How many events its records have.
    pub events: i64,
}

/// The customers with these keys, in order.
///
/// # Errors
/// When Postgres fails.
pub async fn list_customers(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<String>,
) -> Result<Vec<CustomerSummary>, StorageError> {
    let rows: Vec<(String, String, String, Vec<String>, i64)> = sqlx::query_as(
        "select customer.customer_key, customer.customer_id, answer.body, own.record_keys,
            (select count(*) from events where events.brand_id = $1 and events.record_key = any(own.record_keys) and events.live)
        from unnest($2::text[]) as wanted (customer_key)
        join customers as customer on customer.brand_id = $1 and customer.customer_key = wanted.customer_key
        join answers as answer on answer.brand_id = $1 and answer.customer_key = customer.customer_key
        cross join lateral (
            select array(
                select record_key from customer_records as own
                where own.brand_id = $1 and own.customer_key = customer.customer_key order by record_key
            ) as record_keys
        ) as own
        order by customer.customer_key",
    )
    .bind(brand_id)
    .bind(keys.iter().collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    let summary = |(key, customer_id, answer, records, events): (_, _, _, Vec<String>, _)| {
        let records = records.iter().map(|key| record_key(key)).collect::<Result<_, _>>()?;
        Ok(CustomerSummary { key, customer_id, answer, records, events })
    };
    rows.into_iter().map(summary).collect()
}

/// The name of each of some customers as answers show it, by its key. Without those that have none.
///
/// # Errors
/// When Postgres fails.
pub async fn list_names(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<String>,
) -> Result<BTreeMap<String, String>, StorageError> {
    let query = sqlx::query_as(
        "select customer_key, trim(concat_ws(' ', named.answer ->> 'customerFirstname', named.answer ->> 'customerLastname'))
        from answers cross join lateral (select answers.body::json as answer offset 0) as named
        where brand_id = $1 and customer_key = any($2)",
    );
    let keys: Vec<&String> = keys.iter().collect();
    let rows: Vec<(String, String)> = query.bind(brand_id).bind(keys).fetch_all(db).await?;
    Ok(rows.into_iter().filter(|(_, name)| !name.is_empty()).collect())
}

/// The customer of each of some records that have one.
///
/// # Errors
/// When Postgres fails.
pub async fn list_owners(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
) -> Result<BTreeMap<RecordKey, String>, StorageError> {
    let query = sqlx::query_as(
        "select record_key, customer_key from customer_records where brand_id = $1 and record_key = any($2)",
    );
    let rows: Vec<(String, String)> = query.bind(brand_id).bind(texts(keys)).fetch_all(db).await?;
    rows.into_iter().map(|(record, customer)| Ok((record_key(&record)?, customer))).collect()
}

/// A customer that has a record.
pub struct Owner {
    /// Its key.
    pub customer_key: String,
    /// When its answer last changed. `None`: not known.
    pub changed_at: Option<Timestamp>,
    /// The hash of the settings that rendered its answer.
    pub settings_hash: Vec<u8>,
}

/// The customer of each of some records that have one, with the time of the last change of its answer.
///
/// # Errors
/// When Postgres fails.
pub async fn list_changed_owners(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
) -> Result<BTreeMap<RecordKey, Owner>, StorageError> {
    let query = sqlx::query_as(
        "select own.record_key, own.customer_key, answer.changed_at, answer.settings_hash from customer_records as own
        join answers as answer on answer.brand_id = $1 and answer.customer_key = own.customer_key
        where own.brand_id = $1 and own.record_key = any($2)",
    );
    let rows: Vec<(String, String, Option<Time>, Vec<u8>)> =
        query.bind(brand_id).bind(texts(keys)).fetch_all(db).await?;
    let owner =
        |(record, customer_key, changed_at, settings_hash): (String, _, Option<Time>, _)| {
            let changed_at = changed_at.map(Time::to_jiff);
            Ok((record_key(&record)?, Owner { customer_key, changed_at, settings_hash }))
        };
    rows.into_iter().map(owner).collect()
}
