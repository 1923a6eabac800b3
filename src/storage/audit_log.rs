//! What people did with this service, or had it do at a source: written down before it is done, and what became of it after.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::StorageError;
use super::pool::{Connection, Pool};
use super::suppressions::SuppressionHash;
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

/// Something that somebody did.
#[derive(Clone)]
pub struct ActionRow {
    /// Its id.
    pub action_id: Uuid,
    /// At which source, if at any.
    pub source: Option<Source>,
    /// What, such as `cancel booking`.
    pub action: String,
    /// Whom or what it is about.
    pub subjects: BTreeSet<SuppressionHash>,
    /// What it is done to, by an id of ours, or how many; never what anybody is known by.
    pub target: String,
    /// Who wanted it.
    pub done_by: String,
    /// Why; empty where nobody said, or where it was about somebody who is erased.
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
        "insert into audit_log (brand_id, action_id, source, action, subjects, target, done_by, reason, begun_at, outcome)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(brand_id)
    .bind(row.action_id)
    .bind(row.source.map(Source::as_str))
    .bind(&row.action)
    .bind(bytes(&row.subjects))
    .bind(&row.target)
    .bind(&row.done_by)
    .bind(&row.reason)
    .bind(Time::from(row.begun_at))
    .bind(&row.outcome)
    .execute(pool)
    .await?;
    Ok(())
}

fn bytes(hashes: &BTreeSet<SuppressionHash>) -> Vec<Vec<u8>> {
    hashes.iter().map(|hash| hash.0.to_vec()).collect()
}

/// Writes down what became of it.
///
/// # Errors
/// When Postgres fails.
pub async fn finish_action(pool: &Pool, brand_id: i32, action_id: Uuid, outcome: &str) -> Result<(), StorageError> {
    let query = sqlx::query("update audit_log set outcome = $3 where brand_id = $1 and action_id = $2");
    query.bind(brand_id).bind(action_id).bind(outcome).execute(pool).await?;
    Ok(())
}

type Columns = (Uuid, Option<String>, String, Vec<Vec<u8>>, String, String, String, Time, String);

impl TryFrom<Columns> for ActionRow {
    type Error = StorageError;

    fn try_from((action_id, source, action, subjects, target, done_by, reason, begun_at, outcome): Columns) -> Result<Self, StorageError> {
        let source = source.map(|source| source.parse().map_err(StorageError::corrupt("actions"))).transpose()?;
        let hash = |hash: Vec<u8>| hash.try_into().map(SuppressionHash).map_err(|_| StorageError::Corrupt("actions"));
        let subjects = subjects.into_iter().map(hash).collect::<Result<_, _>>()?;
        Ok(Self { action_id, source, action, subjects, target, done_by, reason, begun_at: begun_at.to_jiff(), outcome })
    }
}

/// What was done, the newest first.
///
/// # Errors
/// When Postgres fails, or a row is not as this program writes it.
pub async fn list_actions(pool: &Pool, brand_id: i32, limit: u32) -> Result<Vec<ActionRow>, StorageError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "select action_id, source, action, subjects || array_remove(array[subject], null), target, done_by, reason, begun_at, outcome
        from audit_log
        where brand_id = $1 order by begun_at desc, action_id limit $2",
    )
    .bind(brand_id)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(ActionRow::try_from).collect()
}

/// What was done that is about any of these, the newest first.
///
/// # Errors
/// When Postgres fails, or a row is not as this program writes it.
pub async fn list_actions_about(db: &mut Connection, brand_id: i32, subjects: &BTreeSet<SuppressionHash>) -> Result<Vec<ActionRow>, StorageError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "select action_id, source, action, subjects || array_remove(array[subject], null), target, done_by, reason, begun_at, outcome
        from audit_log
        where brand_id = $1 and (subject = any($2) or subjects && $2) order by begun_at desc, action_id",
    )
    .bind(brand_id)
    .bind(bytes(subjects))
    .fetch_all(db)
    .await?;
    rows.into_iter().map(ActionRow::try_from).collect()
}
