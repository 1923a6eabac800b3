//! The one write path: changes in, customers and answers out, in one transaction per batch and brand.
//!
//! 1. The brand is locked, so that two replicas never resolve the same people at once.
//! 2. Everything that hangs together with what is said is read (`storage::neighbourhood`).
//! 3. What that comes to is decided here, without a database: what is news (`after`), and which customers differ (`derive`).
//! 4. Facts, customers and answers are written, and the caches told, with the commit (`storage::outcome`).
//!
//! What is about somebody erased is dropped in between, under the same lock (`erasure::sieve`): the second step also says
//! whether the ledger names anything of it, and only then is it looked at again.
//!
//! That makes four round trips, whatever the tables hold. A fifth is needed where a first look shows that more is
//! touched: a value that ceases to be shared frees its other holders, and an id that another system uses as well must be
//! told apart from then on. Only what hangs together in numbers near the cap takes the longer way (`capped`).

use std::collections::BTreeSet;

use crate::storage::pool::{Connection, Pool};
use jiff::Timestamp;

pub use super::batch::Applied;
use super::batch::{ChangeBatch, report};
use super::derive::{LinkRestrictions, derive};
use super::load::{LoadFrom, LoadedComponent, load};
use super::oversized;
use super::suppress::filter;
use crate::brand::Brand;
use crate::customer::model::record::Change;
use crate::storage::StorageError;
use crate::storage::write_changes::{analyze, begin, write_changes};

/// Applies changes of one brand; either all of them, or none.
///
/// # Errors
/// When Postgres fails; nothing is changed then.
pub async fn apply(pool: &Pool, brand: &Brand, changes: Vec<Change>) -> Result<Applied, StorageError> {
    run(pool, brand, &ChangeBatch::from(changes)).await
}

/// Applies what a source's API said, as [`apply`] does. What is stored with a later time than `not_after` can't be so, and gives way.
///
/// # Errors
/// When Postgres fails; nothing is changed then.
pub async fn apply_changes_of_reply(pool: &Pool, brand: &Brand, changes: Vec<Change>, not_after: Timestamp) -> Result<Applied, StorageError> {
    run(pool, brand, &ChangeBatch { not_after: Some(not_after), ..ChangeBatch::from(changes) }).await
}

/// Does some work in a transaction of its own.
pub(crate) async fn run(pool: &Pool, brand: &Brand, work: &ChangeBatch) -> Result<Applied, StorageError> {
    if work.is_empty() {
        return Ok(Applied::default());
    }
    let mut transaction = begin(pool, brand.id()).await?;
    let applied = apply_in(LoadFrom { db: &mut transaction, beside: Some(pool) }, brand, work).await?;
    if !applied.wrote {
        transaction.rollback().await?;
        return Ok(applied);
    }
    transaction.commit().await?;
    if applied.is_outgrown {
        analyze_if_grown(pool).await;
    }
    Ok(applied)
}

/// Does some work inside a transaction that holds the brand's lock ([`begin`]) and has written nothing that matters here.
pub(crate) async fn apply_in(mut from: LoadFrom<'_>, brand: &Brand, work: &ChangeBatch) -> Result<Applied, StorageError> {
    let resolve = resolve(&mut from, brand, work).await?;
    let db = from.db;
    if resolve.as_ref().is_none_or(|(loaded, _)| loaded.known.erased.is_empty()) {
        return write(db, brand, work, resolve).await;
    }
    let filtered = filter(db, brand, work).await?;
    let has_learned = filtered.apply_suppressions(db, brand).await?;
    let applied = apply_unsuppressed(db, brand, &filtered.work).await?;
    Ok(Applied { wrote: applied.wrote || has_learned, erased: filtered.dropped, ..applied })
}

/// Does some work that the ledger of erasures has no say in any more.
pub(crate) async fn apply_unsuppressed(db: &mut Connection, brand: &Brand, work: &ChangeBatch) -> Result<Applied, StorageError> {
    if work.is_empty() {
        return Ok(Applied::default());
    }
    let resolve = resolve(&mut LoadFrom { db, beside: None }, brand, work).await?;
    write(db, brand, work, resolve).await
}

/// What is known around some work, and whether that is everything that hangs together with it.
async fn resolve(from: &mut LoadFrom<'_>, brand: &Brand, work: &ChangeBatch) -> Result<Option<(LoadedComponent, bool)>, StorageError> {
    Ok(match load(from, brand, work, true).await? {
        Some(loaded) => Some((loaded, true)),
        None => load(from, brand, work, false).await?.map(|loaded| (loaded, false)),
    })
}

async fn write(db: &mut Connection, brand: &Brand, work: &ChangeBatch, resolve: Option<(LoadedComponent, bool)>) -> Result<Applied, StorageError> {
    let Some((loaded, is_whole)) = resolve.filter(|(loaded, _)| !loaded.after.is_nothing_new(work)) else { return Ok(Applied::default()) };
    let (changed, different, is_outgrown) = (loaded.after.facts.news(), loaded.after.different, loaded.known.is_outgrown);
    let customers = if is_whole {
        let derived = derive(&loaded.after, &loaded.known, &LinkRestrictions::new(), brand);
        write_changes(db, brand.id(), &loaded.after.facts, &derived).await?;
        report(brand, derived.oversized, &derived.failed_templates);
        derived.customers.len()
    } else {
        oversized::apply(db, brand, loaded).await?
    };
    Ok(Applied { changed, different, customers, erased: BTreeSet::new(), wrote: true, is_outgrown })
}

/// Has Postgres look at tables that have grown, so that statements are planned anew for them.
pub(crate) async fn analyze_if_grown(pool: &Pool) {
    if let Err(error) = analyze(pool).await {
        // What was applied is applied.
        tracing::warn!(%error, "statements are not planned anew for tables that have grown");
    }
}
