//! Erasures of persons: when each began and was completed, and how much it deleted.

use std::collections::BTreeSet;

use super::pool::Connection;
use jiff::Timestamp;
use uuid::Uuid;

use super::StorageError;
use super::audit_log::{ERASE, ERASED};

type Time = jiff_sqlx::Timestamp;

/// An erasure, without its hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureRow {
    /// Its public id.
    pub erasure_id: Uuid,
    /// When the erasure was requested.
    pub erased_at: Timestamp,
    /// When nothing of the person was left in this database.
    pub completed_at: Option<Timestamp>,
    /// When the erasure was revoked.
    pub revoked_at: Option<Timestamp>,
    /// SHA-256 over its hashes in order, to compare without loading them.
    pub digest: [u8; 32],
}

/// What an erasure has deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ErasedCounts {
    /// Source records.
    pub records: u64,
    /// Events.
    pub events: u64,
    /// Webhooks in the inbox.
    pub deliveries: u64,
}

impl ErasedCounts {
    /// The sum of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            records: self.records.saturating_add(other.records),
            events: self.events.saturating_add(other.events),
            deliveries: self.deliveries.saturating_add(other.deliveries),
        }
    }
}

/// All erasures of a brand.
///
/// # Errors
/// When Postgres fails.
pub async fn list_erasures(
    db: &mut Connection,
    brand_id: i32,
) -> Result<Vec<ErasureRow>, StorageError> {
    let rows: Vec<(Uuid, Time, Option<Time>, Option<Time>, Vec<u8>)> = sqlx::query_as(
        "select erasure_id, erased_at, completed_at, revoked_at, sha256(coalesce((
            select string_agg(hash, ''::bytea order by hash) from suppression_hashes where suppression_hashes.brand_id = $1 and suppression_hashes.erasure_id = erasures.erasure_id
        ), ''))
        from erasures where brand_id = $1 order by erasure_id",
    )
    .bind(brand_id)
    .fetch_all(db)
    .await?;
    let row = |(erasure_id, erased_at, completed_at, revoked_at, digest): (
        Uuid,
        Time,
        Option<Time>,
        Option<Time>,
        Vec<u8>,
    )| {
        Ok(ErasureRow {
            erasure_id,
            erased_at: erased_at.to_jiff(),
            completed_at: completed_at.map(Time::to_jiff),
            revoked_at: revoked_at.map(Time::to_jiff),
            digest: digest.try_into().map_err(|_| StorageError::Corrupt("suppression_hashes"))?,
        })
    };
    rows.into_iter().map(row).collect()
}

/// An erasure, for people who must show that it was done.
#[derive(Debug, Clone)]
pub struct PastErasure {
    /// Its public id.
    pub erasure_id: Uuid,
    /// When the erasure was requested.
    pub erased_at: Timestamp,
    /// When nothing of the person was left in this database.
    pub completed_at: Option<Timestamp>,
    /// When the erasure was revoked.
    pub revoked_at: Option<Timestamp>,
    /// What it deleted.
    pub counts: ErasedCounts,
    /// How many hashes the suppression list has for it now. None if it was revoked.
    pub suppressions: u64,
    /// Who erased. `None` if the audit log of this database does not have it, as after a restored backup.
    pub done_by: Option<String>,
    /// Why, if they gave a reason. It is one of a list.
    pub reason: Option<String>,
}

/// The columns of [`list_past_erasures`].
type PastColumns =
    (Uuid, Time, Option<Time>, Option<Time>, i64, i64, i64, i64, Option<String>, Option<String>);

/// The erasures of a brand, newest first.
///
/// # Errors
/// When Postgres fails.
pub async fn list_past_erasures(
    db: impl sqlx::PgExecutor<'_>,
    brand_id: i32,
) -> Result<Vec<PastErasure>, StorageError> {
    list_past(db, brand_id, None).await
}

/// Those of some erasures that a brand has, newest first.
///
/// # Errors
/// When Postgres fails.
pub async fn find_past_erasures(
    db: impl sqlx::PgExecutor<'_>,
    brand_id: i32,
    erasures: &BTreeSet<Uuid>,
) -> Result<Vec<PastErasure>, StorageError> {
    list_past(db, brand_id, Some(erasures.iter().copied().collect())).await
}

async fn list_past(
    db: impl sqlx::PgExecutor<'_>,
    brand_id: i32,
    only: Option<Vec<Uuid>>,
) -> Result<Vec<PastErasure>, StorageError> {
    let query = sqlx::query_as(
        "select erasure_id, erased_at, completed_at, revoked_at, records, events, deliveries, (
            select count(*) from suppression_hashes as own where own.brand_id = $1 and own.erasure_id = erasures.erasure_id
        ), act.done_by, act.reason
        from erasures left join lateral (
            select done_by, nullif(reason, '') as reason from audit_log
            where audit_log.brand_id = $1 and action = $3 and outcome = $4 || erasures.erasure_id
            order by begun_at limit 1
        ) as act on true
        where brand_id = $1 and ($2::uuid[] is null or erasure_id = any($2)) order by erased_at desc, erasure_id",
    );
    let query = query.bind(brand_id).bind(only).bind(ERASE).bind(ERASED);
    let rows: Vec<PastColumns> = query.fetch_all(db).await?;
    Ok(rows.into_iter().map(past_erasure).collect())
}

