//! The lookups that were answered, without personal data: keyed hashes, and keys of customers.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::StorageError;
use super::invalidation::{BrandSecret, LookupHash};
use super::page_key::PageKey;
use super::pool::{Connection, Pool};
use super::suppressions::SuppressionHash;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::RecordKey;

type Time = jiff_sqlx::Timestamp;

/// The ticket that a request named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Its keyed hash, which finds the lookup.
    pub hash: LookupHash,
    /// The ticket itself, if it is a number of 1 to 7 digits that does not begin with 0. Any other text may be personal data.
    pub number: Option<u32>,
}

impl Ticket {
    /// The ticket with this text.
    #[must_use]
    pub fn new(secret: &BrandSecret, text: &str) -> Self {
        let digits = text.trim();
        let is_number = (1..=7).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        let number = is_number.then(|| digits.parse().ok()).flatten();
        Self { hash: LookupHash::of_ticket(secret, text), number }
    }
}

/// A lookup to store.
pub struct NewLookup<'a> {
    /// When the request came.
    pub asked_at: Timestamp,
    /// The id of the request.
    pub request_id: Uuid,
    /// The ticket that the request named.
    pub ticket: Option<Ticket>,
    /// The address or id, if it was valid.
    pub question: Option<LookupHash>,
    /// Whether the lookup is by e-mail address, phone number or id.
    pub question_kind: Option<&'a str>,
    /// The status of the response.
    pub status: u16,
    /// The code of the error, if it is one.
    pub problem: Option<&'a str>,
    /// The result of the cache.
    pub cache: &'a str,
    /// The keys of the customers that matched, each with its hash in the suppression list.
    pub customers: Vec<(&'a str, SuppressionHash)>,
    /// More customers matched than an answer may have: it was empty.
    pub too_many: bool,
    /// What each source answered, as in the log.
    pub sources: String,
    /// The time until the response, in microseconds.
    pub duration_us: u64,
}

/// A stored lookup. It says who was found, so it does not implement `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct LookupRow {
    /// When the request came.
    pub asked_at: Timestamp,
    /// The id of the request.
    pub request_id: Uuid,
    /// The ticket that the request named, if it is a number.
    pub ticket: Option<String>,
    /// Whether the lookup is by e-mail address, phone number or id; `None` if the request was rejected before.
    pub question_kind: Option<String>,
    /// The status of the response.
    pub status: i16,
    /// The code of the error, if it is one.
    pub problem: Option<String>,
    /// The result of the cache.
    pub cache: String,
    /// The keys that the customers in the answer had then. If too many matched: of some that matched.
    pub customer_keys: Vec<String>,
    /// More customers matched than an answer may have: it was empty.
    pub too_many: bool,
    /// What each source answered: names and outcomes, as `name=outcome name=outcome`.
    pub sources: String,
    /// The time until the response, in microseconds.
    pub duration_us: i32,
}

impl LookupRow {
    /// The sources that were to be asked, each with what it answered.
    pub fn source_outcomes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sources.split(' ').filter_map(|outcome| outcome.split_once('='))
    }
}

