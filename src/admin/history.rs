//! What people decided and did about a customer.

use std::collections::BTreeSet;

use crate::brand::Brand;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::audit_log::{ActionRow, list_audit_about};
use crate::storage::decisions::{DecisionRow, Which, list_decisions};
use crate::storage::person::list_identifiers;
use crate::storage::pool::Connection;
use crate::storage::suppressions::SuppressionHasher;

/// What people decided and did about a customer. It is personal data, so it does not implement `Debug`.
pub struct History {
    /// Decisions about its records and addresses, also undone ones, the newest first.
    pub decisions: Vec<DecisionRow>,
    /// The newest audit entries about its records and addresses, the newest first.
    pub actions: Vec<ActionRow>,
}

/// The history of the customer with these records, with so many audit entries at most.
///
/// # Errors
/// If Postgres fails.
pub async fn history(
    db: &mut Connection,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
    most_actions: i64,
) -> Result<History, StorageError> {
    let held = list_identifiers(db, brand.id(), records).await?;
    let addresses: BTreeSet<Identifier> = held
        .into_iter()
        .map(|held| held.identifier)
        .filter(|identifier| identifier.kind.is_address())
        .collect();
    let decisions = list_decisions(db, brand.id(), Which::About(records, &addresses)).await?;
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let subjects = records
        .iter()
        .map(|record| hasher.record(record))
        .chain(addresses.iter().map(|address| hasher.shared(address)))
        .collect();
    let actions = list_audit_about(db, brand.id(), &subjects, most_actions).await?;
    Ok(History { decisions, actions })
}
