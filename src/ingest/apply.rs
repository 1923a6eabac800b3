//! The one write path: changes go in, customers and answers come out, in one transaction for each batch and
//! brand.
//!
//! 1. Lock the brand, so that two replicas never resolve the same people at once.
//! 2. Load everything that is connected with the batch (`load`), and compute its next state (`next_state`).
//! 3. Derive the customers, without a database (`derive`).
//! 4. Write facts, customers, answers and the notification for the caches in one statement (`write`).
//!
//! Step 2 also says whether the suppression list names anything in the batch. Only then are the changes about
//! erased persons taken out (`suppress`), what is stored about them deleted (`purge`), and step 2 repeated with
//! the rest. All of that happens under the same lock.
//!
//! This makes four round trips, whatever the tables hold. A fifth is needed if the first load shows that more
//! is affected: a value that is no longer shared affects its other holders, and an id that another system also
//! uses needs a qualifier. Only components near the cap take a longer way (`oversized`).

use std::collections::BTreeSet;

use jiff::Timestamp;

pub use super::batch::Applied;
use super::batch::ChangeBatch;
use super::component_parts::{Linking, Parts};
use super::load::{LoadFrom, load};
use super::suppress::{Suppressed, suppress};
use super::write::{apply_unsuppressed, write};
use crate::brand::Brand;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Change, RecordKey};
use crate::storage::StorageError;
use crate::storage::oversized_components::Node;
use crate::storage::person::list_identifiers;
use crate::storage::pool::{Connection, Pool};
use crate::storage::statistics::analyze;
use crate::storage::write_transaction::begin;

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
    let batch = ChangeBatch { not_after: Some(not_after), ..ChangeBatch::from(changes) };
    run(pool, brand, &batch).await
}

/// Applies a batch in its own transaction.
pub(crate) async fn run(
    pool: &Pool,
    brand: &Brand,
    batch: &ChangeBatch,
) -> Result<Applied, StorageError> {
    if batch.is_empty() {
        return Ok(Applied::default());
    }
    let mut transaction = begin(pool, brand.id()).await?;
    let from = LoadFrom { db: &mut transaction, beside: Some(pool) };
    let applied = apply_in(from, brand, batch).await?;
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
    batch: &ChangeBatch,
) -> Result<Applied, StorageError> {
    let loaded = load(&mut from, brand, batch).await?;
    let db = from.db;
    if !loaded.names_erased_person() {
        return write(db, brand, batch, loaded).await;
    }
    let Suppressed { keep, dropped, purge } = suppress(db, brand, batch).await?;
    let purged = purge.run(db, brand).await?;
    let applied = apply_unsuppressed(db, brand, &keep).await?;
    Ok(Applied { wrote: applied.wrote || purged, erased: dropped, ..applied })
}

/// All records whose customers a decision about some records may change: those in their components, as they are before
/// the decision. Afterwards a component may be above the cap, or no longer, so that other links count in all of it.
///
/// # Errors
/// When Postgres fails.
pub(crate) async fn records_around(
    db: &mut Connection,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let held = list_identifiers(db, brand.id(), records).await?;
    let values = held.into_iter().map(|held| held.identifier).filter(Identifier::could_link);
    let nodes = values.map(Node::Value).chain(records.iter().cloned().map(Node::Record)).collect();
    let parts = Parts::find(db, brand, &nodes, &Linking::default()).await?;
    Ok(records.iter().chain(parts.records()).cloned().collect())
}

/// Derives the customers of some records again, inside a transaction that holds the brand's lock: what people decided
/// about them has changed.
///
/// # Errors
/// When Postgres fails.
pub(crate) async fn resolve_again(
    db: &mut Connection,
    brand: &Brand,
    records: BTreeSet<RecordKey>,
) -> Result<Applied, StorageError> {
    let batch = ChangeBatch { re_resolve: records, is_filtered: true, ..ChangeBatch::default() };
    apply_unsuppressed(db, brand, &batch).await
}

/// Runs ANALYZE on tables that have grown, so that Postgres plans statements with current statistics.
pub(crate) async fn analyze_if_grown(pool: &Pool) {
    if let Err(error) = analyze(pool).await {
        // The batch is already committed, so a failure here is only logged.
        tracing::warn!(%error, "ANALYZE failed; query plans may be outdated");
    }
}
