//! Customers on pages about decisions.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::admin::decisions::CustomerView;
use crate::console::shown_customers::ShownAddress;
use crate::console::visit::Visit;
use crate::customer::model::record::RecordKey;

/// A customer, with a link to its page.
#[derive(Serialize)]
pub(super) struct CustomerCard {
    /// `None` for a customer as it would be: its page shows it as it is.
    path: Option<String>,
    name: String,
    customer_id: String,
    addresses: Vec<ShownAddress>,
    records: Vec<CardRecord>,
    events: i64,
}

/// A record of a customer.
#[derive(Serialize)]
struct CardRecord {
    kind: &'static str,
    id: String,
    name: String,
    /// It comes from none of the customers in question.
    is_pulled_in: bool,
}

impl CustomerCard {
    /// A customer. Records that are not in `known` are marked, if that is given.
    pub(super) fn new(
        visit: &Visit,
        view: &CustomerView,
        known: Option<&BTreeSet<RecordKey>>,
    ) -> Self {
        let record = |(key, name): &(RecordKey, String)| CardRecord {
            kind: key.kind.as_str(),
            id: visit.record_id(key),
            name: visit.value(name),
            is_pulled_in: known.is_some_and(|known| !known.contains(key)),
        };
        Self {
            path: Some(visit.customer_path(&view.key)),
            name: visit.customer_name(view),
            customer_id: visit.value(&view.customer_id),
            addresses: visit.shown_addresses(view),
            records: view.records.iter().map(record).collect(),
            events: view.events,
        }
    }

    /// The same, of a customer as it would be.
    pub(super) fn if_decided(self) -> Self {
        Self { path: None, ..self }
    }
}
