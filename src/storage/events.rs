//! Events: what happened to records.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use sqlx::types::Json;

use super::StorageError;
use super::records::texts;
use crate::customer::event::{Event, EventKey};
use crate::customer::record::RecordKey;
use crate::customer::timeline_order;
use crate::customer::versions::Versions;

type Row = (String, Json<Versions>);

fn event((key, Json(versions)): Row) -> Result<Event, StorageError> {
    Ok(Event { key: key.parse().map_err(StorageError::corrupt("events"))?, versions })
}

/// The events of those keys that are known, deleted ones included.
///
/// # Errors
/// When Postgres fails.
pub async fn list_events(db: &mut PgConnection, brand_id: i32, keys: &[EventKey]) -> Result<BTreeMap<EventKey, Event>, StorageError> {
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let rows: Vec<Row> = sqlx::query_as("select event_key, state from events where brand_id = $1 and event_key = any($2)")
        .bind(brand_id)
        .bind(keys)
        .fetch_all(db)
        .await?;
    rows.into_iter().map(|row| event(row).map(|event| (event.key.clone(), event))).collect()
}

/// Keeps the new state of some events, and the ids by which their customers can be looked up.
///
/// # Errors
/// When Postgres fails.
pub async fn upsert_events(db: &mut PgConnection, brand_id: i32, events: &[&Event]) -> Result<(), StorageError> {
    let column = |of: fn(&Event) -> String| events.iter().map(|event| of(event)).collect::<Vec<String>>();
    let keys = column(|event| event.key.to_string());
    sqlx::query(
        "insert into events (brand_id, event_key, state, live, record_key, occurred_at, source, event_type, external_id)
        select $1, new.event_key, new.state::json, new.live, new.record_key, new.occurred_at, new.source, new.event_type, new.external_id
        from unnest($2::text[], $3::text[], $4::boolean[], $5::text[], $6::timestamptz[], $7::text[], $8::text[], $9::text[])
            as new (event_key, state, live, record_key, occurred_at, source, event_type, external_id)
        on conflict (brand_id, event_key) do update
        set state = excluded.state, live = excluded.live, record_key = excluded.record_key, occurred_at = excluded.occurred_at",
    )
    .bind(brand_id)
    .bind(&keys)
    .bind(column(|event| serde_json::to_string(&event.versions).unwrap_or_default()))
    .bind(events.iter().map(|event| event.versions.is_live()).collect::<Vec<bool>>())
    .bind(events.iter().map(|event| event.record().map(|key| key.to_string())).collect::<Vec<Option<String>>>())
    .bind(events.iter().map(|event| jiff_sqlx::Timestamp::from(event.occurred_at())).collect::<Vec<_>>())
    .bind(column(|event| event.key.source.as_str().to_owned()))
    .bind(column(|event| event.key.event_type()))
    .bind(column(|event| event.key.id.clone()))
    .execute(&mut *db)
    .await?;
    let references: Vec<(String, String, String)> = events
        .iter()
        .filter(|event| event.versions.is_live())
        .flat_map(|event| event.references().map(|(namespace, value)| (value, namespace, event.key.to_string())))
        .collect();
    let column = |of: fn(&(String, String, String)) -> &String| references.iter().map(of).cloned().collect::<Vec<String>>();
    sqlx::query(
        "with kept as (select * from unnest($3::text[], $4::text[], $5::text[]) as new (value, namespace, event_key)),
        gone as (
            delete from event_references as old where brand_id = $1 and event_key = any($2)
            and not exists (select from kept where (kept.value, kept.namespace, kept.event_key) = (old.value, old.namespace, old.event_key))
        )
        insert into event_references (brand_id, value, namespace, event_key) select $1, value, namespace, event_key from kept
        on conflict do nothing",
    )
    .bind(brand_id)
    .bind(&keys)
    .bind(column(|(value, ..)| value))
    .bind(column(|(_, namespace, _)| namespace))
    .bind(column(|(.., key)| key))
    .execute(db)
    .await?;
    Ok(())
}

/// The newest events of some customers, each given by all its record keys, in timeline order.
///
/// # Errors
/// When Postgres fails.
pub async fn list_newest_events(
    db: &mut PgConnection,
    brand_id: i32,
    customers: &[&[RecordKey]],
    limit: usize,
    hidden: &[String],
) -> Result<Vec<Vec<Event>>, StorageError> {
    let numbered = customers.iter().zip(0_i32..).flat_map(|(keys, n)| keys.iter().map(move |key| (n, key)));
    let (numbers, keys): (Vec<i32>, Vec<&RecordKey>) = numbered.unzip();
    let rows: Vec<(i32, String, Json<Versions>)> = sqlx::query_as(
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
        timeline.sort_by(timeline_order);
        timeline.truncate(limit);
    }
    Ok(timelines)
}
