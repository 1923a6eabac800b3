//! Ids that answers gave out are facts: their customers keep them.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::apply::resolve_again;
use super::purge::reserve_ids;
use super::reserved_ids::invalidate_ids;
use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::given_ids::{GivenId, insert_given_ids, list_known_keys, list_showing};
use crate::storage::pool::{Connection, Pool};
use crate::storage::suppression_hashes::find_erased;
use crate::storage::suppressions::SuppressionHasher;
use crate::storage::write_transaction::{LOCK_TIMEOUT, begin_reading, try_begin};

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
    let mut reading = begin_reading(pool).await?;
    let known = list_known_keys(&mut reading, brand.id(), given.keys()).await?;
    reading.commit().await?;
    let new: Vec<(&RecordKey, &GivenId)> =
        given.iter().filter(|(key, _)| !known.contains(key)).collect();
    if new.is_empty() {
        return Ok(true);
    }
    let mut transaction = match try_begin(pool, brand.id(), LOCK_TIMEOUT).await {
        Err(error) if error.is_locked() => return Ok(false),
        begun => begun?,
    };
    let mut renamed = insert_given_ids(&mut transaction, brand.id(), &new).await?;
    renamed.extend(reserve_ids_of_erased(&mut transaction, brand, &new).await?);
    if !renamed.is_empty() {
        resolve_again(&mut transaction, brand, renamed).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// An answer gave out ids of persons who were erased before the ids were stored. They never come to mean somebody else
/// either. Returns the records of customers that show one.
async fn reserve_ids_of_erased(
    db: &mut Connection,
    brand: &Brand,
    given: &[(&RecordKey, &GivenId)],
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let hashes = given.iter().map(|(key, _)| hasher.record(key));
    let erased = find_erased(db, brand.id(), hashes).await?;
    let of_erased: Vec<(&str, Uuid)> = given
        .iter()
        .filter_map(|(key, given)| {
            Some((given.customer_id.as_str(), *erased.get(&hasher.record(key))?))
        })
        .collect();
    if of_erased.is_empty() {
        return Ok(BTreeSet::new());
    }
    reserve_ids(db, brand, of_erased.iter().copied()).await?;
    let ids: Vec<&str> = of_erased.iter().map(|(id, _)| *id).collect();
    // A cached lookup of the id may have found somebody else by the id of a record.
    invalidate_ids(db, brand, ids.iter().copied()).await?;
    list_showing(db, brand.id(), &ids).await
}

/// The record whose id an answer shows, if it is the customer's first record: its id alone, or with the name of its
/// source or kind. Another id was given out before, and is stored already.
#[must_use]
pub fn record_of(customer_key: &str, customer_id: &str) -> Option<RecordKey> {
    let key: RecordKey = customer_key.parse().ok()?;
    key.shown_ids().iter().any(|id| id == customer_id).then_some(key)
}
