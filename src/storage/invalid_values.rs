//! Counts values of webhooks and API replies that could not be parsed, by field.

use std::collections::BTreeMap;

use super::pool::Pool;
use jiff::Timestamp;
use sqlx::PgExecutor;

use super::StorageError;
use crate::customer::model::source::Source;

/// A field with values that could not be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidValueRow {
    /// The field's name here.
    pub field: String,
    /// How often.
    pub count: i64,
    /// When it last happened.
    pub last_at: Timestamp,
}

/// Adds to the counts of a source's fields.
///
/// # Errors
/// When Postgres fails.
pub async fn add_invalid_values(
    db: impl PgExecutor<'_>,
    brand_id: i32,
    source: Source,
    counts: &BTreeMap<String, i64>,
) -> Result<(), StorageError> {
    sqlx::query(
        "insert into invalid_values as known (brand_id, source, field, count, last_at)
        select $1, $2, new.field, new.count, clock_timestamp()
        from unnest($3::text[], $4::bigint[]) as new (field, count)
        order by new.field
        on conflict (brand_id, source, field) do update
        set count = known.count + excluded.count,
            last_at = excluded.last_at",
    )
    .bind(brand_id)
    .bind(source.as_str())
    .bind(counts.keys().cloned().collect::<Vec<_>>())
    .bind(counts.values().copied().collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// The fields of a source with unparsable values, most frequent first.
///
/// # Errors
/// When Postgres fails.
pub async fn list_invalid_values(
    pool: &Pool,
    brand_id: i32,
    source: Source,
) -> Result<Vec<InvalidValueRow>, StorageError> {
    let query = sqlx::query_as(
        "select field, count, last_at from invalid_values where brand_id = $1 and source = $2 order by count desc, field limit 100",
    );
    let rows: Vec<(String, i64, jiff_sqlx::Timestamp)> =
        query.bind(brand_id).bind(source.as_str()).fetch_all(pool).await?;
    Ok(rows
        .into_iter()
        .map(|(field, count, last_at)| InvalidValueRow { field, count, last_at: last_at.to_jiff() })
        .collect())
}
