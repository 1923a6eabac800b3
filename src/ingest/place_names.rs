//! Names of rooms and other places, and the events that show them.

use std::collections::{BTreeMap, BTreeSet};

use crate::storage::pool::Pool;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::apply::apply;
use crate::brand::Brand;
use crate::customer::model::event::{Event, field};
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::Change;
use crate::customer::model::source::Source;
use crate::sources::api::Place;
use crate::storage::StorageError;
use crate::storage::events::list_events_at;
use crate::storage::places::{list_names, save_names};

/// Events that are renamed in one transaction.
const STRIDE: i64 = 200;

/// The shortest time step. A source cannot say anything in between.
const MOMENT: SignedDuration = SignedDuration::from_micros(1);

/// The names of those places that have one.
pub(crate) async fn names_of(
    pool: &Pool,
    brand: &Brand,
    source: Source,
    places: &BTreeSet<&str>,
) -> Result<BTreeMap<String, String>, StorageError> {
    list_names(pool, brand.id(), source, &places.iter().copied().collect::<Vec<_>>()).await
}

/// Stores names of places. Events that show another name, or none yet, get the new one.
pub(crate) async fn learn(
    pool: &Pool,
    brand: &Brand,
    source: Source,
    places: &[Place],
) -> Result<(), StorageError> {
    if places.is_empty() {
        return Ok(());
    }
    let known =
        names_of(pool, brand, source, &places.iter().map(|place| place.id.as_str()).collect())
            .await?;
    let said = places.iter().map(|place| (place.id.clone(), place.name.clone()));
    let changed: BTreeMap<String, String> =
        said.filter(|(id, name)| known.get(id) != Some(name)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    // The events come first: after an interruption, the next call finds the same new names again.
    rename(pool, brand, source, &changed).await?;
    save_names(pool, brand.id(), source, &changed).await
}

async fn rename(
    pool: &Pool,
    brand: &Brand,
    source: Source,
    names: &BTreeMap<String, String>,
) -> Result<(), StorageError> {
    let places: Vec<&str> = names.keys().map(String::as_str).collect();
    let mut after = String::new();
    loop {
        let events = list_events_at(
            &mut *pool.acquire().await?,
            brand.id(),
            source,
            &places,
            &after,
            STRIDE,
        )
        .await?;
        let Some(last) = events.last() else { return Ok(()) };
        after = last.key.to_string();
        apply(pool, brand, events.iter().flat_map(|event| renamed(event, names)).collect()).await?;
    }
}

/// The changes that give an event the names of its places. A new name has the time of the old one plus one
/// step, so that any later value of the source wins.
fn renamed(event: &Event, names: &BTreeMap<String, String>) -> Vec<Change> {
    let fields = event.versions.with_prefix(field::PLACE).filter_map(|(slot, place, placed_at)| {
        let (name, shown) = (names.get(place.as_str()?)?, format!("{}{slot}", field::DATA));
        let at = event.versions.said_at(&shown).unwrap_or(placed_at);
        (event.versions.text(&shown) != Some(name))
            .then(|| (shown, name, at.checked_add(MOMENT).unwrap_or(at)))
    });
    let change = |(shown, name, at): (String, &String, Timestamp)| Change::Event {
        key: event.key.clone(),
        update: Update {
            at,
            received_at: at,
            scope: Scope::Partial,
            fields: [(shown, Some(Value::from(name.as_str())))].into(),
        },
    };
    fields.map(change).collect()
}
