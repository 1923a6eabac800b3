//! Erases a person, revokes an erasure, and exports the data about a person.

use std::collections::BTreeSet;

use serde_json::Value;

use super::audit::{Action, Attribution};
use super::erasure_reason::ErasureReason;
use super::export_messages::add_messages;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::counted::counted;
use crate::customer::model::record::RecordKey;
use crate::erasure::erase::{
    ErasureError, ErasureTarget, Progress, Receipt, erase, revoke_erasure,
};
use crate::erasure::export::export;
use crate::erasure::suppression_file::SuppressionFile;
use crate::storage::StorageError;
use crate::storage::audit_log::{ERASE, ERASED};
use crate::storage::person::{NamesakeRow, list_same_names};
use crate::storage::pool::Pool;

/// A completed erasure.
pub struct Erased {
    /// How much was deleted. It names nobody.
    pub receipt: Receipt,
    /// Records that were kept, although they have the same name and an address in common.
    pub namesakes: Vec<NamesakeRow>,
}

/// Erases the person with these records for good. The audit log keeps only the reason from the list, not a text.
///
/// # Errors
/// If the suppression file or Postgres fails.
pub async fn erase_customer(
    pool: &Pool,
    brand: &Brand,
    (suppressions, clock): (&SuppressionFile, &Clock),
    records: &BTreeSet<RecordKey>,
    (attribution, reason): (Attribution<'_>, Option<ErasureReason>),
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Erased, ErasureError> {
    let namesakes = list_same_names(&mut *pool.acquire().await?, brand.id(), records).await?;
    let attribution =
        Attribution { reason: reason.map_or("", ErasureReason::as_str), ..attribution };
    // The entry names no records: after an erasure, nothing may lead to the person.
    let action = Action::new(ERASE, counted(records.len(), "record", "records"));
    let entry = action.begin(pool, brand.id(), attribution, clock.now()).await?;
    let receipt = erase(pool, brand, suppressions, records, clock.now(), on_progress).await?;
    entry.end(&format!("{ERASED}{}", receipt.erasure_id)).await?;
    Ok(Erased { receipt, namesakes })
}

/// Revokes the erasures of a person: new data is accepted again. Returns how many erasures there were.
///
/// # Errors
/// If the suppression file or Postgres fails.
pub async fn revoke(
    pool: &Pool,
    brand: &Brand,
    (suppressions, clock): (&SuppressionFile, &Clock),
    target: &ErasureTarget,
    attribution: Attribution<'_>,
) -> Result<usize, ErasureError> {
    let action = Action::new("revoke erasure", String::new());
    let entry = action.begin(pool, brand.id(), attribution, clock.now()).await?;
    let revoked = revoke_erasure(pool, brand, suppressions, target, clock.now()).await?;
    entry.end(&format!("erasures: {revoked}")).await?;
    Ok(revoked)
}

/// All stored data about the person with these records, and how agents see each event.
///
/// # Errors
/// If Postgres fails.
pub async fn export_customer(
    pool: &Pool,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
    attribution: Attribution<'_>,
    clock: &Clock,
) -> Result<Value, StorageError> {
    let action = Action::new("export customer", String::new()).about_records(brand, records);
    action.begin(pool, brand.id(), attribution, clock.now()).await?.end("exported").await?;
    let mut data = export(pool, brand, records).await?;
    add_messages(pool, brand, records, &mut data).await?;
    Ok(data)
}
