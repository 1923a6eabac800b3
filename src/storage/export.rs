//! Everything that the tables contain about a person, as JSON.

use std::collections::BTreeSet;

use super::pool::Connection;
use serde_json::Value;
use sqlx::types::Json;

use super::StorageError;
use super::records::texts;
use crate::customer::answer::agent_page::{PLACEHOLDER, SHOWN};
use crate::customer::model::record::RecordKey;

/// All data about some records, from sources and from people, and everything derived from it.
///
/// # Errors
/// When Postgres fails.
pub async fn get_everything(
    db: &mut Connection,
    brand_id: i32,
    keys: &BTreeSet<RecordKey>,
) -> Result<Value, StorageError> {
    let query = sqlx::query_as(include_str!("export.sql"));
    let (Json(everything),): (Json<Value>,) = query
        .bind(brand_id)
        .bind(texts(keys))
        .bind(PLACEHOLDER.to_string())
        .bind(SHOWN)
        .fetch_one(db)
        .await?;
    Ok(everything)
}
