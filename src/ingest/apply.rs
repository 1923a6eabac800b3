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
use super::batch::{Work, report};
use super::derive::{Reach, derive};
use super::load::{Gathered, Readers, gather};
use super::oversized;
use super::suppress::sift;
use crate::brand::Brand;
use crate::customer::model::record::Change;
use crate::storage::StorageError;
use crate::storage::write_changes::{analyze, begin, write_outcome};

/// Applies changes of one brand; either all of them, or none.
///
/// # Errors
/// When Postgres fails; nothing is changed then.
pub async fn apply(pool: &Pool, brand: &Brand, changes: Vec<Change>) -> Result<Applied, StorageError> {
    run(pool, brand, &Work::from(changes)).await
}

/// Applies what a source's API said, as [`apply`] does. What is stored with a later time than `not_after` can't be so, and gives way.
///
/// # Errors
/// When Postgres fails; nothing is changed then.
pub async fn apply_reply(pool: &Pool, brand: &Brand, changes: Vec<Change>, not_after: Timestamp) -> Result<Applied, StorageError> {
    run(pool, brand, &Work { not_after: Some(not_after), ..Work::from(changes) }).await
}

/// Does some work in a transaction of its own.
pub(crate) async fn run(pool: &Pool, brand: &Brand, work: &Work) -> Result<Applied, StorageError> {
    if work.is_empty() {
        return Ok(Applied::default());
    }
    let mut transaction = begin(pool, brand.id()).await?;
    let applied = run_within(Readers { db: &mut transaction, beside: Some(pool) }, brand, work).await?;
    if !applied.wrote {
        transaction.rollback().await?;
        return Ok(applied);
    }
    transaction.commit().await?;
    if applied.is_outgrown {
        look_again(pool).await;
    }
    Ok(applied)
}

/// Does some work inside a transaction that holds the brand's lock ([`begin`]) and has written nothing that matters here.
pub(crate) async fn run_within(mut from: Readers<'_>, brand: &Brand, work: &Work) -> Result<Applied, StorageError> {
    let look = look(&mut from, brand, work).await?;
    let db = from.db;
    if look.as_ref().is_none_or(|(gathered, _)| gathered.known.erased.is_empty()) {
        return write(db, brand, work, look).await;
    }
    let sifted = sift(db, brand, work).await?;
    let has_learned = sifted.enact(db, brand).await?;
    let applied = run_sifted(db, brand, &sifted.work).await?;
    Ok(Applied { wrote: applied.wrote || has_learned, erased: sifted.dropped, ..applied })
}

/// Does some work that the ledger of erasures has no say in any more.
pub(crate) async fn run_sifted(db: &mut Connection, brand: &Brand, work: &Work) -> Result<Applied, StorageError> {
    if work.is_empty() {
        return Ok(Applied::default());
    }
    let look = look(&mut Readers { db, beside: None }, brand, work).await?;
    write(db, brand, work, look).await
}

/// What is known around some work, and whether that is everything that hangs together with it.
async fn look(from: &mut Readers<'_>, brand: &Brand, work: &Work) -> Result<Option<(Gathered, bool)>, StorageError> {
    Ok(match gather(from, brand, work, true).await? {
        Some(gathered) => Some((gathered, true)),
        None => gather(from, brand, work, false).await?.map(|gathered| (gathered, false)),
    })
}

async fn write(db: &mut Connection, brand: &Brand, work: &Work, look: Option<(Gathered, bool)>) -> Result<Applied, StorageError> {
    let Some((gathered, is_whole)) = look.filter(|(gathered, _)| !gathered.after.is_nothing_new(work)) else { return Ok(Applied::default()) };
    let (changed, different, is_outgrown) = (gathered.after.facts.news(), gathered.after.different, gathered.known.is_outgrown);
    let customers = if is_whole {
        let derived = derive(&gathered.after, &gathered.known, &Reach::new(), brand);
        write_outcome(db, brand.id(), &gathered.after.facts, &derived).await?;
        report(brand, derived.oversized, &derived.failed_templates);
        derived.customers.len()
    } else {
        oversized::apply(db, brand, gathered).await?
    };
    Ok(Applied { changed, different, customers, erased: BTreeSet::new(), wrote: true, is_outgrown })
}

/// Has Postgres look at tables that have grown, so that statements are planned anew for them.
pub(crate) async fn look_again(pool: &Pool) {
    if let Err(error) = analyze(pool).await {
        // What was applied is applied.
        tracing::warn!(%error, "statements are not planned anew for tables that have grown");
    }
}
