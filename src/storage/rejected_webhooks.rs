//! The last webhooks that could not be verified, by source.

use jiff::Timestamp;
use uuid::Uuid;

use super::StorageError;
use super::pool::Pool;
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

/// How many are kept for each source of a brand.
const KEPT: i64 = 100;

/// A webhook that could not be verified. It has nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// The source in its URL.
    pub source: Source,
    /// When it came.
    pub rejected_at: Timestamp,
    /// What is wrong with its form.
    pub reason: String,
    /// The network address of the sender; empty if trusted proxies named none.
    pub caller: String,
}

/// Stores rejected webhooks of a source, and deletes its oldest ones.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_rejected(
    pool: &Pool,
    brand_id: i32,
    source: Source,
    rows: &[RejectedRow],
) -> Result<(), StorageError> {
    let ids: Vec<Uuid> = rows.iter().map(|_| Uuid::now_v7()).collect();
    let times: Vec<Time> = rows.iter().map(|row| Time::from(row.rejected_at)).collect();
    let reasons: Vec<&str> = rows.iter().map(|row| row.reason.as_str()).collect();
    let callers: Vec<&str> = rows.iter().map(|row| row.caller.as_str()).collect();
    sqlx::query(
        "insert into rejected_webhooks (brand_id, rejection_id, source, rejected_at, reason, caller)
        select $1, added.id, $2, added.at, added.reason, added.caller
        from unnest($3::uuid[], $4::timestamptz[], $5::text[], $6::text[]) as added (id, at, reason, caller)",
    )
    .bind(brand_id)
    .bind(source.as_str())
    .bind(ids)
    .bind(times)
    .bind(reasons)
    .bind(callers)
    .execute(pool)
    .await?;
    // If this fails, the next call deletes more.
    let _ = delete_oldest(pool, brand_id, source).await;
    Ok(())
}

async fn delete_oldest(pool: &Pool, brand_id: i32, source: Source) -> Result<(), StorageError> {
    sqlx::query(
        "delete from rejected_webhooks where brand_id = $1 and source = $2 and rejection_id <= (
            select rejection_id from rejected_webhooks where brand_id = $1 and source = $2
            order by rejection_id desc offset $3 limit 1)",
    )
    .bind(brand_id)
    .bind(source.as_str())
    .bind(KEPT)
    .execute(pool)
    .await?;
    Ok(())
}

/// Deletes rejected webhooks that came before a time.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_old_rejected(
    pool: &Pool,
    brand_id: i32,
    before: Timestamp,
) -> Result<(), StorageError> {
    sqlx::query("delete from rejected_webhooks where brand_id = $1 and rejected_at < $2")
        .bind(brand_id)
        .bind(Time::from(before))
        .execute(pool)
        .await?;
    Ok(())
}

/// The last rejected webhooks of a brand, the newest first. `source`: only of this one.
///
/// # Errors
/// When Postgres fails.
pub async fn list_rejected(
    pool: &Pool,
    brand_id: i32,
    source: Option<Source>,
    limit: u32,
) -> Result<Vec<RejectedRow>, StorageError> {
    let rows: Vec<(String, Time, String, String)> = sqlx::query_as(
        "select source, rejected_at, reason, caller from rejected_webhooks
        where brand_id = $1 and ($2::text is null or source = $2) order by rejection_id desc limit $3",
    )
    .bind(brand_id)
    .bind(source.map(Source::as_str))
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    let row = |(source, rejected_at, reason, caller): (String, Time, String, String)| {
        let source = source.parse().map_err(StorageError::corrupt("rejected_webhooks"))?;
        Ok(RejectedRow { source, rejected_at: rejected_at.to_jiff(), reason, caller })
    };
    rows.into_iter().map(row).collect()
}
