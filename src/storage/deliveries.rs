//! Deliveries, for people: count, list, show.

use std::collections::BTreeMap;

use super::pool::Pool;
use jiff::Timestamp;
use serde::Deserialize;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::StorageError;
use super::delivery_queue::first_id_at;
use crate::customer::model::source::Source;

pub(super) type Time = jiff_sqlx::Timestamp;

/// A selection of deliveries. An empty field does not restrict it.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// With these ids.
    pub ids: Option<Vec<Uuid>>,
    /// From this source.
    pub source: Option<Source>,
    /// In one of these states.
    pub states: Option<Vec<String>>,
    /// With this event.
    pub event: Option<String>,
    /// Received at this time or later.
    pub since: Option<Timestamp>,
    /// Received before this time.
    pub until: Option<Timestamp>,
    /// With this note. Numbers do not count: each is `…`.
    pub reason: Option<String>,
}

/// A delivery in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRow {
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
    /// When it is processed next, or when the lease of the worker ends.
    pub due_at: Timestamp,
    /// The result, or the error.
    pub note: String,
}

impl FromRow<'_, PgRow> for ListedRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let time = |name| row.try_get::<Time, _>(name).map(Time::to_jiff);
        Ok(Self {
            delivery_id: row.try_get("delivery_id")?,
            source: row.try_get("source")?,
            event: row.try_get("event")?,
            received_at: time("received_at")?,
            state: row.try_get("state")?,
            attempts: row.try_get("attempts")?,
            due_at: time("due_at")?,
            note: row.try_get("note")?,
        })
    }
}

/// A statement about the deliveries that a [`DeliveryFilter`] selects, with its parameters 1 to 9.
macro_rules! which {
    ($statement:literal, $rest:literal) => {
        concat!(
            $statement,
            " where brand_id = $1 and ($2::uuid[] is null or delivery_id = any($2)) and ($3::text is null or source = $3)
            and ($4::text[] is null or state = any($4)) and ($5::text is null or event = $5)
            and ($6::timestamptz is null or (received_at >= $6 and delivery_id >= $7))
            and ($8::timestamptz is null or received_at < $8)
            and ($9::text is null or regexp_replace(note, '[0-9]+', '…', 'g') = $9)",
            $rest
        )
    };
}
pub(super) use which;

/// Binds a [`DeliveryFilter`] to a statement as the parameters 1 to 9.
macro_rules! bound {
    ($query:expr, $brand_id:expr, $which:expr) => {
        $query
            .bind($brand_id)
            .bind($which.ids.as_deref())
            .bind($which.source.map(Source::as_str))
            .bind($which.states.as_deref())
            .bind($which.event.as_deref())
            .bind($which.since.map(Time::from))
            .bind($which.first_id())
            .bind($which.until.map(Time::from))
            .bind($which.reason.as_deref())
    };
}
pub(super) use bound;

/// The time of receipt may be later than the time in the id, so ids that are this much older are included.
const MAX_CLOCK_SKEW: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

impl DeliveryFilter {
    /// The smallest id that may be selected.
    pub(super) fn first_id(&self) -> Uuid {
        let since = self.since.unwrap_or(Timestamp::UNIX_EPOCH);
        first_id_at(since.saturating_sub(MAX_CLOCK_SKEW).unwrap_or(since))
    }
}

/// Deliveries of a brand, newest first.
///
/// # Errors
/// When Postgres fails.
pub async fn list_deliveries(
    pool: &Pool,
    brand_id: i32,
    which: &DeliveryFilter,
    limit: u32,
) -> Result<Vec<ListedRow>, StorageError> {
    let query = sqlx::query_as(which!(
        "select delivery_id, source, event, received_at, state, attempts, due_at, note from deliveries",
        " order by delivery_id desc limit $10"
    ));
    Ok(bound!(query, brand_id, which).bind(i64::from(limit)).fetch_all(pool).await?)
}

/// An attempt to apply a delivery that failed or was repeated, or an act on it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HistoryEntry {
    /// When it ended.
    pub at: Timestamp,
    /// Of an attempt: `done`, `retried` or `dead`. Of an act: `replayed` or `discarded`.
    pub outcome: String,
    /// The result or the error of an attempt.
    pub reason: String,
}

