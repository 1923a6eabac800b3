//! The one write path: changes in, customers and answers out, in one transaction per batch and brand.
//!
//! 1. The brand is locked, so that two replicas never resolve the same people at once.
//! 2. The changes are joined with what is known; what says nothing new ends here.
//! 3. Identifiers and shared values are brought up to date; whoever they touch, before or after, is a seed.
//! 4. The components of the seeds are loaded whole, resolved, merged, rendered and replaced (`derive`).
//! 5. Everything that could be looked up before or after is announced to the caches, with the commit.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{PgConnection, PgPool};

use super::derive;
use crate::brand::Brand;
use crate::customer::aliases::Aliases;
use crate::customer::event::{Event, EventKey};
use crate::customer::identifier::{Identifier, identifiers_of};
use crate::customer::kind::SourceKind;
use crate::customer::record::{Change, Record, RecordKey, SourceMerge};
use crate::customer::versions::{Update, Versions};
use crate::storage::records::IdentifierRow;
use crate::storage::{StorageError, brands, components, events, records};

/// What a batch did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// Records and events whose state changed, and merges that were news.
    pub changed: usize,
    /// Customers that were made anew.
    pub customers: usize,
}

/// Applies changes of one brand; either all of them, or none.
///
/// # Errors
/// When Postgres fails; nothing is changed then.
pub async fn apply(pool: &PgPool, brand: &Brand, changes: Vec<Change>) -> Result<Applied, StorageError> {
    let mut transaction = pool.begin().await?;
    brands::lock_brand(&mut transaction, brand.id()).await?;
    let batch = Batch::from(changes);
    let news = batch.write(&mut transaction, brand).await?;
    let customers = if news.seeds.is_empty() { 0 } else { derive::rederive(&mut transaction, brand, news.seeds).await? };
    transaction.commit().await?;
    Ok(Applied { changed: news.changed, customers })
}

/// Changes with repetitions already joined.
#[derive(Debug, Default)]
struct Batch {
    records: BTreeMap<RecordKey, Versions>,
    events: BTreeMap<EventKey, Versions>,
    merges: Vec<SourceMerge>,
}

impl From<Vec<Change>> for Batch {
    fn from(changes: Vec<Change>) -> Self {
        fn add<K: Ord>(to: &mut BTreeMap<K, Versions>, key: K, update: Update) {
            let said = Versions::from(update);
            match to.entry(key) {
                std::collections::btree_map::Entry::Vacant(vacant) => {
                    vacant.insert(said);
                }
                std::collections::btree_map::Entry::Occupied(mut known) => known.get_mut().join(said),
            }
        }
        let mut batch = Self::default();
        for change in changes {
            match change {
                Change::Record { key, update } => add(&mut batch.records, key, update),
                Change::Event { key, update } => add(&mut batch.events, key, update),
                Change::Merge(merge) if merge.loser != merge.winner => batch.merges.push(merge),
                Change::Merge(_) => {}
            }
        }
        batch
    }
}

/// What a batch brought.
#[derive(Debug, Default)]
struct News {
    changed: usize,
    seeds: BTreeSet<RecordKey>,
}

impl Batch {
    async fn write(self, db: &mut PgConnection, brand: &Brand) -> Result<News, StorageError> {
        let mut news = News::default();
        let merged = if self.merges.is_empty() { Vec::new() } else { records::upsert_merges(db, brand.id(), &self.merges).await? };
        news.changed += merged.len() / 2;
        news.seeds.extend(merged.iter().cloned());
        write_events(db, brand, self.events, &mut news).await?;
        write_records(db, brand, self.records, &merged, &mut news).await?;
        Ok(news)
    }
}

/// What is known together with what is said; `None` when that is nothing new.
fn joined(known: Option<&Versions>, said: Versions) -> Option<Versions> {
    let Some(known) = known else { return Some(said) };
    let mut both = known.clone();
    both.join(said);
    (both != *known).then_some(both)
}

