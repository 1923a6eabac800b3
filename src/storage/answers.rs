//! Reads stored answers for lookups, in one round trip.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::pool::Connection;

use super::StorageError;
use super::invalidation::LookupHash;
use super::live_queries::{LastQuery, last_queries};
use super::suppressions::SuppressionHash;
use super::trusted_first::with_trusted_first;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::source::{Source, SourceKind};

/// A rendered answer.
#[derive(Clone)]
pub struct AnswerRow {
    /// The internal key of the customer.
    pub customer_key: String,
    /// Hash of the settings that rendered it.
    pub settings_hash: Vec<u8>,
    /// One object of the response array.
    pub body: String,
}

static BY_ADDRESSES: LazyLock<String> = LazyLock::new(|| {
    with_trusted_first(
        "select asked.n, found.customer_key, found.settings_hash, found.body
        from unnest($2::text[], $3::text[]) with ordinality as asked (kind, address, n)
        cross join lateral (
            select answer.customer_key, answer.settings_hash, answer.body from customer_addresses as held
            join answers as answer on answer.brand_id = $1 and answer.customer_key = held.customer_key
            where held.brand_id = $1 and held.kind = asked.kind and held.address = asked.address
                and {trusted_first}
            order by held.customer_key limit $4
        ) as found",
    )
});

static KNOWN_ADDRESSES: LazyLock<String> =
    LazyLock::new(|| with_trusted_first(include_str!("find_known_addresses.sql")));

/// The customers with each of some addresses, at most `limit` for each, in the order of the addresses.
///
/// # Errors
/// When Postgres fails.
pub async fn find_by_addresses(
    db: &mut Connection,
    brand_id: i32,
    addresses: &[&Identifier],
    limit: usize,
) -> Result<Vec<Vec<AnswerRow>>, StorageError> {
    let kinds: Vec<&str> = addresses.iter().map(|address| address.kind.as_str()).collect();
    let values: Vec<&str> = addresses.iter().map(|address| address.value.as_str()).collect();
    let rows: Vec<(i64, String, Vec<u8>, String)> = sqlx::query_as(BY_ADDRESSES.as_str())
        .bind(brand_id)
        .bind(kinds)
        .bind(values)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
    let mut found: Vec<Vec<AnswerRow>> = addresses.iter().map(|_| Vec::new()).collect();
    for (n, customer_key, settings_hash, body) in rows {
        let place = usize::try_from(n).ok().and_then(|n| found.get_mut(n.checked_sub(1)?));
        place.ok_or(StorageError::Corrupt("answers"))?.push(AnswerRow {
            customer_key,
            settings_hash,
            body,
        });
    }
    for rows in &mut found {
        rows.sort_unstable_by(|one, other| one.customer_key.cmp(&other.customer_key));
    }
    Ok(found)
}

/// The stored data of an address, for brands with read-through.
#[derive(Clone, Default)]
pub struct StoredAddress {
    /// The customers with the address.
    pub rows: Vec<AnswerRow>,
    /// The sources that have records of them.
    pub sources: BTreeSet<Source>,
    /// When each source was last asked about the address.
    pub last_queries: Vec<LastQuery>,
}

type KnownColumns = (
    i64,
    Option<String>,
    Option<Vec<u8>>,
    Option<String>,
    Option<Vec<String>>,
    Option<Vec<String>>,
    Option<Vec<f64>>,
    Option<Vec<bool>>,
);

/// Like [`find_by_addresses`], with the sources of those customers, and the last live queries about the
/// addresses. Each address comes with its lookup hash.
///
/// # Errors
/// When Postgres fails.
pub async fn find_known_addresses(
    db: &mut Connection,
    brand_id: i32,
    addresses: &[(&Identifier, LookupHash)],
    limit: usize,
) -> Result<Vec<StoredAddress>, StorageError> {
    let kinds: Vec<&str> = addresses.iter().map(|(address, _)| address.kind.as_str()).collect();
    let values: Vec<&str> = addresses.iter().map(|(address, _)| address.value.as_str()).collect();
    let questions: Vec<&[u8]> =
        addresses.iter().map(|(_, question)| question.0.as_slice()).collect();
    let rows: Vec<KnownColumns> = sqlx::query_as(KNOWN_ADDRESSES.as_str())
        .bind(brand_id)
        .bind(kinds)
        .bind(values)
        .bind(questions)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
    let mut known: Vec<StoredAddress> =
        addresses.iter().map(|_| StoredAddress::default()).collect();
    for (n, customer_key, settings_hash, body, sources, looked, ages, is_known) in rows {
        let place = usize::try_from(n)
            .ok()
            .and_then(|n| known.get_mut(n.checked_sub(1)?))
            .ok_or(StorageError::Corrupt("answers"))?;
        place.last_queries = last_queries(looked, ages, is_known)?;
        for source in sources.unwrap_or_default() {
            place
                .sources
                .insert(source.parse().map_err(StorageError::corrupt("customer_records"))?);
        }
        if let (Some(customer_key), Some(settings_hash), Some(body)) =
            (customer_key, settings_hash, body)
        {
            place.rows.push(AnswerRow { customer_key, settings_hash, body });
        }
    }
    for place in &mut known {
        place.rows.sort_unstable_by(|one, other| one.customer_key.cmp(&other.customer_key));
    }
    Ok(known)
}

/// The customers that an id may mean, from the first tier with a match: (1) customer ids, (2) ids that answers gave out
/// earlier, (3) record ids of any source, also of records that were merged into others, (4) references of the configured
/// namespaces. At most two are returned: more than one is ambiguous. Also says whether it was the last tier.
///
/// The id comes with its hash in the suppression list: an id of an erased person finds nobody else.
///
/// # Errors
/// When Postgres fails.
pub async fn find_by_id(
    db: &mut Connection,
    brand_id: i32,
    (id, hash): (&str, SuppressionHash),
    namespaces: &[String],
) -> Result<(Vec<AnswerRow>, bool), StorageError> {
    let record_keys: Vec<String> =
        SourceKind::ALL.into_iter().map(|kind| format!("{kind}:{id}")).collect();
    let references: Vec<String> =
        namespaces.iter().map(|namespace| format!("{namespace}:{id}")).collect();
    let rows: Vec<(String, Vec<u8>, String, i32)> = sqlx::query_as(include_str!("find_by_id.sql"))
        .bind(brand_id)
        .bind(id)
        .bind(record_keys)
        .bind(references)
        .bind(namespaces)
        .bind(hash.0.as_slice())
        .fetch_all(db)
        .await?;
    let by_reference = rows.iter().any(|(.., tier)| *tier == 4);
    let rows = rows.into_iter().map(|(customer_key, settings_hash, body, _)| AnswerRow {
        customer_key,
        settings_hash,
        body,
    });
    Ok((rows.collect(), by_reference))
}

/// The stored answer of a customer, as JSON.
///
/// # Errors
/// When Postgres fails.
pub async fn find_answer(
    db: &mut Connection,
    brand_id: i32,
    customer_key: &str,
) -> Result<Option<String>, StorageError> {
    let query =
        sqlx::query_as("select body from answers where brand_id = $1 and customer_key = $2");
    let found: Option<(String,)> =
        query.bind(brand_id).bind(customer_key).fetch_optional(db).await?;
    Ok(found.map(|(body,)| body))
}
