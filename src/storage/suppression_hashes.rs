//! The suppression list of erased persons, in the database: keyed hashes, and the key of each brand.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::StorageError;
use super::pool::{Connection, Pool};
use super::suppressions::{SuppressionHash, SuppressionKey};

fn bytes(hashes: impl IntoIterator<Item = SuppressionHash>) -> Vec<Vec<u8>> {
    hashes.into_iter().map(|hash| hash.0.to_vec()).collect()
}

/// Gives a brand the suppression key of a file, unless hashes with its own key exist. Returns the key in use.
///
/// # Errors
/// When Postgres fails.
pub async fn adopt_suppression_key(
    pool: &Pool,
    brand_id: i32,
    key: &SuppressionKey,
) -> Result<SuppressionKey, StorageError> {
    let adopt = "update brands set suppression_key = $2
        where brand_id = $1 and suppression_key <> $2 and not exists (select from erasures where brand_id = $1)";
    sqlx::query(adopt).bind(brand_id).bind(key.0.as_slice()).execute(pool).await?;
    get_suppression_key(pool, brand_id).await
}

/// The brand's key for the hashes of the suppression list.
///
/// # Errors
/// When Postgres fails.
pub async fn get_suppression_key(
    pool: &Pool,
    brand_id: i32,
) -> Result<SuppressionKey, StorageError> {
    let (key,): (Vec<u8>,) =
        sqlx::query_as("select suppression_key from brands where brand_id = $1")
            .bind(brand_id)
            .fetch_one(pool)
            .await?;
    key.try_into().map(SuppressionKey).map_err(|_| StorageError::Corrupt("brands"))
}

/// The hashes of an erasure.
///
/// # Errors
/// When Postgres fails.
pub async fn list_hashes(
    db: &mut Connection,
    brand_id: i32,
    erasure_id: Uuid,
) -> Result<BTreeSet<SuppressionHash>, StorageError> {
    let query = sqlx::query_as(
        "select hash from suppression_hashes where brand_id = $1 and erasure_id = $2",
    );
    let rows: Vec<(Vec<u8>,)> = query.bind(brand_id).bind(erasure_id).fetch_all(db).await?;
    rows.into_iter().map(|(hash,)| SuppressionHash::try_from(hash)).collect()
}

/// Those of some hashes that the suppression list contains, each with one of its erasures.
///
/// # Errors
/// When Postgres fails.
pub async fn find_erased(
    db: &mut Connection,
    brand_id: i32,
    hashes: impl IntoIterator<Item = SuppressionHash>,
) -> Result<BTreeMap<SuppressionHash, Uuid>, StorageError> {
    let hashes = bytes(hashes);
    if hashes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(Vec<u8>, Uuid)> = sqlx::query_as(
        "select asked.hash, found.erasure_id from unnest($2::bytea[]) as asked (hash)
        cross join lateral (select erasure_id from suppression_hashes where brand_id = $1 and hash = asked.hash order by erasure_id limit 1) as found",
    )
    .bind(brand_id)
    .bind(hashes)
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(hash, erasure_id)| Ok((SuppressionHash::try_from(hash)?, erasure_id)))
        .collect()
}

/// All erasures that contain one of some hashes.
///
/// # Errors
/// When Postgres fails.
pub async fn find_erasures(
    db: &mut Connection,
    brand_id: i32,
    hashes: &BTreeSet<SuppressionHash>,
) -> Result<BTreeSet<Uuid>, StorageError> {
    let query = sqlx::query_as(
        "select distinct erasure_id from suppression_hashes where brand_id = $1 and hash = any($2)",
    );
    let rows: Vec<(Uuid,)> =
        query.bind(brand_id).bind(bytes(hashes.iter().copied())).fetch_all(db).await?;
    Ok(rows.into_iter().map(|(erasure_id,)| erasure_id).collect())
}

/// Adds hashes to erasures that are not revoked. Returns whether any hash was new.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_hashes(
    db: &mut Connection,
    brand_id: i32,
    hashes: &BTreeSet<(SuppressionHash, Uuid)>,
) -> Result<bool, StorageError> {
    let (named, erasures): (Vec<Vec<u8>>, Vec<Uuid>) =
        hashes.iter().map(|(hash, erasure_id)| (hash.0.to_vec(), *erasure_id)).unzip();
    let done = sqlx::query(
        "insert into suppression_hashes (brand_id, hash, erasure_id)
        select $1, new.hash, new.erasure_id from unnest($2::bytea[], $3::uuid[]) as new (hash, erasure_id)
        join erasures as erasure on erasure.brand_id = $1 and erasure.erasure_id = new.erasure_id and erasure.revoked_at is null
        on conflict do nothing",
    );
    let done = done.bind(brand_id).bind(named).bind(erasures).execute(db).await?;
    Ok(done.rows_affected() > 0)
}
