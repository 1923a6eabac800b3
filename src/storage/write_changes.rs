//! Writes the result of a batch in one round trip: changed facts and changed customers.

use std::collections::BTreeSet;

use super::pool::Connection;

use super::StorageError;
use super::component_rows::{Found, ReviewRow};
use super::invalidation::{CHANNEL, Invalidation};
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
    pub identifiers_gone: Vec<(RecordKey, Identifier)>,
    /// New and changed identifiers.
    pub identifiers: Vec<IdentifierRow>,
    /// Values that are no longer shared.
    pub shared_gone: Vec<Identifier>,
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
    pub customers_gone: Vec<String>,
    /// New and changed customers.
    pub customers: Vec<CustomerRow>,
    /// Hash of the settings that rendered them.
    pub settings_hash: [u8; 16],
    /// Record keys without a customer now.
    pub records_gone: Vec<RecordKey>,
    /// Record keys and their customers.
    pub records: Vec<(RecordKey, String)>,
    /// Addresses that customers no longer have.
    pub addresses_gone: Vec<AddressRow>,
    /// New addresses of customers.
    pub addresses: Vec<AddressRow>,
    /// Questions that are settled or changed.
    pub reviews_gone: Vec<ReviewRow>,
    /// New and changed questions.
    pub reviews: Vec<ReviewRow>,
    /// The notification for the caches.
    pub notice: Option<Invalidation>,
    /// Components above the cap.
    pub oversized: usize,
    /// The settings' templates that failed.
    pub failed_templates: BTreeSet<String>,
}

const WRITE: &str = include_str!("write_changes.sql");

