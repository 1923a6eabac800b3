//! The input of `write_changes.sql`: a list for each table.

use serde::Serialize;

use super::changed_rows::{Derived, IdentityChanges};
use super::customer_input::{
    AddressInput, AnswerInput, CustomerInput, CustomerRecordInput, ReviewInput,
};
use super::fact_input::{
    EventInput, IdentifierInput, IdentifierKey, MergeInput, RecordInput, ReferenceInput, Value,
};
use super::invalidation::{BrandSecret, CHANNEL, Invalidation};

/// Everything that the statement writes.
#[derive(Serialize)]
pub(super) struct WriteInput<'a> {
    records: Vec<RecordInput<'a>>,
    identifiers_deleted: Vec<IdentifierKey<'a>>,
    identifiers: Vec<IdentifierInput<'a>>,
    shared_values_deleted: Vec<Value<'a>>,
    shared_values: Vec<Value<'a>>,
    source_merges: Vec<MergeInput<'a>>,
    events: Vec<EventInput<'a>>,
    event_references: Vec<ReferenceInput<'a>>,
    customers_deleted: &'a [String],
    customers: Vec<CustomerInput<'a>>,
    answers: Vec<AnswerInput<'a>>,
    settings_hash: String,
    customer_records_deleted: Vec<String>,
    customer_records: Vec<CustomerRecordInput<'a>>,
    customer_addresses_deleted: Vec<AddressInput<'a>>,
    customer_addresses: Vec<AddressInput<'a>>,
    reviews_deleted: Vec<ReviewInput<'a>>,
    reviews: Vec<ReviewInput<'a>>,
    channel: &'static str,
    notices: Vec<String>,
}

impl<'a> WriteInput<'a> {
    pub(super) fn new(
        secret: &BrandSecret,
        facts: &'a IdentityChanges,
        derived: &'a Derived,
    ) -> Self {
        let review = |row| ReviewInput::new(secret, row);
        let references = facts.events.iter().filter(|event| event.versions.is_live());
        Self {
            records: facts.records.iter().map(RecordInput::from).collect(),
            identifiers_deleted: facts
                .identifiers_deleted
                .iter()
                .map(IdentifierKey::from)
                .collect(),
            identifiers: facts.identifiers.iter().map(IdentifierInput::from).collect(),
            shared_values_deleted: facts.shared_deleted.iter().map(Value::from).collect(),
            shared_values: facts.shared.iter().map(Value::from).collect(),
            source_merges: facts.merges.iter().map(MergeInput::from).collect(),
            events: facts.events.iter().map(EventInput::from).collect(),
            event_references: references.flat_map(ReferenceInput::of).collect(),
            customers_deleted: &derived.customers_deleted,
            customers: derived.customers.iter().map(CustomerInput::from).collect(),
            answers: derived.customers.iter().map(AnswerInput::from).collect(),
            settings_hash: derived.settings_hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            customer_records_deleted: derived
                .records_without_customer
                .iter()
                .map(ToString::to_string)
                .collect(),
            customer_records: derived.records.iter().map(CustomerRecordInput::from).collect(),
            customer_addresses_deleted: derived
                .addresses_deleted
                .iter()
                .map(AddressInput::from)
                .collect(),
            customer_addresses: derived.addresses.iter().map(AddressInput::from).collect(),
            reviews_deleted: derived.reviews_deleted.iter().map(review).collect(),
            reviews: derived.reviews.iter().map(review).collect(),
            channel: CHANNEL,
            notices: derived.notice.as_ref().map(Invalidation::payloads).unwrap_or_default(),
        }
    }
}
