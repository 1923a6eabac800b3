//! Writes a loaded batch: derives the customers, and stores facts and customers in one statement.

use super::batch::{Applied, ChangeBatch, report};
use super::derive::derive;
use super::difference::Touched;
use super::load::{LoadFrom, Loaded, LoadedComponent, load};
use super::oversized;
use super::resolve::LinkRestrictions;
use crate::brand::Brand;
use crate::storage::StorageError;
use crate::storage::pool::Connection;
use crate::storage::write_changes::write_changes;

/// Applies a batch that was already checked against the suppression list.
pub(crate) async fn apply_unsuppressed(
    db: &mut Connection,
    brand: &Brand,
    batch: &ChangeBatch,
) -> Result<Applied, StorageError> {
    if batch.is_empty() {
        return Ok(Applied::default());
    }
    let loaded = load(&mut LoadFrom { db, beside: None }, brand, batch).await?;
    write(db, brand, batch, loaded).await
}

/// Writes what a batch changes. It writes nothing if the batch changes nothing.
pub(crate) async fn write(
    db: &mut Connection,
    brand: &Brand,
    batch: &ChangeBatch,
    loaded: Loaded,
) -> Result<Applied, StorageError> {
    let LoadedComponent { known, after, .. } = loaded.component();
    if after.is_unchanged(batch) {
        return Ok(Applied::default());
    }
    let applied = Applied {
        changed: after.facts.changed_count(),
        different: after.different,
        stats_stale: known.stats_stale,
        wrote: true,
        ..Applied::default()
    };
    let touched = match loaded {
        Loaded::Whole(component) => write_whole(db, brand, &component).await?,
        Loaded::Oversized(component) => oversized::apply(db, brand, component).await?,
    };
    Ok(Applied { customers: touched.after.len(), touched, ..applied })
}

/// Returns the customers that differ.
async fn write_whole(
    db: &mut Connection,
    brand: &Brand,
    LoadedComponent { known, after, .. }: &LoadedComponent,
) -> Result<Touched, StorageError> {
    let (derived, touched) = derive(after, known, &LinkRestrictions::new(), brand);
    write_changes(db, (brand.id(), &brand.secret), &after.facts, &derived).await?;
    report(brand, derived.oversized, &derived.failed_templates);
    Ok(touched)
}
