//! The inbox: received deliveries. Each is applied exactly once in effect.
//!
//! No job queue library is used: the available ones store a job after the webhook was received, or apart from
//! the changes of the job. Here, one statement stores the deduplication key, the delivery and its place in the
//! queue. One transaction applies a delivery and marks it as done. A claim is committed with a lease and a
//! token, so no transaction is open while a delivery is parsed. A worker whose lease has ended finds another
//! token in the row (`delivery_claims`).
//!
//! Rows with known ids are joined by brand *and* id, both from a materialized list. With only the brand as a
//! constant, Postgres may read all rows of the brand: without statistics, it takes the brand for empty.

use std::collections::{BTreeMap, BTreeSet};

use super::pool::Pool;
use jiff::Timestamp;
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
/// clock, or the frozen one. For webhooks without an id, so many earlier contents of a subject are kept
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
    let of = |result: &str| {
        found.iter().filter(|(_, found)| found == result).map(|(id, _)| *id).collect()
    };
    Ok(Inserted { new: of("new"), conflicting: of("conflicting"), repeated: of("repeated") })
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
