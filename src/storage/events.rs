//! Events of records.

use super::pool::Connection;
use jiff::Timestamp;
use sqlx::types::Json;

use super::StorageError;
use super::records::texts;
use crate::customer::keep_newest;
use crate::customer::model::event::{Event, EventKey, field};
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::Source;

fn event((key, Json(versions)): (String, Json<FieldVersions>)) -> Result<Event, StorageError> {
    Ok(Event { key: key.parse().map_err(StorageError::corrupt("events"))?, versions })
}

/// An event, also a deleted one.
///
/// # Errors
/// When Postgres fails.
pub async fn find_event(
    db: &mut Connection,
    brand_id: i32,
    key: &EventKey,
) -> Result<Option<Event>, StorageError> {
    let query = sqlx::query_as(
        "select event_key, state from events where brand_id = $1 and event_key = $2",
    );
    let row: Option<(String, Json<FieldVersions>)> =
        query.bind(brand_id).bind(key.to_string()).fetch_optional(db).await?;
    row.map(event).transpose()
}

/// Live events of a source and type after an id, in the order of their ids.
///
/// # Errors
/// When Postgres fails.
pub async fn list_events_after(
    db: &mut Connection,
    brand_id: i32,
    (source, what): (Source, &str),
    after: &str,
    limit: i64,
) -> Result<Vec<Event>, StorageError> {
    let rows: Vec<(String, Json<FieldVersions>)> = sqlx::query_as(
        "select event_key, state from events
        where brand_id = $1 and event_key > $2 and event_key < $3 and live
        order by event_key limit $4",
    )
    .bind(brand_id)
    .bind(format!("{source}.{what}:{after}"))
    // `;` is the character after the colon.
    .bind(format!("{source}.{what};"))
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(event).collect()
}

/// Live events of a source at some places, after a key, in the order of their keys. Places change their names
/// so rarely that there is no index for it.
///
/// # Errors
/// When Postgres fails.
pub async fn list_events_at(
    db: &mut Connection,
    brand_id: i32,
    source: Source,
    places: &[&str],
    after: &str,
    limit: i64,
) -> Result<Vec<Event>, StorageError> {
    let rows: Vec<(String, Json<FieldVersions>)> = sqlx::query_as(
        "select event_key, state from events
        where brand_id = $1 and event_key > greatest($2, $3) and event_key < $4 and live and exists (
            select from json_each(state -> 'fields') as field where starts_with(field.key, $5) and field.value ->> 'value' = any($6)
        )
        order by event_key limit $7",
    )
    .bind(brand_id)
    .bind(after)
    .bind(format!("{source}."))
    // `/` is the character after the point.
    .bind(format!("{source}/"))
    .bind(field::PLACE)
    .bind(places)
    .bind(limit)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(event).collect()
}

/// Counts the live events of a source and type.
///
/// # Errors
/// When Postgres fails.
pub async fn count_events(
    db: &mut Connection,
    brand_id: i32,
    (source, what): (Source, &str),
) -> Result<u64, StorageError> {
    let query = "select count(*) from events where brand_id = $1 and event_key > $2 and event_key < $3 and live";
    let (first, last) = (format!("{source}.{what}:"), format!("{source}.{what};"));
    let row: (i64,) =
        sqlx::query_as(query).bind(brand_id).bind(first).bind(last).fetch_one(db).await?;
    Ok(u64::try_from(row.0).unwrap_or_default())
}

/// The newest events of some customers, in timeline order. Each customer is given by all its record keys.
///
/// # Errors
/// When Postgres fails.
pub async fn list_newest_events(
    db: &mut Connection,
    brand_id: i32,
    customers: &[&[RecordKey]],
    limit: usize,
    hidden: &[String],
) -> Result<Vec<Vec<Event>>, StorageError> {
    let numbered =
        customers.iter().zip(0_i32..).flat_map(|(keys, n)| keys.iter().map(move |key| (n, key)));
    let (numbers, keys): (Vec<i32>, Vec<&RecordKey>) = numbered.unzip();
    let rows: Vec<(i32, String, Json<FieldVersions>)> = sqlx::query_as(
        "select owner.n, newest.event_key, newest.state
        from unnest($2::integer[], $3::text[]) as owner (n, record_key)
        cross join lateral (
            select event_key, state from events
            where brand_id = $1 and record_key = owner.record_key and live and event_type <> all($5)
            order by occurred_at desc, source, external_id, event_type
            limit $4
        ) as newest",
    )
    .bind(brand_id)
    .bind(numbers)
    .bind(texts(keys))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .bind(hidden)
    .fetch_all(db)
    .await?;
    let mut timelines: Vec<Vec<Event>> = vec![Vec::new(); customers.len()];
    for (n, key, state) in rows {
        if let Some(timeline) = usize::try_from(n).ok().and_then(|n| timelines.get_mut(n)) {
            timeline.push(event((key, state))?);
        }
    }
    for timeline in &mut timelines {
        keep_newest(timeline, limit);
    }
    Ok(timelines)
}

