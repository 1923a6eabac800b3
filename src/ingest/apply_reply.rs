//! Applies replies of a source's API through the one write path. Places that have only an id in the reply get
//! their name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::storage::pool::Pool;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::apply::{Applied, apply_changes_of_reply};
use super::place_names::{learn, names_of};
use super::unread_values::UnreadCounts;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::{Change, RecordKey};
use crate::customer::model::unread::unread_fields;
use crate::sources::api::{ApiRequest, MissingName, ParsedReply};
use crate::storage::StorageError;
use crate::storage::records::list_deleted;
use crate::upstream::{CallPriority, UpstreamClient};

/// Far longer than any reply needs from the request to the write. A stored time that is later must be an error.
const MOST_BETWEEN: SignedDuration = SignedDuration::from_hours(1);

/// Applies a reply. Unknown names of places are fetched. If that fails, the name is left out until a later
/// reply has it.
///
/// # Errors
/// When Postgres fails. No change about a person is stored then.
pub async fn apply_reply(
    pool: &Pool,
    account: &Arc<UpstreamClient>,
    priority: CallPriority,
    timeout: Duration,
    reply: &ParsedReply,
) -> Result<Applied, StorageError> {
    learn(pool, &account.brand, account.source, &reply.places).await?;
    let names = if reply.missing_names.is_empty() {
        BTreeMap::new()
    } else {
        names(pool, account, priority, timeout, &reply.missing_names).await?
    };
    // Only one transaction of a brand can write at a time. Those that wait must not occupy all connections.
    let _turn = account.turns().acquire().await;
    let mut changes = named(reply, &names);
    let deleted = list_deleted(pool, account.brand.id(), &reply.there).await?;
    changes.extend(revived(&changes, &deleted, reply.asked_at));
    let mut unread = UnreadCounts::default();
    let region = account.brand.rules.identity.region;
    changes
        .iter()
        .filter_map(Change::update)
        .for_each(|update| unread.add(account.source, &unread_fields(update, region)));
    changes.iter_mut().for_each(limit_receipt);
    let not_after = reply.asked_at.checked_add(MOST_BETWEEN).unwrap_or(reply.asked_at);
    let applied = apply_changes_of_reply(pool, &account.brand, changes, not_after).await?;
    // Values of an unchanged reply were counted when they first arrived.
    if applied.changed > 0 && !unread.is_empty() {
        unread.save(&mut *pool.acquire().await?, &account.brand).await?;
        unread.count(&account.brand);
    }
    Ok(applied)
}

/// Caps the time of receipt at one hour after the time of the value. Of two values with the same time, the one
/// received later wins. The same reply is read again and again, and with the cap it does not count as a new value
/// each time. One hour after a moment, the source no longer changes what it says about that moment.
const LATEST_RECEIPT: SignedDuration = SignedDuration::from_hours(1);

fn limit_receipt(change: &mut Change) {
    if let Change::Record { update, .. } | Change::Event { update, .. } = change
        && update.scope != Scope::Deletion
    {
        let latest = update.at.checked_add(LATEST_RECEIPT).unwrap_or(update.received_at);
        update.received_at = update.received_at.min(latest);
    }
}

/// Changes about records that are stored as deleted but are in the reply. They count from the time of the
/// request, however long ago the source last changed the record.
fn revived(changes: &[Change], deleted: &BTreeSet<RecordKey>, asked_at: Timestamp) -> Vec<Change> {
    let revive = |change: &Change| match change {
        Change::Record { key, update }
            if deleted.contains(key) && update.scope != Scope::Deletion =>
        {
            Some(Change::Record {
                key: key.clone(),
                update: Update { at: update.at.max(asked_at), ..update.clone() },
            })
        }
        _ => None,
    };
    changes.iter().filter_map(revive).collect()
}

/// Names of places. Unknown ones are fetched.
async fn names(
    pool: &Pool,
    account: &Arc<UpstreamClient>,
    priority: CallPriority,
    timeout: Duration,
    missing_names: &[MissingName],
) -> Result<BTreeMap<String, String>, StorageError> {
    let places: BTreeSet<&str> =
        missing_names.iter().map(|missing| missing.place.as_str()).collect();
    let mut names = names_of(pool, &account.brand, account.source, &places).await?;
    let asks: BTreeSet<&ApiRequest> = missing_names
        .iter()
        .filter(|missing| !names.contains_key(&missing.place))
        .map(|missing| &missing.ask)
        .collect();
    let answers = join_all(asks.into_iter().map(|ask| account.call(ask, priority, timeout))).await;
    for reply in answers.into_iter().flatten() {
        learn(pool, &account.brand, account.source, &reply.places).await?;
        names.extend(reply.places.iter().map(|place| (place.id.clone(), place.name.clone())));
    }
    Ok(names)
}

/// The changes of a reply, with the names of places filled in.
fn named(reply: &ParsedReply, names: &BTreeMap<String, String>) -> Vec<Change> {
    let mut changes = reply.changes.clone();
    for change in &mut changes {
        let Change::Event { key, update } = change else { continue };
        for missing in reply.missing_names.iter().filter(|missing| missing.event == *key) {
            if let Some(name) = names.get(&missing.place) {
                update.fields.insert(missing.field.to_owned(), Some(Value::from(name.as_str())));
            }
        }
    }
    changes
}
