//! The inbox: what came in and is to be applied, exactly once in effect.
//!
//! Not a library: those at hand keep a job, and would be told of it after it was received or apart from what it does. Here the
//! id of a delivery, the delivery and its place in the queue are one statement; and what it does and that it is done are one
//! transaction. A claim is committed with a lease and a token of its own, so nothing is open while a delivery is read, and a
//! worker whose lease has ended finds that its token isn't the row's any more.
//!
//! Rows that are known by their ids are joined by brand *and* id, both from a materialized list. Given the brand itself, Postgres
//! may read all that the brand has instead: it takes a brand that it has no statistics about for empty.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::pool::{Connection, Pool};
use jiff::Timestamp;
use sqlx::types::Json;
use uuid::Uuid;

use super::StorageError;
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

/// A delivery that is to be kept.
pub struct DeliveryRow {
    /// Its id, made in order of time.
    pub delivery_id: Uuid,
    /// Whose it is.
    pub source: Source,
    /// What it is about, in the vendor's words.
    pub event: String,
    /// Those that reading it needs.
    pub headers: BTreeMap<String, String>,
    /// The bytes as they came.
    pub body: Vec<u8>,
    /// 0 before all others, 1 in order, 2 when nothing else waits.
    pub priority: i16,
    /// The hash of its id, if a second one is to be dropped.
    pub key: Option<[u8; 16]>,
    /// The hash of its content: a second one with another content has its id by mistake.
    pub content: [u8; 16],
    /// The hashes of its content and of what it is about, if a second one is to be dropped only while it is the last.
    pub last: Option<([u8; 16], BTreeSet<[u8; 16]>)>,
}

const INSERT: &str = include_str!("delivery_queue.sql");

/// What became of deliveries that were to be kept; those that are in no set were just received before.
#[derive(Debug, Default)]
pub struct Inserted {
    /// They are kept.
    pub new: BTreeSet<Uuid>,
    /// Dropped, although only their id was received before, and not their content.
    pub conflicting: BTreeSet<Uuid>,
    /// Dropped, although something else was received about the same things since.
    pub repeated: BTreeSet<Uuid>,
}

/// Keeps deliveries of a brand. No two of them may have a key or a subject in common. They are received now by Postgres's clock,
/// or at the time of a frozen one. Of what bears no id, so many contents of a thing are known besides the last.
///
/// # Errors
/// When Postgres fails; then none of them is kept.
pub async fn insert_deliveries(
    pool: &Pool,
    brand_id: i32,
    rows: &[DeliveryRow],
    dedup_history_size: u32,
    frozen_at: Option<Timestamp>,
) -> Result<Inserted, StorageError> {
    let numbered = || rows.iter().zip(0_i32..);
    let about = || numbered().flat_map(|(row, n)| row.last.iter().flat_map(move |(content, subjects)| subjects.iter().map(move |s| (n, s, content))));
    let found: Vec<(Uuid, String)> = sqlx::query_as(INSERT)
        .bind(brand_id)
        .bind(numbered().map(|(_, n)| n).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.delivery_id).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.source.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.event.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| serde_json::json!(row.headers).to_string()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.body.as_slice()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.priority).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.key.as_ref().map(<[u8; 16]>::as_slice)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.content.as_slice()).collect::<Vec<_>>())
        .bind(about().map(|(n, ..)| n).collect::<Vec<_>>())
        .bind(about().map(|(_, subject, _)| subject.as_slice()).collect::<Vec<_>>())
        .bind(about().map(|(.., content)| content.as_slice()).collect::<Vec<_>>())
        .bind(frozen_at.map(Time::from))
        .bind(i32::try_from(dedup_history_size).unwrap_or(i32::MAX))
        .fetch_all(pool)
        .await?;
    let of = |fate: &str| found.iter().filter(|(_, found)| found == fate).map(|(id, _)| *id).collect();
    Ok(Inserted { new: of("new"), conflicting: of("conflicting"), repeated: of("repeated") })
}

/// A delivery that a worker has claimed.
pub struct ClaimedRow {
    /// Its id.
    pub delivery_id: Uuid,
    /// Whose it is.
    pub source: Source,
    /// Those that reading it needs.
    pub headers: BTreeMap<String, String>,
    /// The bytes as they came.
    pub body: Vec<u8>,
    /// When it came.
    pub received_at: Timestamp,
    /// How often it was claimed, this time included.
    pub attempts: u32,
    /// Another worker had it and didn't come back in time.
    pub was_late: bool,
    /// When it was claimed.
    pub claimed_at: Timestamp,
}

