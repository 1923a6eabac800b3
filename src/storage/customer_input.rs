//! Rows of customers as input of `write_changes.sql`. The fields have the names of the columns.

use serde::Serialize;

use super::changed_rows::{AddressRow, CustomerRow};
use super::component_rows::ReviewRow;
use super::fact_input::as_text;
use super::invalidation::BrandSecret;
use super::reviews::review_id;
use crate::customer::model::record::RecordKey;

#[derive(Serialize)]
pub(super) struct CustomerInput<'a> {
    customer_key: &'a str,
    customer_id: &'a str,
    matched_by: &'a str,
}

impl<'a> From<&'a CustomerRow> for CustomerInput<'a> {
    fn from(row: &'a CustomerRow) -> Self {
        Self { customer_key: &row.key, customer_id: &row.customer_id, matched_by: &row.matched_by }
    }
}

#[derive(Serialize)]
pub(super) struct AnswerInput<'a> {
    customer_key: &'a str,
    body: &'a str,
}

impl<'a> From<&'a CustomerRow> for AnswerInput<'a> {
    fn from(row: &'a CustomerRow) -> Self {
        Self { customer_key: &row.key, body: &row.answer }
    }
}

#[derive(Serialize)]
pub(super) struct CustomerRecordInput<'a> {
    #[serde(serialize_with = "as_text")]
    record_key: &'a RecordKey,
    customer_key: &'a str,
}

impl<'a> From<&'a (RecordKey, String)> for CustomerRecordInput<'a> {
    fn from((record_key, customer_key): &'a (RecordKey, String)) -> Self {
        Self { record_key, customer_key }
    }
}

#[derive(Serialize)]
pub(super) struct AddressInput<'a> {
    kind: &'static str,
    address: &'a str,
    customer_key: &'a str,
    self_asserted: bool,
}

impl<'a> From<&'a AddressRow> for AddressInput<'a> {
    fn from(row: &'a AddressRow) -> Self {
        Self {
            kind: row.address.kind.as_str(),
            address: &row.address.value,
            customer_key: &row.customer_key,
            self_asserted: row.self_asserted,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ReviewInput<'a> {
    review_id: String,
    level: &'a str,
    kind: &'a str,
    value: &'a str,
    conflict: &'a str,
    customer_keys: &'a [String],
}

impl<'a> ReviewInput<'a> {
    pub(super) fn new(secret: &BrandSecret, row: &'a ReviewRow) -> Self {
        Self {
            review_id: review_id(secret, row, &[]),
            level: &row.level,
            kind: &row.kind,
            value: &row.value,
            conflict: &row.conflict,
            customer_keys: &row.customers,
        }
    }
}
