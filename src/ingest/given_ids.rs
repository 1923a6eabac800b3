//! Ids that answers gave out are facts: their customers keep them.

use std::collections::BTreeMap;

use super::apply::resolve_again;
use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::given_ids::{GivenId, insert_given_ids, list_known_keys};
use crate::storage::pool::Pool;
use crate::storage::write_transaction::{LOCK_TIMEOUT, try_begin};

/// Stores ids that answers gave out, each with the record whose id it is, unless they are stored already. If a customer
/// got another id meanwhile, it gets the given one again. False if another writer of the brand is at work: try again.
///
/// # Errors
/// When Postgres fails. Nothing is stored then.
pub async fn store_given_ids(
    pool: &Pool,
    brand: &Brand,
    given: &BTreeMap<RecordKey, GivenId>,
) -> Result<bool, StorageError> {
    let known = list_known_keys(pool, brand.id(), given.keys()).await?;
    let new: Vec<(&RecordKey, &GivenId)> =
        given.iter().filter(|(key, _)| !known.contains(key)).collect();
    if new.is_empty() {
        return Ok(true);
    }
    let mut transaction = match try_begin(pool, brand.id(), LOCK_TIMEOUT).await {
        Err(error) if error.is_locked() => return Ok(false),
        begun => begun?,
    };
    let renamed = insert_given_ids(&mut transaction, brand.id(), &new).await?;
    if !renamed.is_empty() {
        resolve_again(&mut transaction, brand, renamed).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// The record whose id an answer shows, if it is the customer's first record: its id alone, or with the name of its
/// source or kind. Another id was given out before, and is stored already.
#[must_use]
pub fn record_of(customer_key: &str, customer_id: &str) -> Option<RecordKey> {
    let key: RecordKey = customer_key.parse().ok()?;
    let kind = key.kind;
    let shown = [kind.source().as_str(), kind.as_str()].map(|name| format!("{name}:{}", key.id));
    (customer_id == key.id || shown.iter().any(|id| id == customer_id)).then_some(key)
}