/// Stores lookups of a brand, except those whose answer has an erased person. Returns how many are stored.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_lookups(
    pool: &Pool,
    brand_id: i32,
    rows: &[NewLookup<'_>],
) -> Result<u64, StorageError> {
    fn each<'a, 'b, T>(
        rows: &'a [NewLookup<'b>],
        value: impl FnMut(&'a NewLookup<'b>) -> T,
    ) -> Vec<T> {
        rows.iter().map(value).collect()
    }
    let hash = |hash: Option<LookupHash>| hash.map(|hash| hash.0.to_vec());
    // The customers of all rows are one array, of which each row has a part. Postgres counts from 1.
    let mut last = 0_i32;
    let parts = each(rows, |row| {
        let first = last.saturating_add(1);
        last = last.saturating_add(i32::try_from(row.customers.len()).unwrap_or(i32::MAX));
        (first, last)
    });
    let (first, last): (Vec<i32>, Vec<i32>) = parts.into_iter().unzip();
    let customers = || rows.iter().flat_map(|row| &row.customers);
    let (stored,): (i64,) = sqlx::query_as(include_str!("insert_lookups.sql"))
        .bind(brand_id)
        .bind(each(rows, |row| Time::from(row.asked_at)))
        .bind(each(rows, |row| row.request_id))
        .bind(each(rows, |row| hash(row.ticket.map(|ticket| ticket.hash))))
        .bind(each(rows, |row| hash(row.question)))
        .bind(each(rows, |row| row.question_kind))
        .bind(each(rows, |row| i16::try_from(row.status).unwrap_or(i16::MAX)))
        .bind(each(rows, |row| row.problem))
        .bind(each(rows, |row| row.cache))
        .bind(each(rows, |row| row.sources.as_str()))
        .bind(each(rows, |row| i32::try_from(row.duration_us).unwrap_or(i32::MAX)))
        .bind(first)
        .bind(last)
        .bind(customers().map(|(key, _)| *key).collect::<Vec<_>>())
        .bind(customers().map(|(_, hash)| hash.0.to_vec()).collect::<Vec<_>>())
        .bind(each(rows, |row| row.ticket?.number.map(|number| number.to_string())))
        .bind(each(rows, |row| row.too_many))
        .fetch_one(pool)
        .await?;
    Ok(u64::try_from(stored).unwrap_or_default())
}

/// Which lookups to find.
#[derive(Clone, Copy)]
pub enum LookupFilter<'a> {
    /// Those that named a ticket.
    Ticket(LookupHash),
    /// The one of a request.
    Request(Uuid),
    /// Those of an address or id.
    Question(LookupHash),
    /// Those that one of these customers matched.
    Customers(&'a BTreeSet<RecordKey>),
    /// Those about a person.
    About(&'a PersonLookups),
    /// All, from before one of them.
    Before(PageKey),
}

/// What finds the lookups about a person.
pub struct PersonLookups {
    /// The keys that the person's customer has, or may have had: those of its records.
    keys: Vec<String>,
    /// The hashes of its addresses and ids.
    questions: Vec<Vec<u8>>,
}

impl PersonLookups {
    /// The lookups about the person of some records with these identifiers.
    #[must_use]
    pub fn new<'a>(
        secret: &BrandSecret,
        records: &BTreeSet<RecordKey>,
        identifiers: impl IntoIterator<Item = &'a Identifier>,
    ) -> Self {
        let ids = records.iter().flat_map(RecordKey::shown_ids);
        let of_identifier = |identifier: &Identifier| match id_of_reference(identifier) {
            Some(id) => LookupHash::of_id(secret, id),
            None => LookupHash::of_address(secret, identifier),
        };
        let questions: BTreeSet<LookupHash> = ids
            .map(|id| LookupHash::of_id(secret, &id))
            .chain(identifiers.into_iter().map(of_identifier))
            .collect();
        Self {
            keys: records.iter().map(ToString::to_string).collect(),
            questions: questions.into_iter().map(|hash| hash.0.to_vec()).collect(),
        }
    }
}

/// The id by which lookups can ask for a reference. `None` for an address.
#[must_use]
pub fn id_of_reference(identifier: &Identifier) -> Option<&str> {
    let id = || identifier.value.split_once(':').map(|(_, id)| id);
    (identifier.kind == IdentifierKind::Reference).then(id).flatten()
}

macro_rules! select_lookups {
    ($condition:literal) => {
        concat!(
            "select asked_at, request_id, ticket, question_kind, status, problem, cache, customer_keys, too_many, sources, duration_us
            from lookup_history where brand_id = $1 and ",
            $condition,
            " order by asked_at desc, request_id desc limit $2"
        )
    };
}

type Columns = (
    Time,
    Uuid,
    Option<String>,
    Option<String>,
    i16,
    Option<String>,
    String,
    Vec<String>,
    bool,
    String,
    i32,
);

