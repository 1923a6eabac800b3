//! Customers, which are derived from records.

use std::collections::BTreeSet;

use super::pool::Connection;
use super::records::texts;

use super::StorageError;
use crate::customer::identity::source_merges::Aliases;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{RecordKey, SourceMerge};
use crate::customer::model::source::SourceKind;

/// A stored customer, without its addresses.
#[derive(sqlx::FromRow)]
pub struct FoundCustomer {
    /// Its id in answers.
    pub customer_id: String,
    /// The evidence that joins its records.
    pub matched_by: String,
    /// All its record keys.
    pub record_keys: Vec<String>,
}

/// A customer by its key; `None` if it does not exist (any more).
///
/// # Errors
/// When Postgres fails.
pub async fn find_customer(
    db: &mut Connection,
    brand_id: i32,
    customer_key: &str,
) -> Result<Option<FoundCustomer>, StorageError> {
    let found = sqlx::query_as(
        "select customer_id, matched_by,
            array(select record_key from customer_records as own where own.brand_id = $1 and own.customer_key = $2) as record_keys
        from customers where brand_id = $1 and customer_key = $2",
    );
    Ok(found.bind(brand_id).bind(customer_key).fetch_optional(db).await?)
}

/// The customer of a record.
///
/// # Errors
/// When Postgres fails.
pub async fn find_owner(
    db: &mut Connection,
    brand_id: i32,
    key: &RecordKey,
) -> Result<Option<String>, StorageError> {
    let query = sqlx::query_as(
        "select customer_key from customer_records where brand_id = $1 and record_key = $2",
    );
    let found: Option<(String,)> =
        query.bind(brand_id).bind(key.to_string()).fetch_optional(db).await?;
    Ok(found.map(|(key,)| key))
}

/// The self-asserted records among some records that no person has confirmed.
///
/// # Errors
/// When Postgres fails.
pub async fn list_unconfirmed(
    db: &mut Connection,
    brand_id: i32,
    keys: &[String],
    self_asserted: &BTreeSet<SourceKind>,
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let mut unconfirmed: BTreeSet<RecordKey> =
        keys.iter().filter_map(|key| key.parse().ok()).collect();
    unconfirmed.retain(|key: &RecordKey| self_asserted.contains(&key.kind));
    if unconfirmed.is_empty() {
        return Ok(unconfirmed);
    }
    let confirmed = list_confirmed(db, brand_id, &unconfirmed, &BTreeSet::new()).await?;
    unconfirmed.retain(|key| !confirmed.contains(key));
    Ok(unconfirmed)
}

/// The records that a person confirmed with a decision: those that the decision names or, if one is deleted,
/// the record that it was merged into. Those among some records, and all of some kinds.
///
/// # Errors
/// When Postgres fails.
pub async fn list_confirmed(
    db: &mut Connection,
    brand_id: i32,
    records: &BTreeSet<RecordKey>,
    kinds: &BTreeSet<SourceKind>,
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let query = sqlx::query_as(include_str!("list_confirmed.sql")).bind(brand_id);
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let rows: Vec<(String, bool, bool, Option<String>, Option<jiff_sqlx::Timestamp>)> =
        query.bind(texts(records)).bind(kinds).fetch_all(db).await?;
    let (mut named, mut live, mut merges) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (key, is_named, is_live, winner, at) in rows {
        let key: RecordKey = key.parse().map_err(StorageError::corrupt("decisions"))?;
        if let Some((winner, at)) = winner.zip(at) {
            let winner = winner.parse().map_err(StorageError::corrupt("source_merges"))?;
            merges.push(SourceMerge { loser: key.clone(), winner, at: at.into() });
        }
        named.extend(is_named.then(|| key.clone()));
        live.extend(is_live.then_some(key));
    }
    let aliases = Aliases::new(&merges);
    Ok(named
        .iter()
        .map(|key| if live.contains(key) { key.clone() } else { aliases.canonical(key).clone() })
        .collect())
}

/// The identifiers by which lookups find a customer.
///
/// # Errors
/// When Postgres fails.
pub async fn list_addresses(
    db: &mut Connection,
    brand_id: i32,
    customer_key: &str,
) -> Result<BTreeSet<Identifier>, StorageError> {
    let query = sqlx::query_as(
        "select kind, address from customer_addresses where brand_id = $1 and customer_key = $2",
    );
    let rows: Vec<(String, String)> = query.bind(brand_id).bind(customer_key).fetch_all(db).await?;
    let address = |(kind, value): (String, String)| {
        Ok(Identifier {
            kind: kind.parse().map_err(StorageError::corrupt("customer_addresses"))?,
            value,
        })
    };
    rows.into_iter().map(address).collect()
}

/// Keys of customers, as if drawn at random. The same seed gives the same customers, as long as they exist.
///
/// # Errors
/// When Postgres fails.
pub async fn sample_customers(
    db: &mut Connection,
    brand_id: i32,
    seed: i64,
    limit: i64,
) -> Result<Vec<String>, StorageError> {
    let query = sqlx::query_as(
        "select customer_key from customers where brand_id = $1 order by md5(customer_key || $2::text), customer_key limit $3",
    );
    let keys: Vec<(String,)> =
        query.bind(brand_id).bind(seed.to_string()).bind(limit).fetch_all(db).await?;
    Ok(keys.into_iter().map(|(key,)| key).collect())
}
