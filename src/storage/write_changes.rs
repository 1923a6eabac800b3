//! What a piece of work comes to, written in one round trip: facts that are news, and customers that differ.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::pool::{Connection, Pool, Transaction};

use super::StorageError;
use super::invalidation::{CHANNEL, Invalidation};
use super::load_component::{Found, ReviewRow};
use crate::customer::model::event::Event;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Record, RecordKey, SourceMerge};

/// An identifier of a live record.
#[derive(Clone)]
pub struct IdentifierRow {
    /// Whose.
    pub record: RecordKey,
    /// What.
    pub identifier: Identifier,
    /// How it finds.
    pub found: Found,
}

/// News about what the sources said.
#[derive(Default)]
pub struct IdentityChanges {
    /// Records in their new state.
    pub records: Vec<Record>,
    /// What records are no longer found by.
    pub identifiers_gone: Vec<(RecordKey, Identifier)>,
    /// What they are newly found by, or differently.
    pub identifiers: Vec<IdentifierRow>,
    /// Values that ceased to be shared.
    pub shared_gone: Vec<Identifier>,
    /// Values that became shared.
    pub shared: Vec<Identifier>,
    /// Merges that are news.
    pub merges: Vec<SourceMerge>,
    /// Events in their new state.
    pub events: Vec<Event>,
}

/// A customer that is new or different.
pub struct CustomerRow {
    /// Its first record.
    pub key: String,
    /// As answers show it.
    pub customer_id: String,
    /// The answer as JSON.
    pub answer: String,
}

/// How customers differ from those that stand there.
#[derive(Default)]
pub struct Derived {
    /// Customers that are no more.
    pub customers_gone: Vec<String>,
    /// New and different ones.
    pub customers: Vec<CustomerRow>,
    /// What rendered them.
    pub settings_hash: [u8; 16],
    /// Record keys that stand for nobody any more.
    pub records_gone: Vec<RecordKey>,
    /// Record keys and whom they stand for.
    pub records: Vec<(RecordKey, String)>,
    /// Addresses that customers no longer have.
    pub addresses_gone: Vec<(Identifier, String)>,
    /// Addresses that they newly have.
    pub addresses: Vec<(Identifier, String, bool)>,
    /// Reviews that are settled or different.
    pub reviews_gone: Vec<ReviewRow>,
    /// New and different ones.
    pub reviews: Vec<ReviewRow>,
    /// What the caches must be told.
    pub notice: Option<Invalidation>,
    /// Components above the cap.
    pub oversized: usize,
    /// The settings' templates that failed.
    pub failed_templates: BTreeSet<String>,
}

/// Begins a transaction that keeps every other writer of the brand out until it ends, as soon as the one at work has ended. Whoever
/// waits gives the connection back from time to time, so that a writer that hangs keeps nobody from other work.
///
/// # Errors
/// When Postgres fails, or the other writer doesn't end.
pub async fn begin(pool: &Pool, brand_id: i32) -> Result<Transaction, StorageError> {
    let began_at = Instant::now();
    loop {
        match try_begin(pool, brand_id, PATIENCE).await {
            Err(error) if error.is_held() && began_at.elapsed() < MOST_PATIENCE => tokio::time::sleep(PAUSE).await,
            done => return done,
        }
    }
}

/// How long a writer waits for another one of the same brand before it gives its connection back, and how long it then pauses.
pub const PATIENCE: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(50);

/// How long it tries in all: Postgres ends the other one before that, if that hangs.
const MOST_PATIENCE: Duration = Duration::from_secs(30);

/// Like [`begin`], but gives up where another writer of the brand is at work for longer than that: see
/// [`StorageError::is_held`].
///
/// Whatever the tables hold, every step of the two statements is to find its rows by index: the statements are planned
/// once per connection, when the tables may still be empty.
///
/// # Errors
/// When Postgres fails.
pub async fn try_begin(pool: &Pool, brand_id: i32, timeout: Duration) -> Result<Transaction, StorageError> {
    // The first number names the purpose, so that other users of advisory locks don't meet ours.
    let begin = format!(
        "begin; {PLANS}; set local lock_timeout = {}; select pg_advisory_xact_lock(1752131440, {brand_id}); set local lock_timeout = '5s'",
        timeout.as_millis()
    );
    Ok(pool.begin_with(sqlx::AssertSqlSafe(begin)).await?)
}

/// How statements are planned, inside a transaction.
const PLANS: &str = "set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_material = off; \
     set local enable_hashjoin = off; set local enable_mergejoin = off; set local jit = off; set local plan_cache_mode = force_generic_plan";

/// Begins a transaction that only reads, beside one that keeps the brand's other writers out and hasn't written yet itself: so
/// both see the same. `None` when no connection is free: whoever has one must not wait for another.
///
/// # Errors
/// When Postgres fails.
pub async fn try_begin_concurrent(pool: &Pool) -> Result<Option<Transaction>, StorageError> {
    Ok(pool.try_begin_with(sqlx::AssertSqlSafe(format!("begin read only; {PLANS}"))).await?)
}