/// A place in a timeline: the order is by time, the newest first, and then by the other parts.
#[derive(Clone, PartialEq, Eq)]
pub struct TimelinePlace {
    /// The time of the event.
    pub at: Timestamp,
    /// The source.
    pub source: String,
    /// The event's id at the source.
    pub external_id: String,
    /// The type, with the source.
    pub event_type: String,
}

impl TimelinePlace {
    /// Before all events.
    #[must_use]
    pub const fn start() -> Self {
        Self {
            at: Timestamp::MAX,
            source: String::new(),
            external_id: String::new(),
            event_type: String::new(),
        }
    }

    /// The place as a text. The id of an event may be personal data.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { at, source, external_id, event_type } = self;
        serde_json::json!([at, source, external_id, event_type]).to_string()
    }

    /// The place in a text.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let (at, source, external_id, event_type) = serde_json::from_str(text).ok()?;
        Some(Self { at, source, external_id, event_type })
    }
}

/// Which events of a timeline are wanted.
#[derive(Clone, Default)]
pub struct EventFilter {
    /// Only those of this source. Empty for all.
    pub source: String,
    /// Only those of this type. Empty for all.
    pub event_type: String,
    /// Without those of these types.
    pub hidden: Vec<String>,
}

type PlacedColumns = (String, Json<FieldVersions>, jiff_sqlx::Timestamp, String, String, String);

/// The wanted events of some records after a place in their timeline, each with its place.
///
/// # Errors
/// When Postgres fails.
pub async fn list_events_after_place(
    db: &mut Connection,
    brand_id: i32,
    records: &[String],
    (after, filter): (&TimelinePlace, &EventFilter),
    limit: usize,
) -> Result<Vec<(TimelinePlace, Event)>, StorageError> {
    let rows: Vec<PlacedColumns> = sqlx::query_as(
        "select next.event_key, next.state, next.occurred_at, next.source, next.external_id, next.event_type
        from unnest($2::text[]) as owner (record_key)
        cross join lateral (
            select event_key, state, occurred_at, source, external_id, event_type from events
            where brand_id = $1 and record_key = owner.record_key and live and occurred_at <= $3
                and (occurred_at < $3 or (source, external_id, event_type) > ($4, $5, $6))
                and ($8 = '' or source = $8) and ($9 = '' or event_type = $9) and event_type <> all($10)
            order by occurred_at desc, source, external_id, event_type
            limit $7
        ) as next
        order by next.occurred_at desc, next.source, next.external_id, next.event_type
        limit $7",
    )
    .bind(brand_id)
    .bind(records)
    .bind(jiff_sqlx::Timestamp::from(after.at))
    .bind(&after.source)
    .bind(&after.external_id)
    .bind(&after.event_type)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .bind(&filter.source)
    .bind(&filter.event_type)
    .bind(&filter.hidden)
    .fetch_all(db)
    .await?;
    let placed = |(key, state, at, source, external_id, event_type): PlacedColumns| {
        let place = TimelinePlace { at: at.to_jiff(), source, external_id, event_type };
        Ok((place, event((key, state))?))
    };
    rows.into_iter().map(placed).collect()
}

/// The sources and types of the events of some records, in order, without those of some types.
///
/// # Errors
/// When Postgres fails.
pub async fn list_event_types(
    db: &mut Connection,
    brand_id: i32,
    records: &[String],
    hidden: &[String],
) -> Result<Vec<(String, String)>, StorageError> {
    let query = sqlx::query_as(
        "select distinct source, event_type from events
        where brand_id = $1 and record_key = any($2) and live and event_type <> all($3) order by source, event_type",
    );
    Ok(query.bind(brand_id).bind(records).bind(hidden).fetch_all(db).await?)
}
