//! Customers: what is derived from records.

use sqlx::PgConnection;

use super::StorageError;
use crate::customer::record::RecordKey;

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

/// The customer that a record stands for.
///
/// # Errors
/// When Postgres fails.
pub async fn find_owner(db: &mut PgConnection, brand_id: i32, key: &RecordKey) -> Result<Option<String>, StorageError> {
    let query = sqlx::query_as("select customer_key from customer_records where brand_id = $1 and record_key = $2");
    let found: Option<(String,)> = query.bind(brand_id).bind(key.to_string()).fetch_optional(db).await?;
    Ok(found.map(|(key,)| key))
}
