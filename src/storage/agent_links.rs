//! The generation of links to the agent page: one number for each brand. Links of another generation do not work.

use super::StorageError;
use super::api_keys::KEYS_CHANNEL;
use super::pool::{Connection, Pool};

/// The generation of every brand, by its id.
///
/// # Errors
/// When Postgres fails.
pub async fn list_agent_generations(pool: &Pool) -> Result<Vec<(i32, i32)>, StorageError> {
    let query = sqlx::query_as("select brand_id, agent_link_generation from brands");
    Ok(query.fetch_all(pool).await?)
}

/// The generation of a brand.
///
/// # Errors
/// When Postgres fails.
pub async fn find_agent_generation(
    db: &mut Connection,
    brand_id: i32,
) -> Result<i32, StorageError> {
    let query = sqlx::query_as("select agent_link_generation from brands where brand_id = $1");
    let (generation,) = query.bind(brand_id).fetch_one(db).await?;
    Ok(generation)
}

/// Begins the next generation of a brand, and notifies every replica. Returns it.
///
/// # Errors
/// When Postgres fails.
pub async fn raise_agent_generation(
    db: &mut Connection,
    brand_id: i32,
) -> Result<i32, StorageError> {
    let query = sqlx::query_as(
        "with notified as (select pg_notify($2, ''))
        update brands set agent_link_generation = agent_link_generation + 1 from notified
        where brand_id = $1 returning agent_link_generation",
    );
    let (generation,) = query.bind(brand_id).bind(KEYS_CHANNEL).fetch_one(db).await?;
    Ok(generation)
}
