//! What people had this service do at a source: written down before it is done, and what became of it after.

use crate::storage::pool::Pool;
use jiff::Timestamp;
use uuid::Uuid;

use super::StorageError;
use super::ledger::LedgerHash;
use crate::customer::kind::Source;

type Time = jiff_sqlx::Timestamp;

/// Something that somebody had done.
#[derive(Clone)]
pub struct ActionRow {
    /// Its id.
    pub action_id: Uuid,
    /// At which source.
    pub source: Source,
    /// What, such as `cancel booking`.
    pub action: String,
    /// What it was done to.
    pub subject: LedgerHash,
    /// Who wanted it.
    pub done_by: String,
    /// Why.
    pub reason: String,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// What became of it; empty while that isn't known.
    pub outcome: String,
}

/// Writes down what is about to be done.
///
/// # Errors
/// When Postgres fails; then it must not be done.
pub async fn insert_action(pool: &Pool, brand_id: i32, row: &ActionRow) -> Result<(), StorageError> {
    sqlx::query(
        "insert into actions (brand_id, action_id, source, action, subject, done_by, reason, begun_at, outcome)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(brand_id)
    .bind(row.action_id)
    .bind(row.source.as_str())
    .bind(&row.action)
    .bind(row.subject.0.as_slice())
    .bind(&row.done_by)
    .bind(&row.reason)
    .bind(Time::from(row.begun_at))
    .bind(&row.outcome)
    .execute(pool)
    .await?;
    Ok(())
}

/// Writes down what became of it.
///
/// # Errors
/// When Postgres fails.
pub async fn finish_action(pool: &Pool, brand_id: i32, action_id: Uuid, outcome: &str) -> Result<(), StorageError> {
    let query = sqlx::query("update actions set outcome = $3 where brand_id = $1 and action_id = $2");
    query.bind(brand_id).bind(action_id).bind(outcome).execute(pool).await?;
    Ok(())
}

type Columns = (Uuid, String, String, Vec<u8>, String, String, Time, String);

/// What was done, the newest first.
///
/// # Errors
/// When Postgres fails, or a row is not as this program writes it.
pub async fn list_actions(pool: &Pool, brand_id: i32, limit: u32) -> Result<Vec<ActionRow>, StorageError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "select action_id, source, action, subject, done_by, reason, begun_at, outcome from actions
        where brand_id = $1 order by begun_at desc, action_id limit $2",
    )
    .bind(brand_id)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    let row = |(action_id, source, action, subject, done_by, reason, begun_at, outcome): Columns| {
        let source = source.parse().map_err(StorageError::corrupt("actions"))?;
        let subject = LedgerHash(subject.try_into().map_err(|_| StorageError::Corrupt("actions"))?);
        Ok(ActionRow { action_id, source, action, subject, done_by, reason, begun_at: begun_at.to_jiff(), outcome })
    };
    rows.into_iter().map(row).collect()
}
