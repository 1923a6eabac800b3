//! The one write path: changes go in, customers and answers come out, in one transaction for each batch and
//! brand.
//!
//! 1. Lock the brand, so that two replicas never resolve the same people at once.
//! 2. Load everything that is connected with the batch (`storage::load_component`).
//! 3. Compute the result without a database: what changes (`next_state`), and which customers differ
//!    (`derive`).
//! 4. Write facts, customers, answers and the notification for the caches in one statement
//!    (`storage::write_changes`).
//!
//! Changes about an erased person are dropped in between, under the same lock (`suppress`). Step 2 also says
//! whether the suppression list names anything in the batch. Only then are steps 2 and 3 repeated with the
//! rest.
//!
//! This makes four round trips, whatever the tables hold. A fifth is needed if the first load shows that more
//! is affected: a value that is no longer shared affects its other holders, and an id that another system also
//! uses needs a qualifier. Only components near the cap take a longer way (`oversized`).

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

/// Applies changes of one brand: either all of them, or none.
///
/// # Errors
/// When Postgres fails. Nothing is changed then.
pub async fn apply(
    pool: &Pool,
    brand: &Brand,
    changes: Vec<Change>,
) -> Result<Applied, StorageError> {
    run(pool, brand, &ChangeBatch::from(changes)).await
}

/// Applies the changes of an API reply, as [`apply`] does. A stored time after `not_after` must be an error, so
/// the reply replaces the value.
///
/// # Errors
/// When Postgres fails. Nothing is changed then.
pub async fn apply_changes_of_reply(
    pool: &Pool,
    brand: &Brand,
    changes: Vec<Change>,
    not_after: Timestamp,
) -> Result<Applied, StorageError> {
    run(pool, brand, &ChangeBatch { not_after: Some(not_after), ..ChangeBatch::from(changes) })
        .await
}

/// Applies a batch in its own transaction.
pub(crate) async fn run(
    pool: &Pool,
    brand: &Brand,
    work: &ChangeBatch,
) -> Result<Applied, StorageError> {
    if work.is_empty() {
        return Ok(Applied::default());
    }
    let mut transaction = begin(pool, brand.id()).await?;
    let applied =
        apply_in(LoadFrom { db: &mut transaction, beside: Some(pool) }, brand, work).await?;
    if !applied.wrote {
        transaction.rollback().await?;
        return Ok(applied);
    }
    transaction.commit().await?;
    if applied.stats_stale {
        analyze_if_grown(pool).await;
    }
    Ok(applied)
}

/// Applies a batch inside a transaction that holds the brand's lock ([`begin`]) and has written nothing that
/// matters here.
pub(crate) async fn apply_in(
    mut from: LoadFrom<'_>,
    brand: &Brand,
    work: &ChangeBatch,
) -> Result<Applied, StorageError> {
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

/// Applies a batch that was already checked against the suppression list.
pub(crate) async fn apply_unsuppressed(
    db: &mut Connection,
    brand: &Brand,
    work: &ChangeBatch,
) -> Result<Applied, StorageError> {
    if work.is_empty() {
        return Ok(Applied::default());
    }
    let resolve = resolve(&mut LoadFrom { db, beside: None }, brand, work).await?;
    write(db, brand, work, resolve).await
}

/// Loads what is connected with a batch. The flag says whether the whole component was loaded.
async fn resolve(
    from: &mut LoadFrom<'_>,
    brand: &Brand,
    work: &ChangeBatch,
) -> Result<Option<(LoadedComponent, bool)>, StorageError> {
    Ok(match load(from, brand, work, true).await? {
        Some(loaded) => Some((loaded, true)),
        None => load(from, brand, work, false).await?.map(|loaded| (loaded, false)),
    })
}

async fn write(
    db: &mut Connection,
    brand: &Brand,
    work: &ChangeBatch,
    resolve: Option<(LoadedComponent, bool)>,
) -> Result<Applied, StorageError> {
    let Some((loaded, is_whole)) = resolve.filter(|(loaded, _)| !loaded.after.is_unchanged(work))
    else {
        return Ok(Applied::default());
    };
    let (changed, different, stats_stale) =
        (loaded.after.facts.changed_count(), loaded.after.different, loaded.known.stats_stale);
    let customers = if is_whole {
        let derived = derive(&loaded.after, &loaded.known, &LinkRestrictions::new(), brand);
        write_changes(db, brand.id(), &loaded.after.facts, &derived).await?;
        report(brand, derived.oversized, &derived.failed_templates);
        derived.customers.len()
    } else {
        oversized::apply(db, brand, loaded).await?
    };
    Ok(Applied { changed, different, customers, erased: BTreeSet::new(), wrote: true, stats_stale })
}

/// Runs ANALYZE on tables that have grown, so that Postgres plans statements with current statistics.
pub(crate) async fn analyze_if_grown(pool: &Pool) {
    if let Err(error) = analyze(pool).await {
        // The batch is already committed, so a failure here is only logged.
        tracing::warn!(%error, "ANALYZE failed; query plans may be outdated");
    }
}