fn past_erasure(
    (erasure_id, erased_at, completed, revoked, records, events, deliveries, hashes, by, reason): PastColumns,
) -> PastErasure {
    let number = |n: i64| u64::try_from(n).unwrap_or_default();
    PastErasure {
        erasure_id,
        erased_at: erased_at.to_jiff(),
        completed_at: completed.map(Time::to_jiff),
        revoked_at: revoked.map(Time::to_jiff),
        counts: ErasedCounts {
            records: number(records),
            events: number(events),
            deliveries: number(deliveries),
        },
        suppressions: number(hashes),
        done_by: by,
        reason,
    }
}

/// Stores an erasure, unless it is stored already.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_erasure(
    db: &mut Connection,
    brand_id: i32,
    erasure_id: Uuid,
    erased_at: Timestamp,
) -> Result<(), StorageError> {
    let query = sqlx::query(
        "insert into erasures (brand_id, erasure_id, erased_at) values ($1, $2, $3) on conflict do nothing",
    );
    query.bind(brand_id).bind(erasure_id).bind(Time::from(erased_at)).execute(db).await?;
    Ok(())
}

/// Revokes an erasure and deletes its hashes. Returns whether it was in force.
///
/// # Errors
/// When Postgres fails.
pub async fn mark_erasure_revoked(
    db: &mut Connection,
    brand_id: i32,
    erasure_id: Uuid,
    at: Timestamp,
) -> Result<bool, StorageError> {
    let query = sqlx::query(
        "update erasures set revoked_at = $3 where brand_id = $1 and erasure_id = $2 and revoked_at is null",
    );
    let done = query.bind(brand_id).bind(erasure_id).bind(Time::from(at)).execute(&mut *db).await?;
    sqlx::query("delete from suppression_hashes where brand_id = $1 and erasure_id = $2")
        .bind(brand_id)
        .bind(erasure_id)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Marks an erasure as incomplete, because data of the person may be stored (again).
///
/// # Errors
/// When Postgres fails.
pub async fn reopen_erasure(
    db: &mut Connection,
    brand_id: i32,
    erasure_id: Uuid,
) -> Result<(), StorageError> {
    let query = sqlx::query(
        "update erasures set completed_at = null where brand_id = $1 and erasure_id = $2",
    );
    query.bind(brand_id).bind(erasure_id).execute(db).await?;
    Ok(())
}

/// Adds to the counts of an erasure.
///
/// # Errors
/// When Postgres fails.
pub async fn count_erased(
    db: &mut Connection,
    brand_id: i32,
    erasure_id: Uuid,
    counts: ErasedCounts,
) -> Result<(), StorageError> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    sqlx::query(
        "update erasures set records = records + $3, events = events + $4, deliveries = deliveries + $5
        where brand_id = $1 and erasure_id = $2",
    )
    .bind(brand_id)
    .bind(erasure_id)
    .bind(number(counts.records))
    .bind(number(counts.events))
    .bind(number(counts.deliveries))
    .execute(db)
    .await?;
    Ok(())
}

/// Marks erasures as complete: no data of the persons is left. Returns the totals that each has deleted.
///
/// # Errors
/// When Postgres fails.
pub async fn complete_erasures(
    db: &mut Connection,
    brand_id: i32,
    erasures: &BTreeSet<Uuid>,
    at: Timestamp,
) -> Result<ErasedCounts, StorageError> {
    let ids: Vec<Uuid> = erasures.iter().copied().collect();
    // The reason of an action is free text and may contain personal data, so it is deleted too. That of an erasure is one of
    // a list.
    let reasons = sqlx::query(
        "update audit_log as row set reason = '', is_reason_erased = true
        where row.brand_id = $1 and row.reason <> '' and row.action <> 'erase customer' and exists (
            select from suppression_hashes
            where suppression_hashes.brand_id = $1 and suppression_hashes.erasure_id = any($2) and (suppression_hashes.hash = row.subject or suppression_hashes.hash = any(row.subjects))
        )",
    );
    reasons.bind(brand_id).bind(&ids).execute(&mut *db).await?;
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "update erasures set completed_at = $3 where brand_id = $1 and erasure_id = any($2)
        returning records, events, deliveries",
    )
    .bind(brand_id)
    .bind(ids)
    .bind(Time::from(at))
    .fetch_all(db)
    .await?;
    let number = |n: i64| u64::try_from(n).unwrap_or_default();
    let counts = rows.into_iter().map(|(records, events, deliveries)| ErasedCounts {
        records: number(records),
        events: number(events),
        deliveries: number(deliveries),
    });
    Ok(counts.fold(ErasedCounts::default(), ErasedCounts::plus))
}
