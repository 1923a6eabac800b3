//! Names of places, by their id at the source.

use std::collections::BTreeMap;

use super::pool::Pool;

use super::StorageError;
use crate::customer::model::source::Source;

/// The names of those places that have one.
///
/// # Errors
/// When Postgres fails.
pub async fn list_names(
    pool: &Pool,
    brand_id: i32,
    source: Source,
    places: &[&str],
) -> Result<BTreeMap<String, String>, StorageError> {
    if places.is_empty() {
        return Ok(BTreeMap::new());
    }
    let query = sqlx::query_as(
        "select place_id, name from places where brand_id = $1 and source = $2 and place_id = any($3)",
    );
    let rows: Vec<(String, String)> =
        query.bind(brand_id).bind(source.as_str()).bind(places).fetch_all(pool).await?;
    Ok(rows.into_iter().collect())
}

/// Stores the current names of places.
///
/// # Errors
/// When Postgres fails.
pub async fn save_names(
    pool: &Pool,
    brand_id: i32,
    source: Source,
    names: &BTreeMap<String, String>,
) -> Result<(), StorageError> {
    // In order, so that two statements never wait for each other.
    sqlx::query(
        "insert into places (brand_id, source, place_id, name, fetched_at)
        select $1, $2, place_id, name, now() from unnest($3::text[], $4::text[]) as fetched (place_id, name) order by place_id
        on conflict (brand_id, source, place_id) do update set name = excluded.name, fetched_at = excluded.fetched_at",
    )
    .bind(brand_id)
    .bind(source.as_str())
    .bind(names.keys().collect::<Vec<_>>())
    .bind(names.values().collect::<Vec<_>>())
    .execute(pool)
    .await?;
    Ok(())
}
