//! Brands: the walls between customers.

use sqlx::PgPool;
use uuid::Uuid;

use super::StorageError;

/// A brand as the store knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrandRow {
    /// Its number in every table.
    pub brand_id: i32,
    /// Keys the hashes of notifications.
    pub secret: [u8; 16],
}

/// The brand of that slug, made if there is none yet.
///
/// # Errors
/// When Postgres fails.
pub async fn get_or_insert_brand(pool: &PgPool, slug: &str) -> Result<BrandRow, StorageError> {
    // Two statements, because "on conflict do update" would write a row at every start.
    let find = "select brand_id, secret from brands where slug = $1";
    let secret = *Uuid::new_v4().as_bytes();
    sqlx::query("insert into brands (slug, secret) values ($1, $2) on conflict (slug) do nothing")
        .bind(slug)
        .bind(secret.as_slice())
        .execute(pool)
        .await?;
    let (brand_id, secret): (i32, Vec<u8>) = sqlx::query_as(find).bind(slug).fetch_one(pool).await?;
    let secret = secret.try_into().map_err(|_| StorageError::Corrupt("brands"))?;
    Ok(BrandRow { brand_id, secret })
}

/// Customers and records of a brand, for an overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrandCounts {
    /// Customers.
    pub customers: i64,
    /// Source records, deleted ones included.
    pub records: i64,
    /// Events, deleted ones included.
    pub events: i64,
    /// Keys that are neither revoked nor expired.
    pub live_keys: i64,
}

/// Counts what a brand holds.
///
/// # Errors
/// When Postgres fails.
pub async fn count_brand(pool: &PgPool, brand_id: i32, now: jiff::Timestamp) -> Result<BrandCounts, StorageError> {
    let counts = sqlx::query_as(
        "select
            (select count(*) from customers where brand_id = $1),
            (select count(*) from records where brand_id = $1),
            (select count(*) from events where brand_id = $1),
            (select count(*) from keys where brand_id = $1 and revoked_at is null and (expires_at is null or expires_at > $2))",
    );
    let (customers, records, events, live_keys) = counts.bind(brand_id).bind(jiff_sqlx::Timestamp::from(now)).fetch_one(pool).await?;
    Ok(BrandCounts { customers, records, events, live_keys })
}
