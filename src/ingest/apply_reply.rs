//! Taking in what a source's API said: everything goes through the one write path, and what only has a place's id gets its name.

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
use crate::sources::api::{Ask, MissingName, ParsedReply};
use crate::storage::StorageError;
use crate::storage::records::list_gone;
use crate::upstream::{CallPriority, UpstreamClient};

/// Far more than lies between a question and the taking in of its answer: what is stored with a later time is a mistake.
const MOST_BETWEEN: SignedDuration = SignedDuration::from_hours(1);

/// Applies what was heard. Names of places that aren't known are asked for; one that can't be had now is left out, until somebody
/// hears it.
///
/// # Errors
/// When Postgres fails; nothing of what was said about people is changed then.
pub async fn apply_reply(
    pool: &Pool,
    account: &Arc<UpstreamClient>,
    priority: CallPriority,
    timeout: Duration,
    heard: &ParsedReply,
) -> Result<Applied, StorageError> {
    learn(pool, &account.brand, account.source, &heard.places).await?;
    let names = if heard.unnamed.is_empty() { BTreeMap::new() } else { names(pool, account, (priority, timeout), &heard.unnamed).await? };
    // Only one of a brand gets to write at a time: those that wait for it must not take every connection.
    let _turn = account.turns().acquire().await;
    let mut changes = named(heard, &names);
    let gone = list_gone(pool, account.brand.id(), &heard.there).await?;
    changes.extend(revived(&changes, &gone, heard.asked_at));
    let mut unread = UnreadCounts::default();
    let region = account.brand.rules.identity.region;
    changes.iter().filter_map(Change::update).for_each(|update| unread.add(account.source, &unread_fields(update, region)));
    changes.iter_mut().for_each(limit_receipt);
    let not_after = heard.asked_at.checked_add(MOST_BETWEEN).unwrap_or(heard.asked_at);
    let applied = apply_changes_of_reply(pool, &account.brand, changes, not_after).await?;
    // What was said again, and was known, was counted when it came.
    if applied.changed > 0 && !unread.is_empty() {
        unread.save(&mut *pool.acquire().await?, &account.brand).await?;
        unread.count(&account.brand);
    }
    Ok(applied)
}

/// Between two words with the same time the later receipt counts. An answer is read again and again: how much later than this it
/// was received doesn't count, so that what is read once more says nothing new. By then the source can't change what it says of
/// that moment.
const LATEST_RECEIPT: SignedDuration = SignedDuration::from_hours(1);

fn limit_receipt(change: &mut Change) {
    if let Change::Record { update, .. } | Change::Event { update, .. } = change
        && update.scope != Scope::Deletion
    {
        let latest = update.at.checked_add(LATEST_RECEIPT).unwrap_or(update.received_at);
        update.received_at = update.received_at.min(latest);
    }
}

/// Who was taken for gone, and is there all the same: what is said of them is so at the time of asking, however long ago the
/// source last changed it.
fn revived(changes: &[Change], gone: &BTreeSet<RecordKey>, asked_at: Timestamp) -> Vec<Change> {
    let revive = |change: &Change| match change {
        Change::Record { key, update } if gone.contains(key) && update.scope != Scope::Deletion => {
            Some(Change::Record { key: key.clone(), update: Update { at: update.at.max(asked_at), ..update.clone() } })
        }
        _ => None,
    };
    changes.iter().filter_map(revive).collect()
}

/// The names of the places, asked for where they aren't known yet.
async fn names(
    pool: &Pool,
    account: &Arc<UpstreamClient>,
    (priority, timeout): (CallPriority, Duration),
    unnamed: &[MissingName],
) -> Result<BTreeMap<String, String>, StorageError> {
    let places: BTreeSet<&str> = unnamed.iter().map(|unnamed| unnamed.place.as_str()).collect();
    let mut names = names_of(pool, &account.brand, account.source, &places).await?;
    let asks: BTreeSet<&Ask> = unnamed.iter().filter(|unnamed| !names.contains_key(&unnamed.place)).map(|unnamed| &unnamed.ask).collect();
    let answers = join_all(asks.into_iter().map(|ask| account.call(ask, priority, timeout))).await;
    for heard in answers.into_iter().flatten() {
        learn(pool, &account.brand, account.source, &heard.places).await?;
        names.extend(heard.places.iter().map(|place| (place.id.clone(), place.name.clone())));
    }
    Ok(names)
}

/// What was said, with the names of the places.
fn named(heard: &ParsedReply, names: &BTreeMap<String, String>) -> Vec<Change> {
    let mut changes = heard.changes.clone();
    for change in &mut changes {
        let Change::Event { key, update } = change else { continue };
        for unnamed in heard.unnamed.iter().filter(|unnamed| unnamed.event == *key) {
            if let Some(name) = names.get(&unnamed.place) {
                update.fields.insert(unnamed.field.to_owned(), Some(Value::from(name.as_str())));
            }
        }
    }
    changes
}
