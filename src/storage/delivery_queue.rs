//! The inbox: received deliveries. Each is applied exactly once in effect.
//!
//! No job queue library is used: the available ones store a job after the webhook was received, or apart from
//! the changes of the job. Here, one statement stores the deduplication key, the delivery and its place in the
//! queue. One transaction applies a delivery and marks it as done. A claim is committed with a lease and a
//! token, so no transaction is open while a delivery is parsed. A worker whose lease has ended finds another
//! token in the row.
//!
//! Rows with known ids are joined by brand *and* id, both from a materialized list. With only the brand as a
//! constant, Postgres may read all rows of the brand: without statistics, it takes the brand for empty.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::pool::{Connection, Pool};
use jiff::Timestamp;
use sqlx::types::Json;
use uuid::Uuid;

use super::StorageError;
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

/// A delivery to store.
pub struct DeliveryRow {
    /// Its id, which increases with time.
    pub delivery_id: Uuid,
    /// The source that sent it.
    pub source: Source,
    /// The event, in the vendor's words.
    pub event: String,
    /// The headers that its parser needs.
    pub headers: BTreeMap<String, String>,
    /// The bytes as they arrived.
    pub body: Vec<u8>,
    /// 0: before all others; 1: in order; 2: when nothing else is pending.
    pub priority: i16,
    /// Hash of the webhook's id, to drop a second one with the same id.
    pub key: Option<[u8; 16]>,
    /// Hash of the content. A second webhook with the same id and other content has a wrong id.
    pub content: [u8; 16],
    /// Hashes of the content and of the subjects. A second webhook is dropped only while it equals the latest
    /// one of its subjects.
    pub last: Option<([u8; 16], BTreeSet<[u8; 16]>)>,
}

const INSERT: &str = include_str!("delivery_queue.sql");

/// The result of storing deliveries. Ids in none of the sets are plain duplicates.
#[derive(Debug, Default)]
pub struct Inserted {
    /// Stored.
    pub new: BTreeSet<Uuid>,
    /// Dropped: the id was received before, but with other content.
    pub conflicting: BTreeSet<Uuid>,
    /// Dropped: the content was received before, and something else about the same subjects came since.
    pub repeated: BTreeSet<Uuid>,
}

/// Stores deliveries of a brand. No two of them may share a key or a subject. The time of receipt is Postgres's
/// clock, or the frozen one. For webhooks without an id, so many earlier contents of a subject are remembered
/// besides the latest.
///
/// # Errors
/// When Postgres fails. Then none of them is stored.
pub async fn insert_deliveries(
    pool: &Pool,
    brand_id: i32,
    rows: &[DeliveryRow],
    dedup_history_size: u32,
    frozen_at: Option<Timestamp>,
) -> Result<Inserted, StorageError> {
    let numbered = || rows.iter().zip(0_i32..);
    let about = || {
        numbered().flat_map(|(row, n)| {
            row.last
                .iter()
                .flat_map(move |(content, subjects)| subjects.iter().map(move |s| (n, s, content)))
        })
    };
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
    let of =
        |fate: &str| found.iter().filter(|(_, found)| found == fate).map(|(id, _)| *id).collect();
    Ok(Inserted { new: of("new"), conflicting: of("conflicting"), repeated: of("repeated") })
}

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
const MOST_CLAIMED_BYTES: i64 = 4 * 1024 * 1024;

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
        -- The first one always, whatever its size.
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
    verdicts: &[(Uuid, Disposition)],
) -> Result<(), StorageError> {
    let erased: Vec<Uuid> = verdicts
        .iter()
        .filter(|(_, verdict)| *verdict == Disposition::Erased)
        .map(|(id, _)| *id)
        .collect();
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

/// The smallest id that a delivery of that time can have.
#[must_use]
pub fn first_id_at(at: Timestamp) -> Uuid {
    id_at(at, [0; 10])
}

/// A new delivery id: ordered by time, and random within a millisecond.
#[must_use]
pub fn new_id(at: Timestamp) -> Uuid {
    let chance = Uuid::new_v4().into_bytes();
    let mut rest = [0; 10];
    rest.iter_mut().zip(chance).for_each(|(to, from)| *to = from);
    id_at(at, rest)
}

fn id_at(at: Timestamp, rest: [u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(
        u64::try_from(at.as_millisecond()).unwrap_or_default(),
        &rest,
    )
    .into_uuid()
}

/// Deletes deliveries that were finished before a time, and deduplication keys from before another time, a
/// small batch of each. Returns whether there may be more.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_old_deliveries(
    pool: &Pool,
    brand_id: i32,
    finished: Timestamp,
    known: Timestamp,
    limit: u32,
) -> Result<bool, StorageError> {
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
    let query = query
        .bind(brand_id)
        .bind(Time::from(finished))
        .bind(i64::from(limit))
        .bind(first_id_at(finished));
    more |= query.execute(pool).await?.rows_affected() >= u64::from(limit);
    // Only by the time, which has a BRIN index.
    let mut transaction = pool
        .begin_with("begin; set local enable_seqscan = off; set local enable_indexscan = off")
        .await?;
    for statement in [
        "delete from delivery_dedup where ctid = any(array(select ctid from delivery_dedup where brand_id = $1 and received_at < $2 limit $3))",
        "delete from delivery_latest_content where ctid = any(array(select ctid from delivery_latest_content where brand_id = $1 and received_at < $2 limit $3))",
    ] {
        let query =
            sqlx::query(statement).bind(brand_id).bind(Time::from(known)).bind(i64::from(limit));
        more |= query.execute(&mut *transaction).await?.rows_affected() >= u64::from(limit);
    }
    transaction.commit().await?;
    Ok(more)
}