/// A delivery with its content.
pub struct ShownRow {
    /// The columns of the list.
    pub listed: ListedRow,
    /// The headers that its parser needs.
    pub headers: BTreeMap<String, String>,
    /// The bytes as they arrived.
    pub body: Vec<u8>,
    /// Its last attempts and acts, the oldest first. Empty if the first attempt succeeded.
    pub history: Vec<HistoryEntry>,
}

/// One delivery of a brand.
///
/// # Errors
/// When Postgres fails.
pub async fn find_delivery(
    pool: &Pool,
    brand_id: i32,
    delivery_id: Uuid,
) -> Result<Option<ShownRow>, StorageError> {
    let which = DeliveryFilter { ids: Some(vec![delivery_id]), ..DeliveryFilter::default() };
    let Some(listed) = list_deliveries(pool, brand_id, &which, 1).await?.pop() else {
        return Ok(None);
    };
    let query = sqlx::query_as(
        "select headers, body, history from deliveries where brand_id = $1 and delivery_id = $2",
    );
    let held: Option<ShownColumns> =
        query.bind(brand_id).bind(delivery_id).fetch_optional(pool).await?;
    Ok(held.map(|(Json(headers), body, history)| {
        let history = history.map(|Json(history)| history).unwrap_or_default();
        ShownRow { listed, headers, body, history }
    }))
}

type ShownColumns = (Json<BTreeMap<String, String>>, Vec<u8>, Option<Json<Vec<HistoryEntry>>>);

/// Pending and dead deliveries of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct BacklogRow {
    /// The source.
    pub source: String,
    /// `pending` or `dead`.
    pub state: String,
    /// Number of deliveries.
    pub count: f64,
    /// When the oldest one was received or replayed.
    pub oldest_at: Timestamp,
}

/// The columns of a [`BacklogRow`].
pub(super) type BacklogColumns = (String, String, f64, Time);

impl From<BacklogColumns> for BacklogRow {
    fn from((source, state, count, oldest_at): BacklogColumns) -> Self {
        Self { source, state, count, oldest_at: oldest_at.to_jiff() }
    }
}

/// Pending and dead deliveries in the inbox of a brand. Floating-point counts, for the gauge.
///
/// # Errors
/// When Postgres fails.
pub async fn list_backlog(pool: &Pool, brand_id: i32) -> Result<Vec<BacklogRow>, StorageError> {
    let rows: Vec<BacklogColumns> = sqlx::query_as(
        "select source, state, count(*)::float8, min(case when note = 'replayed' and claim_token is null then due_at else received_at end)
        from deliveries where brand_id = $1 and state = 'pending' group by source, state
        union all
        select source, state, count(*)::float8, min(received_at) from deliveries where brand_id = $1 and state = 'dead' group by source, state",
    )
    .bind(brand_id)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(BacklogRow::from).collect())
}

/// Counts the deliveries by source and state, and how many of them took more than one attempt.
///
/// # Errors
/// When Postgres fails.
pub async fn count_deliveries(
    pool: &Pool,
    brand_id: i32,
) -> Result<Vec<(String, String, i64, i64)>, StorageError> {
    let query = sqlx::query_as(
        "select source, state, count(*), count(*) filter (where attempts > 1) from deliveries where brand_id = $1 group by source, state",
    );
    Ok(query.bind(brand_id).fetch_all(pool).await?)
}

/// The times of receipt of a source's newest deliveries, newest first.
///
/// # Errors
/// When Postgres fails.
pub async fn list_receipts(
    pool: &Pool,
    brand_id: i32,
    source: Source,
    limit: u32,
) -> Result<Vec<Timestamp>, StorageError> {
    let query = sqlx::query_as(
        "select received_at from deliveries where brand_id = $1 and source = $2 order by delivery_id desc limit $3",
    );
    let times: Vec<(Time,)> =
        query.bind(brand_id).bind(source.as_str()).bind(i64::from(limit)).fetch_all(pool).await?;
    Ok(times.into_iter().map(|(at,)| at.to_jiff()).collect())
}