/// Lets Postgres look at what is in the tables, so that statements are planned anew. It does so by itself only every minute,
/// and a first backfill would go on with plans for empty tables until then.
///
/// # Errors
/// When Postgres fails.
pub async fn analyze(pool: &Pool) -> Result<(), StorageError> {
    let tables = [
        "records",
        "identifiers",
        "shared_values",
        "source_merges",
        "events",
        "event_references",
        "customers",
        "customer_records",
        "customer_addresses",
        "answers",
        "reviews",
    ];
    for table in tables {
        // Another replica may be at it: that is nothing to be told.
        let mut transaction = pool.begin_with("begin; set local client_min_messages = error").await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("analyze (skip_locked) {table}"))).execute(&mut *transaction).await?;
        transaction.commit().await?;
    }
    Ok(())
}

const WRITE: &str = include_str!("write_changes.sql");

/// Writes everything, and tells every replica as soon as the transaction commits.
///
/// # Errors
/// When Postgres fails.
pub async fn write_changes(db: &mut Connection, brand_id: i32, facts: &IdentityChanges, derived: &Derived) -> Result<(), StorageError> {
    let kind = |identifier: &Identifier| identifier.kind.as_str();
    let references: Vec<(String, String, String)> = facts
        .events
        .iter()
        .filter(|event| event.versions.is_live())
        .flat_map(|event| event.references().map(|(namespace, value)| (value, namespace, event.key.to_string())))
        .collect();
    let state = |versions| serde_json::to_string(versions).unwrap_or_default();
    let notices = derived.notice.as_ref().map(Invalidation::payloads).unwrap_or_default();
    let reviews: Vec<String> = derived.reviews.iter().map(|review| serde_json::to_string(&review.customers).unwrap_or_default()).collect();
    let query = sqlx::query(WRITE)
        .bind(brand_id)
        .bind(facts.records.iter().map(|record| record.key.to_string()).collect::<Vec<_>>())
        .bind(facts.records.iter().map(|record| state(&record.versions)).collect::<Vec<_>>())
        .bind(facts.identifiers_gone.iter().map(|(record, _)| record.to_string()).collect::<Vec<_>>())
        .bind(facts.identifiers_gone.iter().map(|(_, identifier)| kind(identifier)).collect::<Vec<_>>())
        .bind(facts.identifiers_gone.iter().map(|(_, identifier)| identifier.value.as_str()).collect::<Vec<_>>())
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
        .bind(facts.merges.iter().map(|merge| jiff_sqlx::Timestamp::from(merge.at)).collect::<Vec<_>>())
        .bind(facts.events.iter().map(|event| event.key.to_string()).collect::<Vec<_>>())
        .bind(facts.events.iter().map(|event| state(&event.versions)).collect::<Vec<_>>())
        .bind(facts.events.iter().map(|event| event.versions.is_live()).collect::<Vec<_>>())
        .bind(facts.events.iter().map(|event| event.record().map(|key| key.to_string())).collect::<Vec<_>>())
        .bind(facts.events.iter().map(|event| jiff_sqlx::Timestamp::from(event.occurred_at())).collect::<Vec<_>>())
        .bind(facts.events.iter().map(|event| event.key.source.as_str()).collect::<Vec<_>>())
        .bind(facts.events.iter().map(|event| event.key.event_type()).collect::<Vec<_>>())
        .bind(facts.events.iter().map(|event| event.key.id.as_str()).collect::<Vec<_>>())
        .bind(references.iter().map(|(value, ..)| value.as_str()).collect::<Vec<_>>())
        .bind(references.iter().map(|(_, namespace, _)| namespace.as_str()).collect::<Vec<_>>())
        .bind(references.iter().map(|(.., key)| key.as_str()).collect::<Vec<_>>())
        .bind(&derived.customers_gone)
        .bind(derived.customers.iter().map(|customer| customer.key.as_str()).collect::<Vec<_>>())
        .bind(derived.customers.iter().map(|customer| customer.customer_id.as_str()).collect::<Vec<_>>())
        .bind(derived.customers.iter().map(|customer| customer.answer.as_str()).collect::<Vec<_>>())
        .bind(derived.settings_hash.as_slice())
        .bind(derived.records_gone.iter().map(ToString::to_string).collect::<Vec<_>>())
        .bind(derived.records.iter().map(|(record, _)| record.to_string()).collect::<Vec<_>>())
        .bind(derived.records.iter().map(|(_, owner)| owner.as_str()).collect::<Vec<_>>())
        .bind(derived.addresses_gone.iter().map(|(address, _)| kind(address)).collect::<Vec<_>>())
        .bind(derived.addresses_gone.iter().map(|(address, _)| address.value.as_str()).collect::<Vec<_>>())
        .bind(derived.addresses_gone.iter().map(|(_, owner)| owner.as_str()).collect::<Vec<_>>())
        .bind(derived.addresses.iter().map(|(address, ..)| kind(address)).collect::<Vec<_>>())
        .bind(derived.addresses.iter().map(|(address, ..)| address.value.as_str()).collect::<Vec<_>>())
        .bind(derived.addresses.iter().map(|(_, owner, _)| owner.as_str()).collect::<Vec<_>>())
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
        .bind(derived.addresses.iter().map(|(.., self_asserted)| *self_asserted).collect::<Vec<_>>());
    query.execute(db).await?;
    Ok(())
}

impl IdentityChanges {
    /// How many records, events and merges are news.
    #[must_use]
    pub const fn news(&self) -> usize {
        self.records.len().saturating_add(self.events.len()).saturating_add(self.merges.len())
    }
}
