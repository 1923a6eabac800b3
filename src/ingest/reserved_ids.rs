//! Ids that answers gave out for persons who are erased. The suppression list has their hashes, so that they never come
//! to mean somebody else.

use std::collections::BTreeSet;

use super::apply::resolve_again;
use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::brands::{list_keys_after, request_rederive, withdraw_rederive};
use crate::storage::invalidation::{Invalidation, LookupHash};
use crate::storage::listener::notify;
use crate::storage::pool::{Connection, Pool};
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};
use crate::storage::write_transaction::begin;

/// Records per page.
const PAGE: usize = 1_000;

/// The derivation of the customers that have a record with one of some ids: the suppression list has begun to name these
/// ids, or it no longer does. It is stored with that change, so that the service makes it good if it does not happen.
pub struct PendingDerivation {
    ids: BTreeSet<SuppressionHash>,
    /// Another derivation goes on too, and includes this one.
    is_included: bool,
}

impl PendingDerivation {
    /// Stores that customers have to be derived again.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn store(
        db: &mut Connection,
        brand: &Brand,
        ids: BTreeSet<SuppressionHash>,
    ) -> Result<Self, StorageError> {
        let is_included =
            ids.is_empty() || request_rederive(db, brand.id(), brand.rules.hash()).await?;
        Ok(Self { ids, is_included })
    }

    /// Derives the customers again.
    ///
    /// # Errors
    /// When Postgres fails. The service then does it at its next start.
    pub async fn derive(self, pool: &Pool, brand: &Brand) -> Result<(), StorageError> {
        if self.ids.is_empty() {
            return Ok(());
        }
        derive_again(pool, brand, &self.ids).await?;
        if !self.is_included {
            withdraw_rederive(pool, brand.id()).await?;
        }
        Ok(())
    }
}

/// Derives the customers again that have a record with one of some ids.
///
/// # Errors
/// When Postgres fails.
pub async fn derive_again(
    pool: &Pool,
    brand: &Brand,
    ids: &BTreeSet<SuppressionHash>,
) -> Result<(), StorageError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let named_ids = |key: &RecordKey| {
        let shown = key.shown_ids().into_iter();
        shown.filter(|id| ids.contains(&hasher.given_id(id))).collect::<Vec<String>>()
    };
    let mut after = String::new();
    loop {
        let keys = list_keys_after(pool, brand.id(), &after, PAGE).await?;
        let Some(last) = keys.last() else { return Ok(()) };
        after = last.to_string();
        let named: BTreeSet<RecordKey> =
            keys.into_iter().filter(|key| !named_ids(key).is_empty()).collect();
        if !named.is_empty() {
            let shown: Vec<String> = named.iter().flat_map(named_ids).collect();
            let mut transaction = begin(pool, brand.id()).await?;
            resolve_again(&mut transaction, brand, named).await?;
            // Also if no customer changes: a cached lookup of the id has to be made again.
            invalidate_ids(&mut transaction, brand, shown.iter().map(String::as_str)).await?;
            transaction.commit().await?;
        }
    }
}

/// Makes all replicas forget what they know about ids, when the transaction is committed.
///
/// # Errors
/// When Postgres fails.
pub(super) async fn invalidate_ids<'a>(
    db: &mut Connection,
    brand: &Brand,
    ids: impl Iterator<Item = &'a str>,
) -> Result<(), StorageError> {
    let hashes = ids.map(|id| LookupHash::of_id(&brand.secret, id)).collect();
    notify(db, &Invalidation { brand_id: brand.id(), hashes: Some(hashes) }).await
}
