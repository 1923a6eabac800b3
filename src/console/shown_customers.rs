//! Customers and records as pages show them. Viewers see masks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::visit::Visit;
use crate::admin::audit::Attribution;
use crate::admin::compared_review::kind_in_words;
use crate::admin::decisions::{CustomerView, FINDS_ANOTHER, ViewedAddress};
use crate::customer::model::record::RecordKey;

/// What is said of an address that several of the shown customers have.
const COMMON: &str = "several of these customers have it";

/// A customer in short, on a page.
#[derive(Serialize)]
pub(super) struct ShownView {
    name: String,
    customer_id: String,
    /// Its page. `None` for a customer as it would be: the page shows it as it is.
    path: Option<String>,
    addresses: Vec<ShownAddress>,
    /// The custom fields that agents see; masked for viewers.
    fields: Vec<(String, String)>,
    /// Whether lookups by every one of its addresses find others.
    is_never_found: bool,
    records: Vec<ShownRecord>,
    events: i64,
}

/// An address of a customer on a page.
#[derive(Serialize)]
pub(super) struct ShownAddress {
    /// Such as `phone number`.
    kind: String,
    /// The address; masked for viewers.
    text: String,
    /// What a lookup by it does, if it does not find the customer.
    note: Option<&'static str>,
}

/// A record on a page.
#[derive(Serialize, PartialEq, Eq)]
pub(super) struct ShownRecord {
    /// The key; masked for viewers.
    text: String,
    /// The name in the record. Empty if it has none.
    name: String,
    /// The page of its customer.
    path: String,
    /// It comes from none of the customers in question.
    is_pulled_in: bool,
}

/// Marks the addresses that several of some customers have.
pub(super) fn mark_common(mut views: Vec<ShownView>) -> Vec<ShownView> {
    let mut having: BTreeMap<(String, String), usize> = BTreeMap::new();
    for address in views.iter().flat_map(|view| &view.addresses) {
        let count = having.entry((address.kind.clone(), address.text.clone())).or_default();
        *count = count.saturating_add(1);
    }
    for address in views.iter_mut().flat_map(|view| &mut view.addresses) {
        let is_common = having.get(&(address.kind.clone(), address.text.clone())) > Some(&1);
        address.note = address.note.or(is_common.then_some(COMMON));
    }
    views
}

impl ShownView {
    /// The same, of a customer as it would be.
    pub(super) fn if_decided(self) -> Self {
        Self { path: None, ..self }
    }
}

impl Visit {
    /// The person who sees personal values, and when, for the audit log. `None` if they see masks.
    pub(super) fn seen_by(&self) -> Option<(Attribution<'_>, Timestamp)> {
        self.sees_values().then(|| (self.attribution(), self.now()))
    }

    /// A customer in short.
    pub(super) fn shown_view(&self, view: &CustomerView) -> ShownView {
        self.shown_view_with(view, |_| false)
    }

    /// A customer in short, with a mark at the records that are not among these.
    pub(super) fn shown_view_beside(
        &self,
        view: &CustomerView,
        known: &BTreeSet<RecordKey>,
    ) -> ShownView {
        self.shown_view_with(view, |record| !known.contains(record))
    }

    fn shown_view_with(
        &self,
        view: &CustomerView,
        is_pulled_in: impl Fn(&RecordKey) -> bool,
    ) -> ShownView {
        let record = |(record, name): &(RecordKey, String)| ShownRecord {
            is_pulled_in: is_pulled_in(record),
            ..self.shown_record(record, name)
        };
        ShownView {
            name: self.customer_name(view),
            customer_id: self.value(&view.customer_id),
            path: Some(self.customer_path(&view.key)),
            addresses: self.shown_addresses(view),
            fields: view
                .fields
                .iter()
                .map(|(name, value)| (name.clone(), self.value(value)))
                .collect(),
            is_never_found: !view.addresses.is_empty()
                && view.addresses.iter().all(|address| !address.finds),
            records: view.records.iter().map(record).collect(),
            events: view.events,
        }
    }

    /// The addresses of a customer.
    fn shown_addresses(&self, view: &CustomerView) -> Vec<ShownAddress> {
        let shown = |ViewedAddress { kind, text, finds }: &ViewedAddress| ShownAddress {
            kind: kind_in_words(kind).to_owned(),
            text: self.value(text),
            note: (!finds).then_some(FINDS_ANOTHER),
        };
        view.addresses.iter().map(shown).collect()
    }

    /// A record, with the name in it.
    pub(super) fn shown_record(&self, record: &RecordKey, name: &str) -> ShownRecord {
        ShownRecord {
            text: self.record_text(record),
            name: self.value(name),
            path: self.customer_path(&record.to_string()),
            is_pulled_in: false,
        }
    }

    /// The key of a record that may not be stored any more.
    pub(super) fn record_key_text(&self, key: &str) -> String {
        key.parse().map_or_else(|_| self.value(key), |record| self.record_text(&record))
    }

    /// The key of a record. The id may be an address.
    pub(super) fn record_text(&self, record: &RecordKey) -> String {
        format!("{}:{}", record.kind, self.record_id(record))
    }

    /// What viewers see in the place of the name of the customer with a key, to tell customers apart.
    pub(super) fn customer_mark(&self, key: &str) -> String {
        format!("Customer {}", self.record_mark(key))
    }

    /// The name of a customer, or that it has none. Viewers see a mark instead, to tell customers apart.
    pub(super) fn customer_name(&self, view: &CustomerView) -> String {
        if !self.sees_values() {
            return self.customer_mark(&view.key);
        }
        let name = format!("{} {}", view.first_name, view.last_name);
        match name.trim() {
            "" => "(no name)".to_owned(),
            name => name.to_owned(),
        }
    }
}
