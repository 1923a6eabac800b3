//! What was decided about some customers while a person looked at them.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::customer_summaries::{list_customers, list_owners};
use crate::storage::decisions::{DecisionRow, Which, list_decisions};
use crate::storage::person::list_identifiers;
use crate::storage::pool::Connection;

/// The newest decision about the customers of some records, or about their addresses, that was made or undone at that time
/// or later.
///
/// # Errors
/// If Postgres fails.
pub async fn decided_since(
    db: &mut Connection,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
    since: Timestamp,
) -> Result<Option<DecisionRow>, StorageError> {
    let owners = list_owners(db, brand.id(), records).await?.into_values().collect();
    let customers = list_customers(db, brand.id(), &owners).await?;
    let all = customers.into_iter().flat_map(|customer| customer.records);
    let all: BTreeSet<RecordKey> = all.chain(records.iter().cloned()).collect();
    let held = list_identifiers(db, brand.id(), &all).await?;
    let addresses = held
        .into_iter()
        .map(|held| held.identifier)
        .filter(|identifier| identifier.kind.is_address())
        .collect();
    let decisions = list_decisions(db, brand.id(), Which::About(&all, &addresses)).await?;
    let changed_at = |row: &DecisionRow| row.undone_at.unwrap_or(row.decided_at);
    let recent = decisions.into_iter().filter(|row| changed_at(row) >= since);
    Ok(recent.max_by_key(changed_at))
}
