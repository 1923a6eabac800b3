//! Deliveries, for the commands of admins: count, list, show, replay, discard.

use std::collections::BTreeMap;

use super::pool::Pool;
use jiff::Timestamp;
use sqlx::types::Json;
use uuid::Uuid;

use super::StorageError;
use super::delivery_queue::first_id_at;
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

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

macro_rules! which {
    ($statement:literal, $rest:literal) => {
        concat!(
            $statement,
            " where brand_id = $1 and ($2::uuid[] is null or delivery_id = any($2)) and ($3::text is null or source = $3)
            and ($4::text[] is null or state = any($4)) and ($5::text is null or event = $5)
            and ($6::timestamptz is null or (received_at >= $6 and delivery_id >= $7))
            and ($8::timestamptz is null or received_at < $8)",
            $rest
        )
    };
}

/// Binds a [`DeliveryFilter`] to a statement as the parameters 1 to 8.
macro_rules! bound {
    ($query:expr, $brand_id:expr, $which:expr) => {
        $query
            .bind($brand_id)
            .bind($which.ids.as_deref())
            .bind($which.source.map(Source::as_str))
            .bind($which.states.as_deref())
            .bind($which.event.as_deref())
            .bind($which.since.map(Time::from))
            .bind(first_id_at($which.since.map_or(Timestamp::UNIX_EPOCH, |since| {
                since.saturating_sub(MAX_CLOCK_SKEW).unwrap_or(since)
            })))
            .bind($which.until.map(Time::from))
    };
}

/// The time of receipt may be later than the time in the id, so ids that are this much older are included.
const MAX_CLOCK_SKEW: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

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
        " order by delivery_id desc limit $9"
    ));
    let rows: Vec<(Uuid, String, String, Time, String, i32, Time, String)> =
        bound!(query, brand_id, which).bind(i64::from(limit)).fetch_all(pool).await?;
    let listed = |(delivery_id, source, event, received_at, state, attempts, due_at, note): (
        Uuid,
        String,
        String,
        Time,
        String,
        i32,
        Time,
        String,
    )| {
        ListedRow {
            delivery_id,
            source,
            event,
            received_at: received_at.to_jiff(),
            state,
            attempts,
            due_at: due_at.to_jiff(),
            note,
        }
    };
    Ok(rows.into_iter().map(listed).collect())
}

/// A delivery with its content.
pub struct ShownRow {
    /// The columns of the list.
    pub listed: ListedRow,
    /// The headers that its parser needs.
    pub headers: BTreeMap<String, String>,
    /// The bytes as they arrived.
    pub body: Vec<u8>,
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
        "select headers, body from deliveries where brand_id = $1 and delivery_id = $2",
    );
    let held: Option<(Json<BTreeMap<String, String>>, Vec<u8>)> =
        query.bind(brand_id).bind(delivery_id).fetch_optional(pool).await?;
    Ok(held.map(|(Json(headers), body)| ShownRow { listed, headers, body }))
}

/// Sets finished, dead and discarded deliveries to pending, and makes waiting ones due now. Returns how many
/// there are.
///
/// # Errors
/// When Postgres fails.
pub async fn replay_deliveries(
    pool: &Pool,
    brand_id: i32,
    which: &DeliveryFilter,
    now: Timestamp,
) -> Result<u64, StorageError> {
    let query = sqlx::query(which!(
        "update deliveries set state = 'pending', attempts = 0, due_at = $9, finished_at = null, note = 'replayed'",
        " and claim_token is null"
    ));
    Ok(bound!(query, brand_id, which).bind(Time::from(now)).execute(pool).await?.rows_affected())
}

/// Discards dead and pending deliveries. Returns how many there are. A source whose webhooks have no id may
/// send the same one again.
///
/// # Errors
/// When Postgres fails.
pub async fn discard_deliveries(
    pool: &Pool,
    brand_id: i32,
    which: &DeliveryFilter,
    now: Timestamp,
) -> Result<u64, StorageError> {
    let query = sqlx::query(which!(
        "update deliveries set state = 'discarded', finished_at = $9",
        " and claim_token is null and state in ('pending', 'dead')"
    ));
    Ok(bound!(query, brand_id, which).bind(Time::from(now)).execute(pool).await?.rows_affected())
}

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
