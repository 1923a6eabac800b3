//! Finds the customers that an erasure or an export may be about, with their records.

use std::collections::BTreeSet;

use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::erasure::erase::ErasureTarget;
use crate::lookup::query::Question;
use crate::lookup::query_customers::{ReadRules, find_keys};
use crate::storage::StorageError;
use crate::storage::customer_summaries::list_owners;
use crate::storage::customers::{FoundCustomer, find_customer, find_owner};
use crate::storage::person::list_remains;
use crate::storage::pool::{Connection, Pool};

/// A customer that matches.
pub struct Match {
    /// The customer's key.
    pub key: String,
    /// The customer id, as answers show it.
    pub customer_id: String,
    /// The customer's records.
    pub records: BTreeSet<RecordKey>,
}

/// Finds the customers by an address, by a customer id, or by the key of a record.
///
/// # Errors
/// If Postgres fails.
pub async fn find_customers(
    pool: &Pool,
    brand: &Brand,
    question: &Question,
    rules: ReadRules,
) -> Result<Vec<Match>, StorageError> {
    let mut connection = pool.acquire().await?;
    let mut found = Vec::new();
    for key in customer_keys(&mut connection, brand, question, rules).await? {
        if let Some(FoundCustomer { customer_id, record_keys, .. }) =
            find_customer(&mut connection, brand.id(), &key).await?
        {
            let records = record_keys.iter().filter_map(|key| key.parse().ok()).collect();
            found.push(Match { key, customer_id, records });
        }
    }
    Ok(found)
}

/// The keys of the customers that match.
pub(super) async fn customer_keys(
    db: &mut Connection,
    brand: &Brand,
    question: &Question,
    rules: ReadRules,
) -> Result<Vec<String>, StorageError> {
    match record_key(question) {
        Some(record) => Ok(find_owner(db, brand.id(), &record).await?.into_iter().collect()),
        None => find_keys(db, brand, question, rules).await,
    }
}

/// The record key in a question, if it is one.
fn record_key(question: &Question) -> Option<RecordKey> {
    match question {
        Question::Id(id) => id.parse().ok(),
        Question::Address(_) => None,
    }
}

/// The same question, or the customer id if the question is the key of a record, as explanations show it.
///
/// # Errors
/// If Postgres fails.
pub async fn by_customer_id(
    pool: &Pool,
    brand: &Brand,
    question: Question,
    rules: ReadRules,
) -> Result<Question, StorageError> {
    if record_key(&question).is_none() {
        return Ok(question);
    }
    let found = find_customers(pool, brand, &question, rules).await?;
    Ok(found.into_iter().next().map_or(question, |found| Question::Id(found.customer_id)))
}

/// Finds data that is left of deleted records: if their source deleted them, their events may still be stored. A record
/// that a customer has is none of them: if the id does not find that customer, the id means somebody else.
///
/// # Errors
/// If Postgres fails.
pub async fn find_remains(
    pool: &Pool,
    brand: &Brand,
    question: &Question,
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let candidates = record_key(question)
        .map_or_else(|| erasure_target(question).record_keys(), |record| [record].into());
    let mut connection = pool.acquire().await?;
    let left = without_owner(&mut connection, brand, candidates).await?;
    list_remains(&mut connection, brand.id(), &left).await
}

/// Those of some records that no customer has.
pub(super) async fn without_owner(
    db: &mut Connection,
    brand: &Brand,
    mut records: BTreeSet<RecordKey>,
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let owned = list_owners(db, brand.id(), &records).await?;
    records.retain(|record| !owned.contains_key(record));
    Ok(records)
}

/// The person that a question is about, for the suppression list.
#[must_use]
pub fn erasure_target(question: &Question) -> ErasureTarget {
    match question {
        Question::Address(address) => ErasureTarget::Address(address.clone()),
        Question::Id(id) => ErasureTarget::Id(id.clone()),
    }
}
