//! Writes the audit log. An action's entry is stored before the action begins; its outcome is added after it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use crate::brand::Brand;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::Source;
use crate::customer::model::text;
use crate::storage::StorageError;
use crate::storage::audit_log::{ActionRow, finish_action, insert_action, short_subject};
use crate::storage::customer_summaries::list_owners;
use crate::storage::pool::{Connection, Pool};
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};

pub use crate::storage::audit_log::Via;

/// The person who wants an action, the reason, and where they asked for it, for the audit log.
#[derive(Clone, Copy)]
pub struct Attribution<'a> {
    /// The person's name.
    pub by: &'a str,
    /// The reason. Empty if none was given.
    pub reason: &'a str,
    /// Where they asked for it.
    pub via: Via,
}

/// An action that is about to begin.
pub(super) struct Action {
    name: &'static str,
    source: Option<Source>,
    subjects: BTreeSet<SuppressionHash>,
    /// The records that it is about, and what hashes them.
    records: Option<(SuppressionHasher, BTreeSet<RecordKey>)>,
    target: String,
}

impl Action {
    /// An action. Its target is an id of this service, or a count; never personal data.
    pub(super) fn new(name: &'static str, target: String) -> Self {
        Self { name, source: None, subjects: BTreeSet::new(), records: None, target }
    }

    /// An action about these records. The entry has their hashes, and one for each customer that has them.
    pub(super) fn about_records(self, brand: &Brand, records: &BTreeSet<RecordKey>) -> Self {
        let hasher = SuppressionHasher::new(&brand.suppression_key);
        let subjects = records.iter().map(|key| hasher.record(key)).collect();
        Self { subjects, records: Some((hasher, records.clone())), ..self }
    }

    /// Also about an address. The entry has its hash.
    pub(super) fn about_address(mut self, brand: &Brand, address: Option<&Identifier>) -> Self {
        let hasher = SuppressionHasher::new(&brand.suppression_key);
        self.subjects.extend(address.map(|address| hasher.shared(address)));
        self
    }

    /// An action at a source, about the thing with this hash.
    pub(super) fn at_source(self, source: Source, subject: SuppressionHash) -> Self {
        Self { source: Some(source), subjects: [subject].into(), ..self }
    }

    /// Stores the audit entry. If this fails, the action must not begin.
    pub(super) async fn begin<'a>(
        self,
        pool: &'a Pool,
        brand_id: i32,
        attribution: Attribution<'_>,
        now: Timestamp,
    ) -> Result<OpenEntry<'a>, StorageError> {
        let action_id =
            self.store(&mut *pool.acquire().await?, brand_id, (attribution, now), "").await?;
        Ok(OpenEntry { pool, brand_id, action_id })
    }

    /// Stores the audit entry of an action in the transaction that begins it. Returns the id of the entry, for
    /// [`finish_in`].
    pub(super) async fn begin_in(
        self,
        db: &mut Connection,
        brand_id: i32,
        attribution: Attribution<'_>,
        now: Timestamp,
    ) -> Result<Uuid, StorageError> {
        self.store(db, brand_id, (attribution, now), "").await
    }

    /// Stores the audit entry of an action in the action's own transaction: both happen, or none.
    pub(super) async fn done_in(
        self,
        db: &mut Connection,
        brand_id: i32,
        by: (Attribution<'_>, Timestamp),
        outcome: &str,
    ) -> Result<(), StorageError> {
        self.store(db, brand_id, by, outcome).await.map(drop)
    }

    /// Stores the entry. Returns its id.
    async fn store(
        self,
        db: &mut Connection,
        brand_id: i32,
        (attribution, now): (Attribution<'_>, Timestamp),
        outcome: &str,
    ) -> Result<Uuid, StorageError> {
        let row = ActionRow {
            customers: self.customers(db, brand_id).await?,
            action_id: Uuid::new_v4(),
            source: self.source,
            action: self.name.to_owned(),
            subjects: self.subjects,
            target: self.target,
            done_by: text::clean(attribution.by),
            reason: text::clean(attribution.reason),
            is_reason_erased: false,
            via: Some(attribution.via),
            begun_at: now,
            outcome: outcome.to_owned(),
        };
        insert_action(db, brand_id, &row).await?;
        Ok(row.action_id)
    }

    /// One hash for each customer that has the records: always the same one, whichever of its records are named.
    async fn customers(
        &self,
        db: &mut Connection,
        brand_id: i32,
    ) -> Result<BTreeSet<SuppressionHash>, StorageError> {
        let Some((hasher, records)) = self.records.as_ref().filter(|(_, all)| !all.is_empty())
        else {
            return Ok(BTreeSet::new());
        };
        let owners = list_owners(db, brand_id, records).await?;
        let hash = |record: &RecordKey| {
            let key: Option<RecordKey> = owners.get(record).and_then(|key| key.parse().ok());
            hasher.record(key.as_ref().unwrap_or(record))
        };
        Ok(records.iter().map(hash).collect())
    }
}

/// The beginning of the hash of a customer, as the audit log shows it.
#[must_use]
pub fn short_id(brand: &Brand, customer_key: &str) -> String {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let record: Option<RecordKey> = customer_key.parse().ok();
    record.map(|record| short_subject(&hasher.record(&record))).unwrap_or_default()
}

/// Stores that a person saw data about customers: what they looked at, by an id of this service or a count, and the
/// records, as hashes.
///
/// # Errors
/// If Postgres fails. Then the data must not be shown.
pub async fn record_view(
    pool: &Pool,
    brand: &Brand,
    (name, target): (&'static str, String),
    records: &BTreeSet<RecordKey>,
    by: (Attribution<'_>, Timestamp),
) -> Result<(), StorageError> {
    let entry = Action::new(name, target).about_records(brand, records);
    entry.done_in(&mut *pool.acquire().await?, brand.id(), by, "shown").await
}

/// Stores the outcome of an action, in the transaction that ends it.
pub(super) async fn finish_in(
    db: &mut Connection,
    brand_id: i32,
    action_id: Uuid,
    outcome: &str,
) -> Result<(), StorageError> {
    finish_action(db, brand_id, action_id, outcome).await
}

/// The audit entry of an action whose outcome is not known yet.
pub(super) struct OpenEntry<'a> {
    pool: &'a Pool,
    brand_id: i32,
    action_id: Uuid,
}

impl OpenEntry<'_> {
    /// Stores the outcome of the action. A later call replaces it.
    pub(super) async fn end(&self, outcome: &str) -> Result<(), StorageError> {
        finish_action(self.pool, self.brand_id, self.action_id, outcome).await
    }
}