/// Writes everything. The notification reaches every replica when the transaction commits.
///
/// # Errors
/// When Postgres fails.
pub async fn write_changes(
    db: &mut Connection,
    brand_id: i32,
    facts: &IdentityChanges,
    derived: &Derived,
) -> Result<(), StorageError> {
    let kind = |identifier: &Identifier| identifier.kind.as_str();
    let references: Vec<(String, String, String)> = facts
        .events
        .iter()
        .filter(|event| event.versions.is_live())
        .flat_map(|event| {
            event.references().map(|(namespace, value)| (value, namespace, event.key.to_string()))
        })
        .collect();
    let state = |versions| serde_json::to_string(versions).unwrap_or_default();
    let notices = derived.notice.as_ref().map(Invalidation::payloads).unwrap_or_default();
    let reviews: Vec<String> = derived
        .reviews
        .iter()
        .map(|review| serde_json::to_string(&review.customers).unwrap_or_default())
        .collect();
    let query = sqlx::query(WRITE)
        .bind(brand_id)
        .bind(facts.records.iter().map(|record| record.key.to_string()).collect::<Vec<_>>())
        .bind(facts.records.iter().map(|record| state(&record.versions)).collect::<Vec<_>>())
        .bind(
            facts.identifiers_gone.iter().map(|(record, _)| record.to_string()).collect::<Vec<_>>(),
        )
        .bind(
            facts
                .identifiers_gone
                .iter()
                .map(|(_, identifier)| kind(identifier))
                .collect::<Vec<_>>(),
        )
        .bind(
            facts
                .identifiers_gone
                .iter()
                .map(|(_, identifier)| identifier.value.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(facts.identifiers.iter().map(|row| row.record.to_string()).collect::<Vec<_>>())
        .bind(facts.identifiers.iter().map(|row| kind(&row.identifier)).collect::<Vec<_>>())
        .bind(facts.identifiers.iter().map(|row| row.identifier.value.as_str()).collect::<Vec<_>>())
        .bind(facts.identifiers.iter().map(|row| row.found.links).collect::<Vec<_>>())
        .bind(facts.identifiers.iter().map(|row| row.record.kind.as_str()).collect::<Vec<_>>())
        .bind(facts.identifiers.iter().map(|row| row.found.name_key.as_str()).collect::<Vec<_>>())
        .bind(facts.shared_gone.iter().map(kind).collect::<Vec<_>>())
        .bind(facts.shared_gone.iter().map(|value| value.value.as_str()).collect::<Vec<_>>())
        .bind(facts.shared.iter().map(kind).collect::<Vec<_>>())
        .bind(facts.shared.iter().map(|value| value.value.as_str()).collect::<Vec<_>>())
        .bind(facts.merges.iter().map(|merge| merge.loser.to_string()).collect::<Vec<_>>())
        .bind(facts.merges.iter().map(|merge| merge.winner.to_string()).collect::<Vec<_>>())
        .bind(
            facts
                .merges
                .iter()
                .map(|merge| jiff_sqlx::Timestamp::from(merge.at))
                .collect::<Vec<_>>(),
        )
        .bind(facts.events.iter().map(|event| event.key.to_string()).collect::<Vec<_>>())
        .bind(facts.events.iter().map(|event| state(&event.versions)).collect::<Vec<_>>())
        .bind(facts.events.iter().map(|event| event.versions.is_live()).collect::<Vec<_>>())
        .bind(
            facts
                .events
                .iter()
                .map(|event| event.record().map(|key| key.to_string()))
                .collect::<Vec<_>>(),
        )
        .bind(
            facts
                .events
                .iter()
                .map(|event| jiff_sqlx::Timestamp::from(event.occurred_at()))
                .collect::<Vec<_>>(),
        )
        .bind(facts.events.iter().map(|event| event.key.source.as_str()).collect::<Vec<_>>())
        .bind(facts.events.iter().map(|event| event.key.event_type()).collect::<Vec<_>>())
        .bind(facts.events.iter().map(|event| event.key.id.as_str()).collect::<Vec<_>>())
        .bind(references.iter().map(|(value, ..)| value.as_str()).collect::<Vec<_>>())
        .bind(references.iter().map(|(_, namespace, _)| namespace.as_str()).collect::<Vec<_>>())
        .bind(references.iter().map(|(.., key)| key.as_str()).collect::<Vec<_>>())
        .bind(&derived.customers_gone)
        .bind(derived.customers.iter().map(|customer| customer.key.as_str()).collect::<Vec<_>>())
        .bind(
            derived
                .customers
                .iter()
                .map(|customer| customer.customer_id.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(derived.customers.iter().map(|customer| customer.answer.as_str()).collect::<Vec<_>>())
        .bind(derived.settings_hash.as_slice())
        .bind(derived.records_gone.iter().map(ToString::to_string).collect::<Vec<_>>())
        .bind(derived.records.iter().map(|(record, _)| record.to_string()).collect::<Vec<_>>())
        .bind(derived.records.iter().map(|(_, owner)| owner.as_str()).collect::<Vec<_>>())
        .bind(derived.addresses_gone.iter().map(|row| kind(&row.address)).collect::<Vec<_>>())
        .bind(
            derived.addresses_gone.iter().map(|row| row.address.value.as_str()).collect::<Vec<_>>(),
        )
        .bind(
            derived.addresses_gone.iter().map(|row| row.customer_key.as_str()).collect::<Vec<_>>(),
        )
        .bind(derived.addresses.iter().map(|row| kind(&row.address)).collect::<Vec<_>>())
        .bind(derived.addresses.iter().map(|row| row.address.value.as_str()).collect::<Vec<_>>())
        .bind(derived.addresses.iter().map(|row| row.customer_key.as_str()).collect::<Vec<_>>())
        .bind(derived.reviews_gone.iter().map(|review| review.level.as_str()).collect::<Vec<_>>())
        .bind(derived.reviews_gone.iter().map(|review| review.kind.as_str()).collect::<Vec<_>>())
        .bind(derived.reviews_gone.iter().map(|review| review.value.as_str()).collect::<Vec<_>>())
        .bind(derived.reviews.iter().map(|review| review.level.as_str()).collect::<Vec<_>>())
        .bind(derived.reviews.iter().map(|review| review.kind.as_str()).collect::<Vec<_>>())
        .bind(derived.reviews.iter().map(|review| review.value.as_str()).collect::<Vec<_>>())
        .bind(derived.reviews.iter().map(|review| review.grounds.as_str()).collect::<Vec<_>>())
        .bind(reviews)
        .bind(CHANNEL)
        .bind(notices)
        .bind(facts.records.iter().map(|record| record.versions.is_live()).collect::<Vec<_>>())
        .bind(derived.addresses.iter().map(|row| row.self_asserted).collect::<Vec<_>>());
    query.execute(db).await?;
    Ok(())
}

impl IdentityChanges {
    /// Number of new or changed records, events and merges.
    #[must_use]
    pub const fn changed_count(&self) -> usize {
        self.records.len().saturating_add(self.events.len()).saturating_add(self.merges.len())
    }
}