/// An event touches the record it hangs on, and the one that it hung on before.
async fn write_events(db: &mut PgConnection, brand: &Brand, said: BTreeMap<EventKey, Versions>, news: &mut News) -> Result<(), StorageError> {
    if said.is_empty() {
        return Ok(());
    }
    let keys: Vec<EventKey> = said.keys().cloned().collect();
    let mut known = events::list_events(db, brand.id(), &keys).await?;
    let mut changed: Vec<Event> = Vec::new();
    for (key, versions) in said {
        let before = known.remove(&key);
        let Some(versions) = joined(before.as_ref().map(|event| &event.versions), versions) else { continue };
        let event = Event { key, versions };
        news.seeds.extend(before.and_then(|event| event.record()));
        news.seeds.extend(event.record());
        changed.push(event);
    }
    news.changed += changed.len();
    if changed.is_empty() { Ok(()) } else { events::upsert_events(db, brand.id(), &changed.iter().collect::<Vec<_>>()).await }
}

/// A record touches everybody it hung or hangs together with, and whoever bears the same id in another kind.
async fn write_records(
    db: &mut PgConnection,
    brand: &Brand,
    said: BTreeMap<RecordKey, Versions>,
    merged: &[RecordKey],
    news: &mut News,
) -> Result<(), StorageError> {
    // A merge can change who in its chain is an alias, also at the far end.
    let chained: BTreeSet<RecordKey> =
        derive::chain(db, brand, merged.to_vec()).await?.into_iter().flat_map(|merge| [merge.loser, merge.winner]).collect();
    let keys: BTreeSet<RecordKey> = said.keys().chain(&chained).cloned().collect();
    if keys.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let mut known = records::list_records(db, brand.id(), &texts).await?;
    let mut changed: Vec<Record> = Vec::new();
    for (key, versions) in said {
        // What says nothing new stays known: a merge may still change what its identifiers say.
        if let Some(versions) = joined(known.get(&key).map(|record| &record.versions), versions) {
            known.remove(&key);
            changed.push(Record { key, versions });
        }
    }
    news.changed += changed.len();
    if !changed.is_empty() {
        records::upsert_records(db, brand.id(), &changed.iter().collect::<Vec<_>>()).await?;
    }
    let affected: Vec<&Record> = changed.iter().chain(chained.iter().filter_map(|key| known.get(key))).collect();
    let affected_keys: Vec<String> = affected.iter().map(|record| record.key.to_string()).collect();
    if affected.is_empty() {
        return Ok(());
    }
    let aliases = Aliases::new(&derive::chain(db, brand, affected.iter().map(|record| record.key.clone()).collect()).await?);
    let rows: Vec<IdentifierRow> = affected.iter().flat_map(|record| identifier_rows(record, brand, aliases.is_loser(&record.key))).collect();
    let before = records::replace_identifiers(db, brand.id(), &affected_keys, &rows).await?;
    let mut values: BTreeSet<Identifier> = before.into_iter().collect();
    values.extend(rows.into_iter().map(|row| row.identifier));
    let flipped = components::update_shared_values(db, brand.id(), &values, &brand.rules.identity).await?;
    news.seeds.extend(affected.iter().map(|record| record.key.clone()));
    news.seeds.extend(values.iter().filter_map(Identifier::referred_record));
    news.seeds.extend(components::list_linked_holders(db, brand.id(), &values).await?);
    if !flipped.is_empty() {
        news.seeds.extend(components::list_holders(db, brand.id(), &flipped).await?);
    }
    for record in &affected {
        news.seeds.extend(SourceKind::ALL.into_iter().filter_map(|kind| RecordKey::new(kind, &record.key.id)));
    }
    Ok(())
}

/// What a record is found by; nothing once it is deleted.
fn identifier_rows(record: &Record, brand: &Brand, is_loser: bool) -> Vec<IdentifierRow> {
    if !record.versions.is_live() {
        return Vec::new();
    }
    let name_key = record.name().folded().key();
    let rules = &brand.rules.identity;
    let row = |identifier: Identifier| IdentifierRow {
        record: record.key.clone(),
        links: !is_loser && !rules.blocklist.blocks(&identifier),
        identifier,
        name_key: name_key.clone(),
    };
    identifiers_of(record, rules.region).into_iter().map(row).collect()
}
