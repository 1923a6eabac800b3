//! Customers on pages about decisions.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::admin::compared_review::kind_in_words;
use crate::admin::decisions::CustomerView;
use crate::console::visit::Visit;
use crate::customer::model::record::RecordKey;

/// A customer, with a link to its page.
#[derive(Serialize)]
pub(super) struct CustomerCard {
    path: String,
    name: String,
    customer_id: String,
    /// The kind and the value of each.
    addresses: Vec<(String, String)>,
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
        let address =
            |(kind, value): &(String, String)| (kind_in_words(kind).to_owned(), visit.value(value));
        Self {
            path: visit.customer_path(&view.key),
            name: visit.customer_name(view),
            customer_id: visit.value(&view.customer_id),
            addresses: view.addresses.iter().map(address).collect(),
            records: view.records.iter().map(record).collect(),
            events: view.events,
        }
    }
}
