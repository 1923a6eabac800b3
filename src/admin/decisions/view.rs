//! The customers that a decision concerns, as a person sees them, and the state that they are in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::act::Plan;
use crate::brand::Brand;
use crate::customer::answer::agent_page::{SHOWN, with_link};
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Record, RecordKey};
use crate::storage::StorageError;
use crate::storage::component_rows::StoredCustomer;
use crate::storage::customer_summaries::{CustomerSummary, list_customers};
use crate::storage::outranked_addresses::list_outranked;
use crate::storage::pool::Connection;
use crate::storage::records::list_records;

/// A customer, for a person who decides. It is personal data, so it does not implement `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerView {
    /// The customer's key: that of its first record.
    pub key: String,
    /// The customer id, as answers show it.
    pub customer_id: String,
    /// Given name; empty if unknown.
    pub first_name: String,
    /// Family name; empty if unknown.
    pub last_name: String,
    /// The addresses, as answers show them.
    pub addresses: Vec<ViewedAddress>,
    /// The custom fields of the stored answer. After a change of the settings, it is rendered again within minutes.
    pub fields: Vec<(String, String)>,
    /// Each record, with the name in it. Without a name, it may be deleted.
    pub records: Vec<(RecordKey, String)>,
    /// How many events its records have.
    pub events: i64,
}

/// What is said of an address by which lookups do not find the customer.
pub const FINDS_ANOTHER: &str = "a lookup by it finds another customer, who has it in a trusted record: this one has it only from a form";

/// An address of a customer. It is personal data, so it does not implement `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ViewedAddress {
    /// Its kind, such as `email`.
    pub kind: String,
    /// The address.
    pub text: String,
    /// Whether lookups by it find the customer. Otherwise only a form has it here, and a trusted record of another customer has
    /// it, too: lookups find that one.
    pub finds: bool,
}

impl CustomerView {
    /// Everything but the number of events and the custom fields, which change with every purchase.
    pub(super) fn texts(&self) -> Vec<String> {
        let Self {
            key,
            customer_id,
            first_name,
            last_name,
            addresses,
            fields: _,
            records,
            events: _,
        } = self;
        let own = [key, customer_id, first_name, last_name].map(String::clone);
        let addresses = addresses.iter().flat_map(|ViewedAddress { kind, text, finds }| {
            [kind.clone(), text.clone(), finds.to_string()]
        });
        let records = records.iter().flat_map(|(key, name)| [key.to_string(), name.clone()]);
        own.into_iter().chain(addresses).chain(records).collect()
    }
}

/// Some customers, by their keys, with what matters to whoever decides about them. Empty if that did not change.
#[derive(Default)]
pub(super) struct StateInput(BTreeMap<String, Option<StoredCustomer>>);

impl StateInput {
    /// The customers of the records concerned, and those of `own` whose records, id or addresses are not the same in
    /// `other`.
    pub(super) fn new(
        concerned: impl Iterator<Item = String>,
        own: &BTreeMap<String, StoredCustomer>,
        other: &BTreeMap<String, StoredCustomer>,
    ) -> Self {
        let what = |customer: &StoredCustomer| {
            let StoredCustomer { customer_id, records, addresses, .. } = customer.clone();
            StoredCustomer { customer_id, records, addresses, ..StoredCustomer::default() }
        };
        let changed = own
            .iter()
            .map(|(key, customer)| (key, what(customer)))
            .filter(|(key, customer)| other.get(*key).map(what).as_ref() != Some(customer));
        let mut customers: BTreeMap<String, Option<StoredCustomer>> =
            concerned.map(|key| (key, None)).collect();
        customers.extend(changed.map(|(key, customer)| (key.clone(), Some(customer))));
        Self(customers)
    }
}

/// A hash of what a preview showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateToken(String);

impl StateToken {
    /// The token of what a plan would do, with everything that a preview shows but the number of events and the custom
    /// fields.
    pub(super) fn of(plan: &Plan, before: &StateInput, after: &[CustomerView]) -> Self {
        let mut digest = Sha256::new();
        let mut add = |text: &str| {
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        };
        add(&plan.name());
        plan.concerned.iter().for_each(|record| add(&record.to_string()));
        for (key, customer) in &before.0 {
            add(key);
            let Some(customer) = customer else { continue };
            add(&customer.customer_id);
            customer.records.iter().for_each(|record| add(&record.to_string()));
            customer.addresses.keys().for_each(|address| {
                add(address.kind.as_str());
                add(&address.value);
            });
        }
        after.iter().flat_map(CustomerView::texts).for_each(|text| add(&text));
        Self(digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for StateToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for StateToken {
    type Err = std::convert::Infallible;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Ok(Self(s.to_owned()))
    }
}

/// The customers as they are stored now.
pub(super) async fn list_views(
    db: &mut Connection,
    brand: &Brand,
    StateInput(customers): &StateInput,
) -> Result<Vec<CustomerView>, StorageError> {
    views_of(db, brand, &customers.keys().cloned().collect()).await
}

/// The customers with these keys.
///
/// # Errors
/// If Postgres fails.
pub async fn views_of(
    db: &mut Connection,
    brand: &Brand,
    keys: &BTreeSet<String>,
) -> Result<Vec<CustomerView>, StorageError> {
    let customers = list_customers(db, brand.id(), keys).await?;
    let records: Vec<String> =
        customers.iter().flat_map(|customer| &customer.records).map(ToString::to_string).collect();
    let records = list_records(db, brand.id(), &records).await?;
    let outranked = list_outranked(db, brand.id(), keys).await?;
    let view = |customer: CustomerSummary| {
        let answer = with_link(&customer.answer, SHOWN);
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        let named = |key: RecordKey| {
            let name = records.get(&key).map(name).unwrap_or_default();
            (key, name)
        };
        let outranked = outranked.get(&customer.key);
        CustomerView {
            customer_id: customer.customer_id,
            first_name: text(&answer, "customerFirstname"),
            last_name: text(&answer, "customerLastname"),
            addresses: addresses(&answer, outranked),
            fields: fields(&answer),
            key: customer.key,
            records: customer.records.into_iter().map(named).collect(),
            events: customer.events,
        }
    };
    Ok(customers.into_iter().map(view).collect())
}

/// The name in a record. Empty if it has none.
pub(super) fn name(record: &Record) -> String {
    let name = record.name();
    [name.first, name.last].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn addresses(answer: &Value, outranked: Option<&BTreeSet<Identifier>>) -> Vec<ViewedAddress> {
    let listed = answer.get("addresses").and_then(Value::as_array).into_iter().flatten();
    let viewed = |address: &Value| {
        let (kind, text) = (text(address, "type"), text(address, "address"));
        let is_this = |other: &Identifier| other.kind.as_str() == kind && other.value == text;
        let finds = !outranked.is_some_and(|outranked| outranked.iter().any(is_this));
        ViewedAddress { kind, text, finds }
    };
    listed.map(viewed).collect()
}

fn fields(answer: &Value) -> Vec<(String, String)> {
    let listed = answer.get("customFields").and_then(Value::as_array).into_iter().flatten();
    let named = listed.filter_map(Value::as_object).flatten();
    named
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}