type Columns = (Uuid, String, Json<BTreeMap<String, String>>, Vec<u8>, Time, i32, bool, Time);

impl TryFrom<Columns> for ClaimedRow {
    type Error = StorageError;

    fn try_from((delivery_id, source, Json(headers), body, received_at, attempts, was_late, claimed_at): Columns) -> Result<Self, StorageError> {
        let source = source.parse().map_err(StorageError::corrupt("deliveries"))?;
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        let (received_at, claimed_at) = (received_at.to_jiff(), claimed_at.to_jiff());
        Ok(Self { delivery_id, source, headers, body, received_at, attempts, was_late, claimed_at })
    }
}

/// What is claimed, how, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// The token: another one for each claim.
    pub token: Uuid,
    /// Now, where a clock is frozen; else it is Postgres's.
    pub frozen_at: Option<Timestamp>,
    /// For how long nobody else may claim the same.
    pub lease: Duration,
    /// How many at most.
    pub limit: u32,
}

/// The most bytes of bodies that are claimed together, unless a single one has more.
const MOST_CLAIMED_BYTES: i64 = 4 * 1024 * 1024;

/// Claims deliveries of a brand that are due: the urgent ones first, the oldest first.
///
/// # Errors
/// When Postgres fails, or a row is not as this program writes it.
pub async fn claim_deliveries(pool: &Pool, brand_id: i32, claim: &Claim) -> Result<Vec<ClaimedRow>, StorageError> {
    // A claim that is lost with the server is no claim: it needn't reach the disk before the work begins.
    let mut transaction = pool.begin_with("begin; set local enable_seqscan = off; set local synchronous_commit = off").await?;
    let rows: Vec<Columns> = sqlx::query_as(
        "with clock as materialized (
            select coalesce($2::timestamptz, clock_timestamp()) as at
        ),
        candidates as materialized (
            select brand_id, delivery_id, priority, claim_token is not null as was_late, octet_length(body) as bytes
            from deliveries
            where brand_id = $1 and state = 'pending' and due_at <= (select at from clock)
            order by priority, delivery_id
            limit $3
            for update skip locked
        ),
        summed as (
            select brand_id, delivery_id, was_late, bytes, sum(bytes) over (order by priority, delivery_id) as bytes_so_far from candidates
        ),
        -- The first in any case, however large it is.
        due as (
            select brand_id, delivery_id, was_late from summed where bytes_so_far <= $6 or bytes_so_far = bytes
        )
        update deliveries as claimed
        set claim_token = $4, due_at = clock.at + make_interval(secs => $5), attempts = claimed.attempts + 1
        from due, clock
        where claimed.brand_id = due.brand_id and claimed.delivery_id = due.delivery_id
        returning claimed.delivery_id, claimed.source, claimed.headers, claimed.body, claimed.received_at, claimed.attempts, due.was_late, clock.at",
    )
    .bind(brand_id)
    .bind(claim.frozen_at.map(Time::from))
    .bind(i64::from(claim.limit))
    .bind(claim.token)
    .bind(claim.lease.as_secs_f64())
    .bind(MOST_CLAIMED_BYTES)
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    rows.into_iter().map(ClaimedRow::try_from).collect()
}

/// Of those deliveries the ones whose claim is still this one; nobody else can claim or finish them until the transaction
/// ends.
///
/// # Errors
/// When Postgres fails.
pub async fn lock_claimed(db: &mut Connection, brand_id: i32, token: Uuid, ids: &[Uuid]) -> Result<BTreeSet<Uuid>, StorageError> {
    // Only what is pending has a claim. To say so here would lead to the index of what is pending.
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

/// How a claimed delivery goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// It is done: what came of it.
    Done(String),
    /// It can't be done: what is wrong with it.
    DeadLetter(String),
    /// It is tried again at that time: what went wrong.
    Retry(Timestamp, String),
    /// It was never tried: as if it had not been claimed.
    Released,
    /// It is about somebody who was erased: nothing is kept of it.
    Erased,
}

