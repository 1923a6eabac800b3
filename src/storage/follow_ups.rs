//! Follow-up calls after webhooks. A call that is already waiting is not stored again. A call that is running just then
//! is stored again, because its answer may be older than the new webhook.

use std::time::Duration;

use super::pool::{Connection, Pool};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::StorageError;
use super::delivery_claims::Claim;
use super::suppressions::SuppressionHash;
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

/// A follow-up to store.
#[derive(Clone)]
pub struct NewFollowUpRow {
    /// The source to call.
    pub source: Source,
    /// The request as JSON.
    pub ask: Value,
    /// Hashes of the subjects of the webhook.
    pub subjects: Vec<SuppressionHash>,
}

/// Stores follow-ups that are due from a time on.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_follow_ups(
    db: &mut Connection,
    brand_id: i32,
    due_at: Timestamp,
    rows: &[NewFollowUpRow],
) -> Result<(), StorageError> {
    for row in rows {
        sqlx::query(
            "insert into follow_ups (brand_id, follow_up_id, source, request, subjects, due_at) values ($1, $2, $3, $4, $5, $6)
            on conflict do nothing",
        )
        .bind(brand_id)
        .bind(crate::storage::delivery_queue::new_id(due_at))
        .bind(row.source.as_str())
        .bind(Json(&row.ask))
        .bind(row.subjects.iter().map(|hash| hash.0.to_vec()).collect::<Vec<_>>())
        .bind(Time::from(due_at))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// A claimed follow-up.
pub struct FollowUpRow {
    /// Its id.
    pub follow_up_id: Uuid,
    /// The request as JSON.
    pub ask: Value,
    /// How often it was claimed, including this time.
    pub attempts: u32,
}

/// Claims due follow-ups of a source, oldest first.
///
/// # Errors
/// When Postgres fails.
pub async fn claim_follow_ups(
    pool: &Pool,
    brand_id: i32,
    source: Source,
    claim: &Claim,
) -> Result<Vec<FollowUpRow>, StorageError> {
    let rows: Vec<(Uuid, Json<Value>, i32)> = sqlx::query_as(
        "with clock as materialized (
            select coalesce($3::timestamptz, clock_timestamp()) as at
        ),
        -- Joined by brand and id from a list, as in the inbox, and in the order of the index.
        due as materialized (
            select brand_id, follow_up_id from follow_ups
            where brand_id = $1 and source = $2 and due_at <= (select at from clock) and not is_dead
            order by due_at
            limit $4
            for update skip locked
        )
        update follow_ups as claimed
        set claim_token = $5, due_at = clock.at + make_interval(secs => $6), attempts = claimed.attempts + 1
        from due, clock
        where claimed.brand_id = due.brand_id and claimed.follow_up_id = due.follow_up_id
        returning claimed.follow_up_id, claimed.request, claimed.attempts",
    )
    .bind(brand_id)
    .bind(source.as_str())
    .bind(claim.frozen_at.map(Time::from))
    .bind(i64::from(claim.limit))
    .bind(claim.token)
    .bind(claim.lease.as_secs_f64())
    .fetch_all(pool)
    .await?;
    let row = |(follow_up_id, Json(ask), attempts)| FollowUpRow {
        follow_up_id,
        ask,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Extends the lease of a claimed follow-up, by Postgres's clock or a frozen one. Returns whether the claim is
/// still valid.
///
/// # Errors
/// When Postgres fails.
pub async fn renew_follow_up(
    pool: &Pool,
    brand_id: i32,
    id: Uuid,
    token: Uuid,
    until: (Option<Timestamp>, Duration),
) -> Result<bool, StorageError> {
    let query = sqlx::query(
        "update follow_ups set due_at = coalesce($4::timestamptz, clock_timestamp()) + make_interval(secs => $5)
        where brand_id = $1 and follow_up_id = $2 and claim_token = $3",
    );
    let (frozen_at, lease) = until;
    let query = query
        .bind(brand_id)
        .bind(id)
        .bind(token)
        .bind(frozen_at.map(Time::from))
        .bind(lease.as_secs_f64());
    Ok(query.execute(pool).await?.rows_affected() > 0)
}

/// What happens to a claimed follow-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The source answered.
    Answered,
    /// It is retried at this time. The text is the error.
    Retry(Timestamp, String),
    /// No call was possible; it is due again at this time. The claim does not count as an attempt.
    Deferred(Timestamp, String),
    /// It failed for good. The text is the error.
    Dead(String),
}

/// Finishes a claimed follow-up, or schedules its retry. A row with another token by now stays unchanged.
///
/// # Errors
/// When Postgres fails.
pub async fn finish_follow_up(
    pool: &Pool,
    brand_id: i32,
    id: Uuid,
    token: Uuid,
    outcome: &Outcome,
) -> Result<(), StorageError> {
    let (due_at, not_attempted, is_dead, note) = match outcome {
        Outcome::Answered => return delete_answered(pool, brand_id, id, token).await,
        Outcome::Retry(due_at, note) => (Some(Time::from(*due_at)), 0, false, note),
        Outcome::Deferred(due_at, note) => (Some(Time::from(*due_at)), 1, false, note),
        Outcome::Dead(note) => (None, 0, true, note),
    };
    let updated = sqlx::query(
        "update follow_ups set claim_token = null, due_at = coalesce($4, due_at), attempts = attempts - $5, is_dead = $6, note = $7
        where brand_id = $1 and follow_up_id = $2 and claim_token = $3",
    )
    .bind(brand_id)
    .bind(id)
    .bind(token)
    .bind(due_at)
    .bind(not_attempted)
    .bind(is_dead)
    .bind(note)
    .execute(pool)
    .await;
    match updated {
        // The same follow-up was stored again meanwhile, and waits.
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            delete_claimed(pool, brand_id, id, token).await
        }
        updated => Ok(updated.map(|_| ())?),
    }
}

/// Deletes an answered follow-up. Dead ones with the same request are no longer needed.
async fn delete_answered(
    pool: &Pool,
    brand_id: i32,
    id: Uuid,
    token: Uuid,
) -> Result<(), StorageError> {
    sqlx::query(
        "delete from follow_ups as dead using follow_ups as answered
        where answered.brand_id = $1 and answered.follow_up_id = $2 and answered.claim_token = $3 and dead.brand_id = $1
            and dead.source = answered.source and dead.request = answered.request and dead.is_dead",
    )
    .bind(brand_id)
    .bind(id)
    .bind(token)
    .execute(pool)
    .await?;
    delete_claimed(pool, brand_id, id, token).await
}

async fn delete_claimed(
    pool: &Pool,
    brand_id: i32,
    id: Uuid,
    token: Uuid,
) -> Result<(), StorageError> {
    let query = sqlx::query(
        "delete from follow_ups where brand_id = $1 and follow_up_id = $2 and claim_token = $3",
    );
    query.bind(brand_id).bind(id).bind(token).execute(pool).await?;
    Ok(())
}

/// Deletes follow-ups about persons on the suppression list.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_erased_follow_ups(
    db: &mut Connection,
    brand_id: i32,
) -> Result<(), StorageError> {
    sqlx::query(
        "with subjects as materialized (
            select brand_id, follow_up_id, unnest(subjects) as hash from follow_ups where brand_id = $1
        ),
        erased as materialized (
            select distinct brand_id, follow_up_id from subjects join suppression_hashes using (brand_id, hash)
        )
        delete from follow_ups as row
        using erased
        where row.brand_id = erased.brand_id and row.follow_up_id = erased.follow_up_id",
    )
    .bind(brand_id)
    .execute(db)
    .await?;
    Ok(())
}

/// Waiting and dead follow-ups of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUpCounts {
    /// The source.
    pub source: String,
    /// Follow-ups that wait.
    pub waiting: i64,
    /// Dead follow-ups.
    pub dead: i64,
    /// The error of one dead follow-up.
    pub note: String,
}

/// Waiting and dead follow-ups of a brand, by source.
///
/// # Errors
/// When Postgres fails.
pub async fn count_follow_ups(
    pool: &Pool,
    brand_id: i32,
) -> Result<Vec<FollowUpCounts>, StorageError> {
    let query = sqlx::query_as(
        "select source, count(*) filter (where not is_dead), count(*) filter (where is_dead), coalesce(max(note) filter (where is_dead), '')
        from follow_ups where brand_id = $1 group by source order by source",
    );
    let rows: Vec<(String, i64, i64, String)> = query.bind(brand_id).fetch_all(pool).await?;
    Ok(rows
        .into_iter()
        .map(|(source, waiting, dead, note)| FollowUpCounts { source, waiting, dead, note })
        .collect())
}
