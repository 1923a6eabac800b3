//! The existing records that a decision is about.

use std::collections::BTreeSet;

use super::error::DecisionError;
use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::storage::customer_summaries::{list_customers, list_owners};
use crate::storage::pool::Connection;
use crate::storage::records::list_live_keys;

/// Refuses records that do not exist.
pub(super) async fn require_live(
    db: &mut Connection,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
) -> Result<(), DecisionError> {
    let live = list_live_keys(db, brand.id(), records).await?;
    match records.iter().find(|record| !live.contains(record)) {
        Some(record) => Err(DecisionError::NoRecord(record.clone())),
        None => Ok(()),
    }
}

/// The existing records of each customer of some records.
pub(super) async fn live_records_of_customers(
    db: &mut Connection,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
) -> Result<Vec<Vec<RecordKey>>, DecisionError> {
    let owners = list_owners(db, brand.id(), records).await?.into_values().collect();
    let mut customers = Vec::new();
    for customer in list_customers(db, brand.id(), &owners).await? {
        let all = customer.records.into_iter().collect();
        customers.push(list_live_keys(db, brand.id(), &all).await?.into_iter().collect());
    }
    Ok(customers)
}