/// Finishes deliveries, or leaves them for later. Those whose claim is another one by now stay as they are.
///
/// # Errors
/// When Postgres fails.
pub async fn finish_deliveries(
    db: &mut Connection,
    brand_id: i32,
    token: Uuid,
    at: Timestamp,
    verdicts: &[(Uuid, Disposition)],
) -> Result<(), StorageError> {
    let erased: Vec<Uuid> = verdicts.iter().filter(|(_, verdict)| *verdict == Disposition::Erased).map(|(id, _)| *id).collect();
    if !erased.is_empty() {
        let query = sqlx::query(
            "with named as materialized (
                select $1::integer as brand_id, unnest($2::uuid[]) as delivery_id
            )
            delete from deliveries as row
            using named
            where row.brand_id = named.brand_id and row.delivery_id = named.delivery_id and row.claim_token = $3",
        );
        query.bind(brand_id).bind(erased).bind(token).execute(&mut *db).await?;
    }
    let words = |verdict: &Disposition| match verdict {
        Disposition::Done(note) => ("done", note.clone(), at),
        Disposition::DeadLetter(note) => ("dead", note.clone(), at),
        Disposition::Retry(due_at, note) => ("pending", note.clone(), *due_at),
        Disposition::Released | Disposition::Erased => ("pending", String::new(), at),
    };
    let kept = || verdicts.iter().filter(|(_, verdict)| *verdict != Disposition::Erased);
    sqlx::query(
        "with verdicts as materialized (
            select $1::integer as brand_id, verdict.*
            from unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::integer[]) as verdict (delivery_id, state, note, due_at, untried)
        )
        update deliveries as row
        set state = verdict.state,
            note = verdict.note,
            due_at = verdict.due_at,
            claim_token = null,
            attempts = row.attempts - verdict.untried,
            finished_at = case when verdict.state <> 'pending' then $8::timestamptz end
        from verdicts as verdict
        where row.brand_id = verdict.brand_id and row.delivery_id = verdict.delivery_id and row.claim_token = $7",
    )
    .bind(brand_id)
    .bind(kept().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(kept().map(|(_, verdict)| words(verdict).0).collect::<Vec<_>>())
    .bind(kept().map(|(_, verdict)| words(verdict).1).collect::<Vec<_>>())
    .bind(kept().map(|(_, verdict)| Time::from(words(verdict).2)).collect::<Vec<_>>())
    .bind(kept().map(|(_, verdict)| i32::from(*verdict == Disposition::Released)).collect::<Vec<_>>())
    .bind(token)
    .bind(Time::from(at))
    .execute(db)
    .await?;
    Ok(())
}

/// The smallest id that a delivery of that time can have: what was finished before then came in before then.
#[must_use]
pub fn first_id_at(at: Timestamp) -> Uuid {
    id_at(at, [0; 10])
}

/// The id of a delivery: in order of time, and among those of a millisecond as chance has it.
#[must_use]
pub fn new_id(at: Timestamp) -> Uuid {
    let chance = Uuid::new_v4().into_bytes();
    let mut rest = [0; 10];
    rest.iter_mut().zip(chance).for_each(|(to, from)| *to = from);
    id_at(at, rest)
}

fn id_at(at: Timestamp, rest: [u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(at.as_millisecond()).unwrap_or_default(), &rest).into_uuid()
}

/// Removes what was finished before a time, and the ids of what came before another, a small batch of each. Gives back
/// whether there may be more.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_old_deliveries(pool: &Pool, brand_id: i32, finished: Timestamp, known: Timestamp, limit: u32) -> Result<bool, StorageError> {
    let mut more = false;
    let query = sqlx::query(
        "with old as materialized (
            select brand_id, delivery_id from deliveries
            where brand_id = $1 and delivery_id < $4 and state in ('done', 'discarded') and finished_at < $2
            order by delivery_id limit $3 for update skip locked
        )
        delete from deliveries as row
        using old
        where row.brand_id = old.brand_id and row.delivery_id = old.delivery_id",
    );
    let query = query.bind(brand_id).bind(Time::from(finished)).bind(i64::from(limit)).bind(first_id_at(finished));
    more |= query.execute(pool).await?.rows_affected() >= u64::from(limit);
    // Only by the time, whose index is a rough one.
    let mut transaction = pool.begin_with("begin; set local enable_seqscan = off; set local enable_indexscan = off").await?;
    for statement in [
        "delete from delivery_dedup where ctid = any(array(select ctid from delivery_dedup where brand_id = $1 and received_at < $2 limit $3))",
        "delete from delivery_latest_content where ctid = any(array(select ctid from delivery_latest_content where brand_id = $1 and received_at < $2 limit $3))",
    ] {
        let query = sqlx::query(statement).bind(brand_id).bind(Time::from(known)).bind(i64::from(limit));
        more |= query.execute(&mut *transaction).await?.rows_affected() >= u64::from(limit);
    }
    transaction.commit().await?;
    Ok(more)
}
