//! When each source was last asked about a person, during lookups.

use super::pool::{Connection, Pool};

use super::StorageError;
use super::invalidation::LookupHash;
use crate::customer::model::source::Source;

/// How many days an entry is kept: longer than any setting needs.
const KEPT_DAYS: i32 = 8;

/// The last live query of a source about a person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LastQuery {
    /// The source.
    pub source: Source,
    /// How long ago, in seconds.
    pub age_seconds: f64,
    /// Whether the source knew the person.
    pub is_known: bool,
}

/// Builds entries from parallel lists, as returned by a statement that also reads other data.
pub(super) fn last_queries(
    sources: Option<Vec<String>>,
    ages: Option<Vec<f64>>,
    known: Option<Vec<bool>>,
) -> Result<Vec<LastQuery>, StorageError> {
    let rows = sources
        .unwrap_or_default()
        .into_iter()
        .zip(ages.unwrap_or_default())
        .zip(known.unwrap_or_default());
    let look = |((source, age_seconds), is_known): ((String, f64), bool)| {
        Ok(LastQuery {
            source: source.parse().map_err(StorageError::corrupt("live_queries"))?,
            age_seconds,
            is_known,
        })
    };
    rows.map(look).collect()
}

/// When each source was last asked about an address or id.
///
/// # Errors
/// When Postgres fails.
pub async fn list_live_queries(
    db: &mut Connection,
    brand_id: i32,
    question: LookupHash,
) -> Result<Vec<LastQuery>, StorageError> {
    let query = "select source, extract(epoch from now() - queried_at)::float8, is_known from live_queries where brand_id = $1 and question = $2";
    let rows: Vec<(String, f64, bool)> =
        sqlx::query_as(query).bind(brand_id).bind(question.0.as_slice()).fetch_all(db).await?;
    let look = |(source, age_seconds, is_known): (String, f64, bool)| {
        Ok(LastQuery {
            source: source.parse().map_err(StorageError::corrupt("live_queries"))?,
            age_seconds,
            is_known,
        })
    };
    rows.into_iter().map(look).collect()
}

/// Saves that a source was asked now.
///
/// # Errors
/// When Postgres fails.
pub async fn save_live_query(
    pool: &Pool,
    brand_id: i32,
    source: Source,
    question: LookupHash,
    is_known: bool,
) -> Result<(), StorageError> {
    sqlx::query(
        "insert into live_queries (brand_id, source, question, queried_at, is_known) values ($1, $2, $3, now(), $4)
        on conflict (brand_id, question, source) do update set queried_at = excluded.queried_at, is_known = excluded.is_known",
    )
    .bind(brand_id)
    .bind(source.as_str())
    .bind(question.0.as_slice())
    .bind(is_known)
    .execute(pool)
    .await?;
    Ok(())
}

/// Deletes old entries of a brand.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_old_live_queries(pool: &Pool, brand_id: i32) -> Result<(), StorageError> {
    let delete = "delete from live_queries where brand_id = $1 and queried_at < now() - make_interval(days => $2)";
    sqlx::query(delete).bind(brand_id).bind(KEPT_DAYS).execute(pool).await?;
    Ok(())
}
