//! Open questions and lookups: how often lookups met a question, and which addresses and ids find several customers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::Timestamp;

use super::StorageError;
use super::component_rows::ReviewRow;
use super::identifier_columns::{columns, identifier};
use super::invalidation::LookupHash;
use super::pool::{Connection, Pool};
use super::records::record_key;
use super::trusted_first::with_trusted_first;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;

type Time = jiff_sqlx::Timestamp;

/// How often, and when last, lookups in the history asked for an address or id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookupSummary {
    /// How many lookups, at most [`Self::MOST`].
    pub count: u64,
    /// Whether there are more.
    pub is_more: bool,
    /// When the last one came.
    pub last_at: Option<Timestamp>,
    /// The last ticket that is a number, of the lookups that were counted.
    pub last_ticket: Option<String>,
}

impl LookupSummary {
    /// The last lookups of each address or id are counted, at most this many.
    pub const MOST: u64 = 1_000;
}

/// The lookups of each of some addresses and ids, if there is any.
///
/// # Errors
/// When Postgres fails.
pub async fn count_lookups(
    db: &mut Connection,
    brand_id: i32,
    questions: &BTreeSet<LookupHash>,
) -> Result<BTreeMap<LookupHash, LookupSummary>, StorageError> {
    let rows: Vec<(Vec<u8>, i64, Time, Option<String>)> = sqlx::query_as(
        "select asked.hash, found.lookups, found.last_at, found.ticket
        from unnest($2::bytea[]) as asked (hash)
        cross join lateral (
            select count(*) as lookups, max(asked_at) as last_at,
                (array_agg(ticket order by asked_at desc, request_id desc) filter (where ticket is not null))[1] as ticket
            from (
                select asked_at, request_id, ticket from lookup_history
                where brand_id = $1 and question_hash = asked.hash order by asked_at desc limit $3
            ) as newest
        ) as found
        where found.lookups > 0",
    )
    .bind(brand_id)
    .bind(bytes(questions))
    .bind(i64::try_from(LookupSummary::MOST.saturating_add(1)).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    let summary = |(question, count, last_at, last_ticket): (Vec<u8>, i64, Time, _)| {
        let count = u64::try_from(count).unwrap_or_default();
        let is_more = count > LookupSummary::MOST;
        let count = count.min(LookupSummary::MOST);
        let last_at = Some(last_at.to_jiff());
        Ok((lookup_hash(&question)?, LookupSummary { count, is_more, last_at, last_ticket }))
    };
    rows.into_iter().map(summary).collect()
}

/// An address or id of which lookups found several customers, or too many.
pub struct SeveralFound {
    /// The address or id.
    pub question: LookupHash,
    /// The keys that the customers had when the last of these lookups found them; not all of them if they were too many.
    pub customers: Vec<String>,
    /// When the first of these lookups in the history came.
    pub first_at: Timestamp,
}

/// The addresses and ids of which lookups found several customers, the last asked ones first, at most `limit`. Without
/// some that are known. Of each, it reads two lookups, however many there are.
///
/// # Errors
/// When Postgres fails.
pub async fn list_several_found(
    db: &mut Connection,
    brand_id: i32,
    known: &BTreeSet<LookupHash>,
    limit: i64,
) -> Result<Vec<SeveralFound>, StorageError> {
    let rows: Vec<(Vec<u8>, Vec<String>, Time)> = sqlx::query_as(
        "with recursive asked (hash) as (
            (
                select question_hash from lookup_history
                where brand_id = $1 and cardinality(customer_keys) > 1 and question_hash is not null
                order by question_hash limit 1
            )
            union all
            select (
                select question_hash from lookup_history
                where brand_id = $1 and cardinality(customer_keys) > 1 and question_hash > asked.hash
                order by question_hash limit 1
            ) from asked where asked.hash is not null
        )
        select asked.hash, newest.customer_keys, oldest.asked_at
        from asked
        cross join lateral (
            select customer_keys, asked_at from lookup_history
            where brand_id = $1 and question_hash = asked.hash and cardinality(customer_keys) > 1
            order by asked_at desc, request_id desc limit 1
        ) as newest
        cross join lateral (
            select asked_at from lookup_history
            where brand_id = $1 and question_hash = asked.hash and cardinality(customer_keys) > 1
            order by asked_at limit 1
        ) as oldest
        where not exists (select from unnest($2::bytea[]) as known (hash) where known.hash = asked.hash)
        order by newest.asked_at desc, asked.hash limit $3",
    )
    .bind(brand_id)
    .bind(bytes(known))
    .bind(limit)
    .fetch_all(db)
    .await?;
    let found = |(question, customers, first_at): (Vec<u8>, _, Time)| {
        let question = lookup_hash(&question)?;
        Ok(SeveralFound { question, customers, first_at: first_at.to_jiff() })
    };
    rows.into_iter().map(found).collect()
}

