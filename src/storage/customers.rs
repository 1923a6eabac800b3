//! Customers: what is derived from records, and replaced whole whenever they change.

use sqlx::PgConnection;

use super::StorageError;
use super::records::texts;
use crate::customer::identifier::Identifier;
use crate::customer::profile::Profile;
use crate::customer::record::RecordKey;

/// A customer, ready to be kept.
pub struct CustomerRow<'a> {
    /// The merged profile.
    pub profile: &'a Profile,
    /// The answer as JSON.
    pub answer: String,
}

/// What somebody could be looked up by before a change.
#[derive(Debug, Default)]
pub struct Touched {
    /// Addresses of the customers that were replaced.
    pub addresses: Vec<Identifier>,
    /// Their record keys.
    pub records: Vec<RecordKey>,
    /// Their ids in answers.
    pub customer_ids: Vec<String>,
}

/// Removes every customer that one of the keys stood for, and gives back what each could be looked up by.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_customers(db: &mut PgConnection, brand_id: i32, keys: &[String]) -> Result<Touched, StorageError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "with old as (select distinct customer_key from customer_records where brand_id = $1 and record_key = any($2))
        select 'record', record_key from customer_records join old using (customer_key) where brand_id = $1
        union all
        select kind, address from customer_addresses join old using (customer_key) where brand_id = $1
        union all
        select 'id', customer_id from customers join old using (customer_key) where brand_id = $1",
    )
    .bind(brand_id)
    .bind(keys)
    .fetch_all(&mut *db)
    .await?;
    sqlx::query(
        "delete from customers where brand_id = $1
        and customer_key in (select customer_key from customer_records where brand_id = $1 and record_key = any($2))",
    )
    .bind(brand_id)
    .bind(keys)
    .execute(db)
    .await?;
    let mut touched = Touched::default();
    for (what, value) in rows {
        match what.as_str() {
            "record" => touched.records.push(value.parse().map_err(StorageError::corrupt("customer_records"))?),
            "id" => touched.customer_ids.push(value),
            kind => touched.addresses.push(Identifier { kind: kind.parse().map_err(StorageError::corrupt("customer_addresses"))?, value }),
        }
    }
    Ok(touched)
}

/// Keeps new customers.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_customers(db: &mut PgConnection, brand_id: i32, settings_hash: [u8; 16], rows: &[CustomerRow<'_>]) -> Result<(), StorageError> {
    let customer_key = |row: &CustomerRow<'_>| row.profile.key.to_string();
    let keys: Vec<String> = rows.iter().map(customer_key).collect();
    let ids: Vec<&str> = rows.iter().map(|row| row.profile.customer_id.as_str()).collect();
    let answers: Vec<&str> = rows.iter().map(|row| row.answer.as_str()).collect();
    let records = rows.iter().flat_map(|row| row.profile.record_keys.iter().map(move |key| (key, customer_key(row))));
    let (record_keys, record_owners): (Vec<&RecordKey>, Vec<String>) = records.unzip();
    let addresses: Vec<(&Identifier, String)> =
        rows.iter().flat_map(|row| row.profile.addresses.iter().map(move |address| (address, customer_key(row)))).collect();
    sqlx::query(
        "with new as (
            insert into customers (brand_id, customer_key, customer_id) select $1, * from unnest($2::text[], $3::text[])
        ),
        new_answers as (
            insert into answers (brand_id, customer_key, body, settings_hash) select $1, *, $5 from unnest($2::text[], $4::text[])
        ),
        new_records as (
            insert into customer_records (brand_id, record_key, customer_key) select $1, * from unnest($6::text[], $7::text[])
        )
        insert into customer_addresses (brand_id, kind, address, customer_key) select $1, * from unnest($8::text[], $9::text[], $10::text[])",
    )
    .bind(brand_id)
    .bind(keys)
    .bind(ids)
    .bind(answers)
    .bind(settings_hash.as_slice())
    .bind(texts(record_keys))
    .bind(record_owners)
    .bind(addresses.iter().map(|(address, _)| address.kind.as_str()).collect::<Vec<_>>())
    .bind(addresses.iter().map(|(address, _)| address.value.as_str()).collect::<Vec<_>>())
    .bind(addresses.iter().map(|(_, owner)| owner.as_str()).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// A customer's id in answers and every record key that stands for it; `None` when there is no such customer (any more).
///
/// # Errors
/// When Postgres fails.
pub async fn find_customer(db: &mut PgConnection, brand_id: i32, customer_key: &str) -> Result<Option<(String, Vec<String>)>, StorageError> {
    let found = sqlx::query_as(
        "select customer_id, array(select record_key from customer_records as own where own.brand_id = $1 and own.customer_key = $2)
        from customers where brand_id = $1 and customer_key = $2",
    );
    Ok(found.bind(brand_id).bind(customer_key).fetch_optional(db).await?)
}
