//! The newest deliveries, and the state of some others, for a list that follows the inbox.

use jiff::Timestamp;
use uuid::Uuid;

use super::StorageError;
use super::delivery_queue::first_id_at;
use super::pool::Pool;
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;
type Row = (Uuid, String, String, Time, String, i32, String);

/// A delivery in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailRow {
    /// Its id.
    pub delivery_id: Uuid,
    /// The source that sent it.
    pub source: String,
    /// The event.
    pub event: String,
    /// When it was received.
    pub received_at: Timestamp,
    /// `pending`, `done`, `dead` or `discarded`.
    pub state: String,
    /// How often it was processed.
    pub attempts: i32,
    /// The result, or the error.
    pub note: String,
}

/// The newest deliveries of a brand since a time, at most `limit`, and those with certain ids, the oldest first. It reads
/// them by their ids.
///
/// # Errors
/// When Postgres fails.
pub async fn list_tail(
    pool: &Pool,
    brand_id: i32,
    source: Option<Source>,
    (since, watched): (Timestamp, &[Uuid]),
    limit: u32,
) -> Result<Vec<TailRow>, StorageError> {
    let query = sqlx::query_as(
        "(select delivery_id, source, event, received_at, state, attempts, note
        from deliveries
        where brand_id = $1 and delivery_id >= $2 and ($4::text is null or source = $4)
        order by delivery_id desc
        limit $5)
        union
        select delivery_id, source, event, received_at, state, attempts, note
        from deliveries
        where brand_id = $1 and delivery_id = any($3) and ($4::text is null or source = $4)
        order by delivery_id",
    );
    let rows: Vec<Row> = query
        .bind(brand_id)
        .bind(first_id_at(since))
        .bind(watched)
        .bind(source.map(Source::as_str))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    let row = |(delivery_id, source, event, received_at, state, attempts, note): Row| TailRow {
        delivery_id,
        source,
        event,
        received_at: received_at.to_jiff(),
        state,
        attempts,
        note,
    };
    Ok(rows.into_iter().map(row).collect())
}
