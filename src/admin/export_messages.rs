//! Adds to an export how agents see each event.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::brand::Brand;
use crate::customer::model::event::Event;
use crate::customer::model::record::RecordKey;
use crate::lookup::query_customers::profile;
use crate::storage::StorageError;
use crate::storage::customer_summaries::list_owners;
use crate::storage::pool::Pool;

/// Adds the field `message` to the events of an export that an answer may show.
pub(super) async fn add_messages(
    pool: &Pool,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
    data: &mut Value,
) -> Result<(), StorageError> {
    let mut connection = pool.acquire().await?;
    let customers: BTreeSet<String> =
        list_owners(&mut connection, brand.id(), records).await?.into_values().collect();
    let Some(events) = data.get_mut("events").and_then(Value::as_array_mut) else { return Ok(()) };
    for customer in customers {
        let Some(profile) = profile(&mut connection, brand, &customer).await? else { continue };
        let own: BTreeSet<String> = profile.record_keys.iter().map(ToString::to_string).collect();
        let is_own = |row: &Value| {
            let record = row.get("record").and_then(Value::as_str);
            record.is_some_and(|record| own.contains(record))
        };
        let (rows, own): (Vec<&mut Value>, Vec<Event>) = events
            .iter_mut()
            .filter(|row| is_own(row))
            .filter_map(|row| event(row).map(|event| (row, event)))
            .filter(|(_, event)| brand.rules.presenter.rules().shows(event))
            .unzip();
        let items = brand.rules.presenter.items(&profile, &own);
        for (row, item) in rows.into_iter().zip(items) {
            let fields = row.as_object_mut().zip(item);
            fields.map(|(fields, item)| fields.insert("message".to_owned(), item.message.into()));
        }
    }
    Ok(())
}

/// The event of a row of an export, unless its source deleted it.
fn event(row: &Value) -> Option<Event> {
    row.get("live")?.as_bool().filter(|is_live| *is_live)?;
    let key = row.get("key")?.as_str()?.parse().ok()?;
    let versions = serde_json::from_value(row.get("state")?.clone()).ok()?;
    Some(Event { key, versions })
}