/// The newest lookups that match, at most `limit`. `None`: all.
///
/// # Errors
/// When Postgres fails.
pub async fn list_lookups(
    db: &mut Connection,
    brand_id: i32,
    filter: LookupFilter<'_>,
    limit: Option<u32>,
) -> Result<Vec<LookupRow>, StorageError> {
    let select = match filter {
        LookupFilter::Ticket(_) => select_lookups!("ticket_hash = $3"),
        LookupFilter::Request(_) => select_lookups!("request_id = $3"),
        LookupFilter::Question(_) => select_lookups!("question_hash = $3"),
        LookupFilter::Customers(_) => select_lookups!("customer_keys && $3"),
        LookupFilter::About(_) => {
            select_lookups!("(customer_keys && $3 or question_hash = any($4))")
        }
        LookupFilter::Before(_) => select_lookups!("(asked_at, request_id) < ($3, $4)"),
    };
    let query = sqlx::query_as(select).bind(brand_id).bind(limit.map(i64::from));
    let query = match filter {
        LookupFilter::Ticket(hash) | LookupFilter::Question(hash) => query.bind(hash.0.to_vec()),
        LookupFilter::Request(id) => query.bind(id),
        LookupFilter::Customers(keys) => query.bind(super::records::texts(keys)),
        LookupFilter::About(person) => query.bind(&person.keys).bind(&person.questions),
        LookupFilter::Before(key) => query.bind(Time::from(key.at)).bind(key.id),
    };
    let rows: Vec<Columns> = query.fetch_all(db).await?;
    Ok(rows.into_iter().map(lookup_row).collect())
}

fn lookup_row(columns: Columns) -> LookupRow {
    let (
        asked_at,
        request_id,
        ticket,
        question_kind,
        status,
        problem,
        cache,
        customer_keys,
        too_many,
        sources,
        duration_us,
    ) = columns;
    LookupRow {
        asked_at: asked_at.to_jiff(),
        request_id,
        ticket,
        question_kind,
        status,
        problem,
        cache,
        customer_keys,
        too_many,
        sources,
        duration_us,
    }
}

/// Deletes the lookups about a person, and that somebody put away a question that such lookups met. Until the transaction ends, no lookup of any brand is stored: one that was
/// answered before the erasure could be stored after it.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_lookups_about(
    db: &mut Connection,
    brand_id: i32,
    person: &PersonLookups,
) -> Result<(), StorageError> {
    // This lock conflicts with itself too, so that two erasures cannot wait for each other.
    sqlx::query("lock table lookup_history in share row exclusive mode").execute(&mut *db).await?;
    for delete in [
        "delete from lookup_history where brand_id = $1 and (customer_keys && $2 or question_hash = any($3))",
        "delete from postponed_lookup_reviews where brand_id = $1 and (customer_keys && $2 or question_hash = any($3))",
    ] {
        let query = sqlx::query(delete).bind(brand_id).bind(&person.keys).bind(&person.questions);
        query.execute(&mut *db).await?;
    }
    Ok(())
}

/// Deletes lookups from before a time, at most `limit`. Returns whether there may be more.
///
/// # Errors
/// When Postgres fails.
pub async fn delete_old_lookups(
    pool: &Pool,
    brand_id: i32,
    before: Timestamp,
    limit: u32,
) -> Result<bool, StorageError> {
    let deleted = sqlx::query(
        "delete from lookup_history where brand_id = $1 and (asked_at, request_id) in (
            select asked_at, request_id from lookup_history where brand_id = $1 and asked_at < $2
            order by asked_at limit $3)",
    )
    .bind(brand_id)
    .bind(Time::from(before))
    .bind(i64::from(limit))
    .execute(pool)
    .await?;
    Ok(deleted.rows_affected() >= u64::from(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_short_number_is_stored_as_such() {
        let number = |text: &str| Ticket::new(&BrandSecret([7; 16]), text).number;
        assert_eq!(number("4711"), Some(4_711));
        assert_eq!(number(" 9999999 "), Some(9_999_999));
        for text in [
            "",
            "0",
            "0612312",
            "12345678",
            "1234567890",
            "+31612312",
            "T-1",
            "12 34",
            "1e3",
            "\u{664}7",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
