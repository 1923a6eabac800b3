//! The difference between stored and derived customers. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::storage::changed_rows::{AddressRow, CustomerRow, Derived};
use crate::storage::component_rows::StoredCustomer;
use crate::storage::given_ids::GivenId;
use crate::storage::invalidation::{Invalidation, LookupHash};

/// The customers that differ, by their keys: as they were, and as they are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// As they were.
    pub before: BTreeMap<String, StoredCustomer>,
    /// As they are now.
    pub after: BTreeMap<String, StoredCustomer>,
}

impl Touched {
    /// Whether nothing differs.
    pub(super) fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }
}

/// The rows to write so that the stored customers become the new ones. Also all customers that differ, before
/// and after.
pub(super) fn difference(
    old: &BTreeMap<String, StoredCustomer>,
    new: BTreeMap<String, (StoredCustomer, String)>,
) -> (Derived, Touched) {
    let mut derived = Derived::default();
    let mut touched = Touched::default();
    let standing: BTreeSet<RecordKey> =
        new.values().flat_map(|(customer, _)| customer.records.iter().cloned()).collect();
    for (key, before) in old {
        let after = new.get(key).map(|(customer, _)| customer);
        if after != Some(before) {
            remove_rows(&mut derived, key, before, after);
            derived.records_without_customer.extend(before.records.difference(&standing).cloned());
            touched.before.insert(key.clone(), before.clone());
        }
    }
    for (key, (after, answer)) in new {
        let before = old.get(&key);
        if before != Some(&after) {
            touched.after.insert(key.clone(), after.clone());
            add_rows(&mut derived, key, before, (after, answer));
        }
    }
    (derived, touched)
}

/// The rows of a stored customer that the new one does not have.
fn remove_rows(
    derived: &mut Derived,
    key: &str,
    before: &StoredCustomer,
    after: Option<&StoredCustomer>,
) {
    let addresses = before
        .addresses
        .iter()
        .filter(|(address, _)| after.is_none_or(|after| !after.addresses.contains_key(address)));
    derived.addresses_deleted.extend(addresses.map(|(address, self_asserted)| AddressRow {
        address: address.clone(),
        customer_key: key.to_owned(),
        self_asserted: *self_asserted,
    }));
    if after.is_none() {
        derived.customers_deleted.push(key.to_owned());
    }
}

/// The rows of a new customer that the stored one does not have, or has with other values.
fn add_rows(
    derived: &mut Derived,
    key: String,
    before: Option<&StoredCustomer>,
    (after, answer): (StoredCustomer, String),
) {
    let addresses = after.addresses.iter().filter(|(address, self_asserted)| {
        before.is_none_or(|before| before.addresses.get(*address) != Some(*self_asserted))
    });
    derived.addresses.extend(addresses.map(|(address, self_asserted)| AddressRow {
        address: address.clone(),
        customer_key: key.clone(),
        self_asserted: *self_asserted,
    }));
    derived.records.extend(after.records.into_iter().map(|record| (record, key.clone())));
    let StoredCustomer { customer_id, matched_by, .. } = after;
    derived.customers.push(CustomerRow { key, customer_id, matched_by, answer });
}

/// The cache keys of every lookup that could find these customers, before or after.
pub(super) fn invalidation(
    brand: &Brand,
    touched: &Touched,
    given: &BTreeMap<RecordKey, GivenId>,
) -> Invalidation {
    let secret = &brand.secret;
    let customers = || touched.before.values().chain(touched.after.values());
    let addresses = customers()
        .flat_map(|customer| customer.addresses.keys())
        .map(|address| LookupHash::of_address(secret, address));
    let ids = customers().flat_map(|customer| {
        let earlier = customer.records.iter().filter_map(|key| given.get(key));
        let records = customer.records.iter().map(|key| &key.id);
        records.chain(earlier.map(|given| &given.customer_id)).chain([&customer.customer_id])
    });
    let hashes: BTreeSet<LookupHash> =
        addresses.chain(ids.map(|id| LookupHash::of_id(secret, id))).collect();
    Invalidation { brand_id: brand.id(), hashes: Some(hashes.into_iter().collect()) }
}
