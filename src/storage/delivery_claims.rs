//! Claims on deliveries of the inbox: a worker claims what is due, for a time, and finishes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::types::Json;
use uuid::Uuid;

use super::StorageError;
use super::pool::{Connection, Pool};
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

/// A delivery that a worker has claimed.
pub struct ClaimedRow {
    /// Its id.
    pub delivery_id: Uuid,
    /// The source that sent it.
    pub source: Source,
    /// The headers that its parser needs.
    pub headers: BTreeMap<String, String>,
    /// The bytes as they arrived.
    pub body: Vec<u8>,
    /// When it was received.
    pub received_at: Timestamp,
    /// How often it was claimed, including this time.
    pub attempts: u32,
    /// The lease of an earlier claim ended before the delivery was finished.
    pub was_late: bool,
    /// When it was claimed.
    pub claimed_at: Timestamp,
}

type Columns = (Uuid, String, Json<BTreeMap<String, String>>, Vec<u8>, Time, i32, bool, Time);

impl TryFrom<Columns> for ClaimedRow {
    type Error = StorageError;

    fn try_from(
        (delivery_id, source, Json(headers), body, received_at, attempts, was_late, claimed_at): Columns,
    ) -> Result<Self, StorageError> {
        let source = source.parse().map_err(StorageError::corrupt("deliveries"))?;
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        let (received_at, claimed_at) = (received_at.to_jiff(), claimed_at.to_jiff());
        Ok(Self { delivery_id, source, headers, body, received_at, attempts, was_late, claimed_at })
    }
}

/// The parameters of a claim.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// The token, unique for each claim.
    pub token: Uuid,
    /// The time of a frozen clock; `None` to use Postgres's clock.
    pub frozen_at: Option<Timestamp>,
    /// How long no other worker may claim the same rows.
    pub lease: Duration,
    /// The most rows to claim.
    pub limit: u32,
}

/// The most bytes of bodies in one claim. A single larger body is allowed.
const MAX_CLAIMED_BYTES: i64 = 4 * 1024 * 1024;

/// Claims due deliveries of a brand: by priority, then oldest first.
///
/// # Errors
/// When Postgres fails, or a row is invalid.
pub async fn claim_deliveries(
    pool: &Pool,
    brand_id: i32,
    claim: &Claim,
) -> Result<Vec<ClaimedRow>, StorageError> {
    // A claim that is lost in a crash of the server does no harm, so it does not wait for the disk.
    let mut transaction = pool
        .begin_with("begin; set local enable_seqscan = off; set local synchronous_commit = off")
        .await?;
    let rows: Vec<Columns> = sqlx::query_as(include_str!("claim_deliveries.sql"))
        .bind(brand_id)
        .bind(claim.frozen_at.map(Time::from))
        .bind(i64::from(claim.limit))
        .bind(claim.token)
        .bind(claim.lease.as_secs_f64())
        .bind(MAX_CLAIMED_BYTES)
        .fetch_all(&mut *transaction)
        .await?;
    transaction.commit().await?;
    rows.into_iter().map(ClaimedRow::try_from).collect()
}

/// Those of some deliveries that still have this claim token. No one else can claim or finish them until the
/// transaction ends.
///
/// # Errors
/// When Postgres fails.
pub async fn lock_claimed(
    db: &mut Connection,
    brand_id: i32,
    token: Uuid,
    ids: &[Uuid],
) -> Result<BTreeSet<Uuid>, StorageError> {
    // Only pending rows have a token. A condition on the state would make Postgres use the index of pending
    // rows.
    let held: Vec<(Uuid,)> = sqlx::query_as(
        "with named as materialized (
            select $1::integer as brand_id, unnest($2::uuid[]) as delivery_id
        )
        select held.delivery_id
        from named join deliveries as held using (brand_id, delivery_id)
        where held.claim_token = $3
        order by held.delivery_id
        for update of held",
    )
    .bind(brand_id)
    .bind(ids)
    .bind(token)
    .fetch_all(db)
    .await?;
    Ok(held.into_iter().map(|(id,)| id).collect())
}

/// What happens to a claimed delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// It is done. The text is the result.
    Done(String),
    /// It failed for good. The text is the error.
    DeadLetter(String),
    /// It is retried at this time. The text is the error.
    Retry(Timestamp, String),
    /// It was not tried. The claim does not count.
    Released,
    /// It is about an erased person, and is deleted.
    Erased,
}

/// Finishes deliveries, or schedules their retry. Rows with another token by now stay unchanged.
///
/// # Errors
/// When Postgres fails.
pub async fn finish_deliveries(
    db: &mut Connection,
    brand_id: i32,
    token: Uuid,
    at: Timestamp,
    dispositions: &[(Uuid, Disposition)],
) -> Result<(), StorageError> {
    delete_erased(db, brand_id, token, dispositions).await?;
    let words = |disposition: &Disposition| match disposition {
        Disposition::Done(note) => ("done", note.clone(), at),
        Disposition::DeadLetter(note) => ("dead", note.clone(), at),
        Disposition::Retry(due_at, note) => ("pending", note.clone(), *due_at),
        Disposition::Released | Disposition::Erased => ("pending", String::new(), at),
    };
    let kept =
        || dispositions.iter().filter(|(_, disposition)| *disposition != Disposition::Erased);
    sqlx::query(include_str!("finish_deliveries.sql"))
        .bind(brand_id)
        .bind(kept().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(kept().map(|(_, disposition)| words(disposition).0).collect::<Vec<_>>())
        .bind(kept().map(|(_, disposition)| words(disposition).1).collect::<Vec<_>>())
        .bind(kept().map(|(_, disposition)| Time::from(words(disposition).2)).collect::<Vec<_>>())
        .bind(
            kept()
                .map(|(_, disposition)| i32::from(*disposition == Disposition::Released))
                .collect::<Vec<_>>(),
        )
        .bind(token)
        .bind(Time::from(at))
        .execute(db)
        .await?;
    Ok(())
}

async fn delete_erased(
    db: &mut Connection,
    brand_id: i32,
    token: Uuid,
    dispositions: &[(Uuid, Disposition)],
) -> Result<(), StorageError> {
    let erased: Vec<Uuid> = dispositions
        .iter()
        .filter(|(_, disposition)| *disposition == Disposition::Erased)
        .map(|(id, _)| *id)
        .collect();
    if erased.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(
        "with named as materialized (
            select $1::integer as brand_id, unnest($2::uuid[]) as delivery_id
        )
        delete from deliveries as row
        using named
        where row.brand_id = named.brand_id and row.delivery_id = named.delivery_id and row.claim_token = $3",
    );
    query.bind(brand_id).bind(erased).bind(token).execute(db).await?;
    Ok(())
}
