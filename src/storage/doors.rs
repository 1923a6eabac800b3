//! What was let in and turned away at the sources' doors.

use jiff::Timestamp;
use sqlx::PgPool;

use super::StorageError;
use crate::customer::kind::Source;

type Time = jiff_sqlx::Timestamp;

/// What happened at a door.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DoorRow {
    /// When something was last let in.
    pub accepted_at: Option<Timestamp>,
    /// When something was last turned away.
    pub refused_at: Option<Timestamp>,
    /// How many were turned away since anything was let in.
    pub refused: i64,
    /// When the first of those came.
    pub refused_since: Option<Timestamp>,
}

/// Adds what happened at a door of this replica since the last time.
///
/// # Errors
/// When Postgres fails.
pub async fn add_to_door(pool: &PgPool, brand_id: i32, source: Source, news: &DoorRow) -> Result<(), StorageError> {
    sqlx::query(
        "insert into doors as known (brand_id, source, accepted_at, refused_at, refused, refused_since)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (brand_id, source) do update
        set accepted_at = greatest(known.accepted_at, excluded.accepted_at),
            refused_at = greatest(known.refused_at, excluded.refused_at),
            refused = case when excluded.accepted_at is null then known.refused else 0 end + excluded.refused,
            refused_since = coalesce(case when excluded.accepted_at is null then known.refused_since end, excluded.refused_since)",
    )
    .bind(brand_id)
    .bind(source.as_str())
    .bind(news.accepted_at.map(Time::from))
    .bind(news.refused_at.map(Time::from))
    .bind(news.refused)
    .bind(news.refused_since.map(Time::from))
    .execute(pool)
    .await?;
    Ok(())
}

/// What happened at a source's door, on all replicas.
///
/// # Errors
/// When Postgres fails.
pub async fn get_door(pool: &PgPool, brand_id: i32, source: Source) -> Result<DoorRow, StorageError> {
    let query = sqlx::query_as("select accepted_at, refused_at, refused, refused_since from doors where brand_id = $1 and source = $2");
    let row: Option<(Option<Time>, Option<Time>, i64, Option<Time>)> = query.bind(brand_id).bind(source.as_str()).fetch_optional(pool).await?;
    let door = |(accepted_at, refused_at, refused, refused_since): (Option<Time>, Option<Time>, i64, Option<Time>)| DoorRow {
        accepted_at: accepted_at.map(Time::to_jiff),
        refused_at: refused_at.map(Time::to_jiff),
        refused,
        refused_since: refused_since.map(Time::to_jiff),
    };
    Ok(row.map(door).unwrap_or_default())
}
