//! Ids that answers gave out, each with the record whose id it is, and since when.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::StorageError;
use super::pool::Connection;
use super::records::record_key;
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

/// Stores ids that were given out, if they are new and their record still has a customer. The time is in whole
/// microseconds. Returns the records whose
/// customer shows another id by now.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_given_ids(
    db: &mut Connection,
    brand_id: i32,
    given: &[(RecordKey, String)],
    now: Timestamp,
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let (keys, ids): (Vec<String>, Vec<&str>) =
        given.iter().map(|(key, id)| (key.to_string(), id.as_str())).unzip();
    let rows: Vec<(String,)> = sqlx::query_as(
        "with added as (
            insert into given_ids (brand_id, record_key, customer_id, given_at)
            select $1, asked.record_key, asked.customer_id, $4
            from unnest($2::text[], $3::text[]) as asked (record_key, customer_id)
            join customer_records as own on own.brand_id = $1 and own.record_key = asked.record_key
            where (
                select true from given_ids as other where other.brand_id = $1 and other.customer_id = asked.customer_id limit 1
            ) is null
            on conflict do nothing
            returning record_key, customer_id
        )
        select added.record_key from added
        join customer_records as own on own.brand_id = $1 and own.record_key = added.record_key
        join customers as customer on customer.brand_id = $1 and customer.customer_key = own.customer_key
        where customer.customer_id <> added.customer_id",
    )
    .bind(brand_id)
    .bind(keys)
    .bind(ids)
    .bind(Time::from(now))
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|(key,)| record_key(&key)).collect()
}
