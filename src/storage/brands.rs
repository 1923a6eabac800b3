//! Brands. Their data is kept strictly apart.

use super::pool::{Connection, Pool};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::StorageError;
use super::api_keys::{KeyState, list_keys};
use super::invalidation::BrandSecret;
use super::suppressions::SuppressionKey;
use super::write_transaction::begin;
use crate::customer::model::record::RecordKey;

/// A stored brand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrandRow {
    /// Its id in every table.
    pub brand_id: i32,
    /// Secret of the hashes of addresses and ids.
    pub secret: BrandSecret,
    /// Secret of the hashes in the suppression list.
    pub suppression_key: SuppressionKey,
}

/// The brand with a slug, if it is stored.
///
/// # Errors
/// When Postgres fails.
pub async fn find_brand(pool: &Pool, slug: &str) -> Result<Option<BrandRow>, StorageError> {
    let query =
        sqlx::query_as("select brand_id, secret, suppression_key from brands where slug = $1")
            .bind(slug);
    let row: Option<(i32, Vec<u8>, Vec<u8>)> = query.fetch_optional(pool).await?;
    let Some((brand_id, secret, suppression_key)) = row else { return Ok(None) };
    let secret = BrandSecret(secret.try_into().map_err(|_| StorageError::Corrupt("brands"))?);
    let suppression_key =
        SuppressionKey(suppression_key.try_into().map_err(|_| StorageError::Corrupt("brands"))?);
    Ok(Some(BrandRow { brand_id, secret, suppression_key }))
}

/// The brand with a slug. It is created if it is not stored yet.
///
/// # Errors
/// When Postgres fails.
pub async fn get_or_insert_brand(pool: &Pool, slug: &str) -> Result<BrandRow, StorageError> {
    if let Some(known) = find_brand(pool, slug).await? {
        return Ok(known);
    }
    let secret = *Uuid::new_v4().as_bytes();
    sqlx::query("insert into brands (slug, secret) values ($1, $2) on conflict (slug) do nothing")
        .bind(slug)
        .bind(secret.as_slice())
        .execute(pool)
        .await?;
    find_brand(pool, slug).await?.ok_or(StorageError::Corrupt("brands"))
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
    pub live_keys: usize,
}

/// Counts the contents of a brand.
///
/// # Errors
/// When Postgres fails.
pub async fn count_brand(
    pool: &Pool,
    brand_id: i32,
    now: jiff::Timestamp,
) -> Result<BrandCounts, StorageError> {
    let counts = sqlx::query_as(
        "select
            (select count(*) from customers where brand_id = $1),
            (select count(*) from records where brand_id = $1),
            (select count(*) from events where brand_id = $1)",
    );
    let (customers, records, events) = counts.bind(brand_id).fetch_one(pool).await?;
    let live_keys = list_keys(pool)
        .await?
        .iter()
        .filter(|key| key.brand_id == brand_id && key.state(now) == KeyState::Valid)
        .count();
    Ok(BrandCounts { customers, records, events, live_keys })
}

/// Counts the open questions about identities. Floating point, for the gauge.
///
/// # Errors
/// When Postgres fails.
pub async fn count_reviews(pool: &Pool, brand_id: i32) -> Result<f64, StorageError> {
    let query = sqlx::query_as("select count(*)::float8 from match_reviews where brand_id = $1");
    let (count,) = query.bind(brand_id).fetch_one(pool).await?;
    Ok(count)
}

/// How far the derivation of all customers of a brand has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RederiveRow {
    /// Rules with which all customers were last derived; `None` before the first time.
    pub derivation_hash: Option<Vec<u8>>,
    /// Rules of the derivation that is running.
    pub rederive_hash: Option<Vec<u8>>,
    /// The last record that it has processed.
    pub rederive_after: Option<String>,
}

/// Loads the progress of the derivation.
///
/// # Errors
/// When Postgres fails.
pub async fn get_rederive(pool: &Pool, brand_id: i32) -> Result<RederiveRow, StorageError> {
    let query = sqlx::query_as(
        "select derivation_hash, rederive_hash, rederive_after from brands where brand_id = $1",
    );
    let (derivation_hash, rederive_hash, rederive_after) =
        query.bind(brand_id).fetch_one(pool).await?;
    Ok(RederiveRow { derivation_hash, rederive_hash, rederive_after })
}

