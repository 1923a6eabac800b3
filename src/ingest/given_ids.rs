//! Ids that answers gave out are facts: their customers keep them.

use jiff::Timestamp;

use super::apply::resolve_again;
use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::changed_rows::stored_time;
use crate::storage::given_ids::insert_given_ids;
use crate::storage::pool::Pool;
use crate::storage::write_transaction::begin;

/// Stores ids that answers gave out, each with the record whose id it is. If a customer got another id meanwhile, it
/// gets the given one again.
///
/// # Errors
/// When Postgres fails. Nothing is stored then.
pub async fn store_given_ids(
    pool: &Pool,
    brand: &Brand,
    given: &[(RecordKey, String)],
    now: Timestamp,
) -> Result<(), StorageError> {
    let mut transaction = begin(pool, brand.id()).await?;
    let renamed = insert_given_ids(&mut transaction, brand.id(), given, stored_time(now)).await?;
    if !renamed.is_empty() {
        resolve_again(&mut transaction, brand, renamed).await?;
    }
    transaction.commit().await?;
    Ok(())
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
