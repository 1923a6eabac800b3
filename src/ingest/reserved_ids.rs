//! Ids that answers gave out for persons who are erased. The suppression list has their hashes, so that they never come
//! to mean somebody else.

use std::collections::BTreeSet;

use super::apply::resolve_again;
use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::brands::list_keys_after;
use crate::storage::pool::Pool;
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};
use crate::storage::write_transaction::begin;

/// Records per page.
const PAGE: usize = 1_000;

/// Derives the customers again that have a record with one of some ids. The suppression list has begun to name these
/// ids, or it no longer does.
///
/// # Errors
/// When Postgres fails.
pub async fn derive_again(
    pool: &Pool,
    brand: &Brand,
    ids: &BTreeSet<SuppressionHash>,
) -> Result<(), StorageError> {
    if ids.is_empty() {
        return Ok(());
    }
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let is_named =
        |key: &RecordKey| key.shown_ids().iter().any(|id| ids.contains(&hasher.given_id(id)));
    let mut after = String::new();
    loop {
        let keys = list_keys_after(pool, brand.id(), &after, PAGE).await?;
        let Some(last) = keys.last() else { return Ok(()) };
        after = last.to_string();
        let named: BTreeSet<RecordKey> = keys.into_iter().filter(is_named).collect();
        if !named.is_empty() {
            let mut transaction = begin(pool, brand.id()).await?;
            resolve_again(&mut transaction, brand, named).await?;
            transaction.commit().await?;
        }
    }
}
