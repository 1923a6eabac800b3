//! Exports all stored data about a person, for that person.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::delivery_content::{DeliveryContent, PAGE};
use super::entries::list_entries;
use crate::brand::Brand;
use crate::customer::model::record::{Record, RecordKey};
use crate::customer::model::source::Source;
use crate::ingest::batch::{ChangeBatch, links_of};
use crate::storage::StorageError;
use crate::storage::audit_log::{ActionRow, Via, list_audit_about};
use crate::storage::bodies::{BodyRow, list_bodies_after};
use crate::storage::export::get_everything;
use crate::storage::lookup_history::{LookupFilter, LookupRow, PersonLookups, list_lookups};
use crate::storage::person::{list_identifiers, list_person};
use crate::storage::pool::{Connection, Pool};
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};

/// All stored data about the person of some records: the records with every value and its time, events, merges,
/// decisions, open questions, the answer, audit entries, and the deliveries and lookups that an erasure would delete.
///
/// # Errors
/// If Postgres fails.
pub async fn export(
    pool: &Pool,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
) -> Result<Value, StorageError> {
    let mut connection = pool.acquire().await?;
    let records = list_person(&mut connection, brand.id(), records).await?;
    let entries = list_entries(&mut connection, brand, &records).await?;
    let mut everything = get_everything(&mut connection, brand.id(), &records).await?;
    let lookups = list_lookups_about(&mut connection, brand, &records).await?;
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let mut deliveries = Vec::new();
    let mut after = Uuid::nil();
    loop {
        let rows = list_bodies_after(&mut connection, brand.id(), after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.delivery_id;
        for row in &rows {
            let content = DeliveryContent::at(row, brand, &hasher);
            let said =
                content.batch.as_ref().map(|batch| says(batch, &hasher, brand)).unwrap_or_default();
            if !entries.is_disjoint(&said) || !entries.is_disjoint(&content.text_hashes) {
                deliveries.push(shown(row));
            }
        }
    }
    if let Some(sections) = everything.as_object_mut() {
        let actions = list_audit_about(&mut connection, brand.id(), &entries, i64::MAX).await?;
        sections.insert("actions".to_owned(), actions.iter().map(done).collect());
        sections.insert("deliveries".to_owned(), Value::Array(deliveries));
        sections.insert("lookups".to_owned(), lookups.iter().map(asked).collect());
    }
    Ok(everything)
}

/// The hashes of a delivery's content. If one of them is among the person's, the delivery belongs to the export.
fn says(
    batch: &ChangeBatch,
    hasher: &SuppressionHasher,
    brand: &Brand,
) -> BTreeSet<SuppressionHash> {
    let mut said = batch.key_hashes(hasher);
    for (key, versions) in &batch.records {
        let record = Record { key: key.clone(), versions: versions.clone() };
        let name_key = record.name().folded().key();
        for value in links_of(&record, brand.rules.identity.region) {
            said.extend([hasher.exclusive(&value), hasher.with_name(&value, &name_key)]);
        }
    }
    said
}

/// The lookups about the person.
async fn list_lookups_about(
    db: &mut Connection,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
) -> Result<Vec<LookupRow>, StorageError> {
    let identifiers = list_identifiers(db, brand.id(), records).await?;
    let found = identifiers.iter().map(|found| &found.identifier);
    let person = PersonLookups::new(&brand.secret, records, found);
    list_lookups(db, brand.id(), LookupFilter::About(&person), None).await
}

/// A lookup, without the keys of customers: an answer may have other people too.
fn asked(row: &LookupRow) -> Value {
    let sources: serde_json::Map<String, Value> = row
        .source_outcomes()
        .map(|(source, outcome)| (source.to_owned(), outcome.into()))
        .collect();
    json!({ "at": row.asked_at, "request_id": row.request_id, "ticket": row.ticket, "by": row.question_kind, "status": row.status, "problem": row.problem, "cache": row.cache, "sources": sources, "duration_us": row.duration_us })
}

fn done(row: &ActionRow) -> Value {
    json!({ "action": row.action, "source": row.source.map(Source::as_str), "by": row.done_by, "reason": row.reason, "via": row.via.map(Via::as_str), "at": row.begun_at, "outcome": row.outcome })
}

fn shown(row: &BodyRow) -> Value {
    let body = serde_json::from_slice(&row.body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&row.body).into_owned()));
    json!({
        "id": row.delivery_id,
        "source": row.source,
        "event": row.event,
        "state": row.state,
        "received_at": row.received_at,
        "headers": row.headers,
        "body": body,
    })
}