/// Saves the progress of the derivation.
///
/// # Errors
/// When Postgres fails.
pub async fn save_rederive(
    pool: &Pool,
    brand_id: i32,
    rules: [u8; 16],
    after: &str,
) -> Result<(), StorageError> {
    let query = sqlx::query(
        "update brands set rederive_hash = $2, rederive_after = $3 where brand_id = $1",
    );
    query.bind(brand_id).bind(rules.as_slice()).bind(after).execute(pool).await?;
    Ok(())
}

/// Saves that all customers have to be derived again, from the first one. Returns whether a derivation was under way.
///
/// # Errors
/// When Postgres fails.
pub async fn request_rederive(
    db: &mut Connection,
    brand_id: i32,
    rules: [u8; 16],
) -> Result<bool, StorageError> {
    let query = sqlx::query_as(
        "update brands as now set rederive_hash = $2, rederive_after = '' from brands as former
        where now.brand_id = $1 and former.brand_id = $1 returning former.rederive_hash is not null",
    );
    let (was_under_way,): (bool,) =
        query.bind(brand_id).bind(rules.as_slice()).fetch_one(db).await?;
    Ok(was_under_way)
}

/// Saves that the derivation that was requested last is done. One that has begun meanwhile goes on.
///
/// # Errors
/// When Postgres fails.
pub async fn withdraw_rederive(pool: &Pool, brand_id: i32) -> Result<(), StorageError> {
    let query = sqlx::query(
        "update brands set rederive_hash = null, rederive_after = null where brand_id = $1 and rederive_after = ''",
    );
    query.bind(brand_id).execute(pool).await?;
    Ok(())
}

/// Saves that all customers are derived with these rules. Deletes shared values without a holder.
///
/// # Errors
/// When Postgres fails.
pub async fn finish_rederive(
    pool: &Pool,
    brand_id: i32,
    rules: [u8; 16],
) -> Result<(), StorageError> {
    let mut transaction = begin(pool, brand_id).await?;
    let orphans = "delete from shared_values as old where old.brand_id = $1 and not exists (
        select from identifiers as held where held.brand_id = $1 and held.kind = old.kind and held.value = old.value and held.links
    )";
    sqlx::query(orphans).bind(brand_id).execute(&mut *transaction).await?;
    let query = sqlx::query(
        "update brands set derivation_hash = $2, rederive_hash = null, rederive_after = null where brand_id = $1",
    );
    query.bind(brand_id).bind(rules.as_slice()).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

/// Record keys in order, after a key; at most `limit`. It includes keys without a record that still have
/// derived data.
///
/// # Errors
/// When Postgres fails.
pub async fn list_keys_after(
    db: impl PgExecutor<'_>,
    brand_id: i32,
    after: &str,
    limit: usize,
) -> Result<Vec<RecordKey>, StorageError> {
    let keys: Vec<(String,)> = sqlx::query_as(
        "select record_key from (
            (select record_key from records where brand_id = $1 and record_key > $2 order by record_key limit $3)
            union
            (select record_key from customer_records where brand_id = $1 and record_key > $2 order by record_key limit $3)
            union
            (select distinct record_key from identifiers where brand_id = $1 and record_key > $2 order by record_key limit $3)
        ) as keys order by record_key limit $3",
    )
    .bind(brand_id)
    .bind(after)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    keys.into_iter().map(|(key,)| key.parse().map_err(StorageError::corrupt("records"))).collect()
}

/// Counts the record keys after a key.
///
/// # Errors
/// When Postgres fails.
pub async fn count_keys_after(
    db: impl PgExecutor<'_>,
    brand_id: i32,
    after: &str,
) -> Result<u64, StorageError> {
    let query =
        sqlx::query_as("select count(*) from records where brand_id = $1 and record_key > $2");
    let (count,): (i64,) = query.bind(brand_id).bind(after).fetch_one(db).await?;
    Ok(u64::try_from(count).unwrap_or_default())
}
