//! The rows that a batch changes, as domain values.

use std::collections::BTreeSet;

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use super::component_rows::{Found, ReviewRow};
use super::invalidation::Invalidation;
use crate::customer::model::event::Event;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Record, RecordKey, SourceMerge};

/// An identifier of a live record.
#[derive(Clone)]
pub struct IdentifierRow {
    /// The record.
    pub record: RecordKey,
    /// The identifier.
    pub identifier: Identifier,
    /// How the value identifies the record.
    pub found: Found,
}

/// Changes to the facts that sources reported.
#[derive(Default)]
pub struct IdentityChanges {
    /// New and changed records.
    pub records: Vec<Record>,
    /// Identifiers that records no longer have.
    pub identifiers_deleted: Vec<(RecordKey, Identifier)>,
    /// New and changed identifiers.
    pub identifiers: Vec<IdentifierRow>,
    /// Values that are no longer shared.
    pub shared_deleted: Vec<Identifier>,
    /// Values that are shared now.
    pub shared: Vec<Identifier>,
    /// New merges.
    pub merges: Vec<SourceMerge>,
    /// New and changed events.
    pub events: Vec<Event>,
}

/// A new or changed customer.
pub struct CustomerRow {
    /// Key of its first record.
    pub key: String,
    /// Its id in answers.
    pub customer_id: String,
    /// The evidence that joins its records.
    pub matched_by: String,
    /// The answer as JSON.
    pub answer: String,
}

/// An address or id that finds a customer.
pub struct AddressRow {
    /// The address.
    pub address: Identifier,
    /// Key of the customer's first record.
    pub customer_key: String,
    /// Whether only self-asserted records have it.
    pub self_asserted: bool,
}

/// The difference to the stored customers.
#[derive(Default)]
pub struct Derived {
    /// Customers that no longer exist.
    pub customers_deleted: Vec<String>,
    /// New and changed customers.
    pub customers: Vec<CustomerRow>,
    /// Hash of the settings that rendered them.
    pub settings_hash: [u8; 16],
    /// Record keys without a customer now.
    pub records_without_customer: Vec<RecordKey>,
    /// Record keys and their customers.
    pub records: Vec<(RecordKey, String)>,
    /// Addresses that customers no longer have.
    pub addresses_deleted: Vec<AddressRow>,
    /// New addresses of customers.
    pub addresses: Vec<AddressRow>,
    /// Questions that are settled or changed.
    pub reviews_deleted: Vec<ReviewRow>,
    /// New and changed questions.
    pub reviews: Vec<ReviewRow>,
    /// The notification for the caches.
    pub notice: Option<Invalidation>,
    /// Components above the cap.
    pub oversized: usize,
    /// The settings' templates that failed.
    pub failed_templates: BTreeSet<String>,
}

impl IdentityChanges {
    /// Number of new or changed records, events and merges.
    #[must_use]
    pub const fn changed_count(&self) -> usize {
        self.records.len().saturating_add(self.events.len()).saturating_add(self.merges.len())
    }
}

/// A time as Postgres stores it, in whole microseconds. The rest is cut off.
#[must_use]
pub fn stored_time(at: Timestamp) -> Timestamp {
    at.round(TimestampRound::new().smallest(Unit::Microsecond).mode(RoundMode::Floor)).unwrap_or(at)
}