static ADDRESS_HOLDERS: LazyLock<String> = LazyLock::new(|| {
    with_trusted_first(
        "select asked.kind, asked.address, found.customer_key
        from unnest($2::text[], $3::text[]) as asked (kind, address)
        cross join lateral (
            select held.customer_key from customer_addresses as held
            where held.brand_id = $1 and held.kind = asked.kind and held.address = asked.address and {trusted_first}
            order by held.customer_key limit $4
        ) as found",
    )
});

/// The keys of the customers that a lookup of each of some addresses finds, at most [`ReviewRow::MOST_STORED`] of each.
///
/// # Errors
/// When Postgres fails.
pub async fn list_address_holders(
    db: &mut Connection,
    brand_id: i32,
    addresses: &BTreeSet<Identifier>,
) -> Result<BTreeMap<Identifier, BTreeSet<String>>, StorageError> {
    let (kinds, values) = columns(addresses);
    let rows: Vec<(String, String, String)> = sqlx::query_as(ADDRESS_HOLDERS.as_str())
        .bind(brand_id)
        .bind(kinds)
        .bind(values)
        .bind(i64::try_from(ReviewRow::MOST_STORED).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
    let mut holders: BTreeMap<Identifier, BTreeSet<String>> = BTreeMap::new();
    for (kind, value, customer) in rows {
        holders.entry(identifier(&kind, value)?).or_default().insert(customer);
    }
    Ok(holders)
}

/// The records of some customers, each with its customer.
///
/// # Errors
/// When Postgres fails.
pub async fn list_records_of(
    db: &mut Connection,
    brand_id: i32,
    customers: &BTreeSet<&String>,
) -> Result<BTreeMap<RecordKey, String>, StorageError> {
    let query = sqlx::query_as(
        "select record_key, customer_key from customer_records where brand_id = $1 and customer_key = any($2)",
    );
    let customers: Vec<&String> = customers.iter().copied().collect();
    let rows: Vec<(String, String)> = query.bind(brand_id).bind(customers).fetch_all(db).await?;
    rows.into_iter().map(|(record, customer)| Ok((record_key(&record)?, customer))).collect()
}

/// Until when somebody put away the question of an address or id, and the customers that it was about.
pub struct Postponed {
    /// All customers that it was about.
    pub customers: Vec<String>,
    /// Until when.
    pub until: Timestamp,
}

/// The questions that only lookups met and that somebody put away.
///
/// # Errors
/// When Postgres fails.
pub async fn list_postponed(
    db: &mut Connection,
    brand_id: i32,
) -> Result<BTreeMap<LookupHash, Postponed>, StorageError> {
    let query = sqlx::query_as(
        "select question_hash, customer_keys, postponed_until from postponed_lookup_reviews where brand_id = $1",
    );
    let rows: Vec<(Vec<u8>, Vec<String>, Time)> = query.bind(brand_id).fetch_all(db).await?;
    let postponed = |(question, customers, until): (Vec<u8>, _, Time)| {
        Ok((lookup_hash(&question)?, Postponed { customers, until: until.to_jiff() }))
    };
    rows.into_iter().map(postponed).collect()
}

/// Puts a question that only lookups met away until then, if all customers that it is about still exist. Returns whether they
/// do. The transaction has the lock of the brand, so that no erasure deletes one of them meanwhile.
///
/// # Errors
/// When Postgres fails.
pub async fn postpone_lookup_review(
    db: &mut Connection,
    brand_id: i32,
    question: LookupHash,
    customers: &[String],
    until: Timestamp,
) -> Result<bool, StorageError> {
    let insert = sqlx::query(
        "insert into postponed_lookup_reviews (brand_id, question_hash, customer_keys, postponed_until)
        select $1::integer, $2::bytea, $3::text[], $4::timestamptz where not exists (
            select from unnest($3::text[]) as asked (customer_key)
            where not exists (select from customers where brand_id = $1 and customers.customer_key = asked.customer_key)
        )
        on conflict (brand_id, question_hash) do update
        set customer_keys = excluded.customer_keys, postponed_until = excluded.postponed_until",
    );
    let insert = insert.bind(brand_id).bind(question.0.to_vec()).bind(customers);
    Ok(insert.bind(Time::from(until)).execute(db).await?.rows_affected() > 0)
}

/// Deletes that somebody put away questions until before this time.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_past_postponements(
    pool: &Pool,
    brand_id: i32,
    now: Timestamp,
) -> Result<(), StorageError> {
    let delete =
        "delete from postponed_lookup_reviews where brand_id = $1 and postponed_until <= $2";
    sqlx::query(delete).bind(brand_id).bind(Time::from(now)).execute(pool).await?;
    Ok(())
}

fn bytes(questions: &BTreeSet<LookupHash>) -> Vec<Vec<u8>> {
    questions.iter().map(|question| question.0.to_vec()).collect()
}

fn lookup_hash(bytes: &[u8]) -> Result<LookupHash, StorageError> {
    bytes.try_into().map(LookupHash).map_err(|_| StorageError::Corrupt("lookup_history"))
}
