//! The people that decisions are about, for a person who reads the decisions.

use std::collections::{BTreeMap, BTreeSet};

use super::view::name;
use crate::brand::Brand;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::customer_summaries::{list_names, list_owners};
use crate::storage::decisions::{DecisionRow, Verdict};
use crate::storage::person::{list_customers_with, list_identifiers};
use crate::storage::pool::Connection;
use crate::storage::records::list_records;

/// The people that some decisions are about. It is personal data, so it does not implement `Debug`.
#[derive(Default)]
pub struct DecisionPeople {
    /// The name in each record, or else an address in it.
    pub names: BTreeMap<RecordKey, String>,
    /// The key of the customer of each record that has one.
    pub owners: BTreeMap<RecordKey, String>,
    /// The customers that have each shared address, by their first records.
    pub holders: BTreeMap<Identifier, Vec<RecordKey>>,
    /// The shared addresses that more customers have, or may have.
    pub with_more_holders: BTreeSet<Identifier>,
}

impl DecisionPeople {
    /// The people of some decisions, of each at most `most` pairs, records or customers.
    ///
    /// # Errors
    /// If Postgres fails.
    pub async fn of<'a>(
        db: &mut Connection,
        brand: &Brand,
        rows: impl IntoIterator<Item = &'a DecisionRow>,
        most: usize,
    ) -> Result<Self, StorageError> {
        let (mut records, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for row in rows {
            records.extend(named(&row.verdict, most));
            if let Verdict::SharedValue(address) = &row.verdict {
                addresses.insert(address.clone());
            }
        }
        let (mut holders, mut with_more_holders) = (BTreeMap::new(), BTreeSet::new());
        if !addresses.is_empty() {
            let found = list_customers_with(db, brand.id(), &addresses, most).await?;
            for (address, found) in found {
                with_more_holders.extend(found.has_more.then(|| address.clone()));
                holders.insert(address, found.customers);
            }
        }
        records.extend(holders.values().flatten().cloned());
        if records.is_empty() {
            return Ok(Self::default());
        }
        let owners = list_owners(db, brand.id(), &records).await?;
        let mut names = names_of(db, brand, &records).await?;
        let keys = holders.values().flatten().map(ToString::to_string).collect();
        // A holder stands for its customer, so it has the name that answers show.
        for (key, name) in list_names(db, brand.id(), &keys).await? {
            names.extend(key.parse().ok().map(|record| (record, name)));
        }
        Ok(Self { names, owners, holders, with_more_holders })
    }

    /// All records that a reader sees.
    #[must_use]
    pub fn records(&self) -> BTreeSet<RecordKey> {
        self.names.keys().chain(self.holders.values().flatten()).cloned().collect()
    }
}

/// The records of a decision that are shown.
fn named(verdict: &Verdict, most: usize) -> BTreeSet<RecordKey> {
    let pairs = verdict.pairs().iter().take(most);
    let of_pairs = pairs.flat_map(|(left, right)| [left.clone(), right.clone()]);
    match verdict {
        Verdict::ConfirmedAddress(_, records) => records.iter().take(most).cloned().collect(),
        _ => of_pairs.collect(),
    }
}

/// The name in each of some records, or else an address in it. Also those that have neither.
async fn names_of(
    db: &mut Connection,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
) -> Result<BTreeMap<RecordKey, String>, StorageError> {
    let keys: Vec<String> = records.iter().map(ToString::to_string).collect();
    let stored = list_records(db, brand.id(), &keys).await?;
    let mut names: BTreeMap<RecordKey, String> = records
        .iter()
        .map(|key| (key.clone(), stored.get(key).map(name).unwrap_or_default()))
        .collect();
    let nameless: BTreeSet<RecordKey> =
        names.iter().filter(|(_, name)| name.is_empty()).map(|(key, _)| key.clone()).collect();
    if nameless.is_empty() {
        return Ok(names);
    }
    let mut found = list_identifiers(db, brand.id(), &nameless).await?;
    found.retain(|found| found.identifier.kind != IdentifierKind::Reference);
    found.sort_by(|one, other| other.identifier.cmp(&one.identifier));
    names.extend(found.into_iter().map(|found| (found.record, found.identifier.value)));
    Ok(names)
}
