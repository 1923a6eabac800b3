//! The bodies of deliveries, for erasures and exports: they read all deliveries, in every state.

use std::collections::BTreeMap;

use super::pool::Connection;
use jiff::Timestamp;
use sqlx::types::Json;
use uuid::Uuid;

use super::StorageError;

/// A delivery with its body and state.
pub struct BodyRow {
    /// Its id.
    pub delivery_id: Uuid,
    /// The source that sent it.
    pub source: String,
    /// The event, in the vendor's words.
    pub event: String,
    /// `pending`, `done`, `dead` or `discarded`.
    pub state: String,
    /// The headers that its parser needs.
    pub headers: BTreeMap<String, String>,
    /// The bytes as they arrived.
    pub body: Vec<u8>,
    /// When it was received.
    pub received_at: Timestamp,
}

/// How much to read at once.
#[derive(Debug, Clone, Copy)]
pub struct PageLimit {
    /// The most deliveries.
    pub deliveries: usize,
    /// Reading stops once they have so many bytes.
    pub bytes: u64,
}

type Columns =
    (Uuid, String, String, String, Json<BTreeMap<String, String>>, Vec<u8>, jiff_sqlx::Timestamp);

/// The deliveries of a brand after an id, oldest first, up to the limit.
///
/// # Errors
/// When Postgres fails.
pub async fn list_bodies_after(
    db: &mut Connection,
    brand_id: i32,
    after: Uuid,
    limit: PageLimit,
) -> Result<Vec<BodyRow>, StorageError> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let rows: Vec<Columns> = sqlx::query_as(
        "select delivery_id, source, event, state, headers, body, received_at from (
            select *, sum(octet_length(body)) over (order by delivery_id) - octet_length(body) as before
            from (select * from deliveries where brand_id = $1 and delivery_id > $2 order by delivery_id limit $3) as page
        ) as counted where before < $4 order by delivery_id",
    )
    .bind(brand_id)
    .bind(after)
    .bind(number(u64::try_from(limit.deliveries).unwrap_or(u64::MAX)))
    .bind(number(limit.bytes))
    .fetch_all(db)
    .await?;
    let row =
        |(delivery_id, source, event, state, Json(headers), body, received_at): Columns| BodyRow {
            delivery_id,
            source,
            event,
            state,
            headers,
            body,
            received_at: received_at.to_jiff(),
        };
    Ok(rows.into_iter().map(row).collect())
}

/// Deletes some deliveries. Returns how many were deleted.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_bodies(
    db: &mut Connection,
    brand_id: i32,
    deliveries: &[Uuid],
) -> Result<u64, StorageError> {
    let query = sqlx::query("delete from deliveries where brand_id = $1 and delivery_id = any($2)");
    Ok(query.bind(brand_id).bind(deliveries).execute(db).await?.rows_affected())
}

/// Counts the deliveries of a brand.
///
/// # Errors
/// When Postgres fails.
pub async fn count_bodies(db: &mut Connection, brand_id: i32) -> Result<u64, StorageError> {
    let query = sqlx::query_as("select count(*) from deliveries where brand_id = $1");
    let (count,): (i64,) = query.bind(brand_id).fetch_one(db).await?;
    Ok(u64::try_from(count).unwrap_or_default())
}
