//! Reads stored answers for lookups, in one round trip.
//!
//! A query of several addresses passes on each as soon as its customers have arrived, so that its lookup is answered
//! while Postgres still reads the others.

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
        ) as found
        order by asked.n",
    )
});

static KNOWN_ADDRESSES: LazyLock<String> =
    LazyLock::new(|| with_trusted_first(include_str!("find_known_addresses.sql")));

/// Finds the customers with each of some addresses, at most `limit` for each. `found` gets the addresses in their order,
/// each as soon as its customers have arrived.
///
/// # Errors
/// When Postgres fails. Some addresses may have been passed on.
pub async fn find_by_addresses(
    db: &mut Connection,
    brand_id: i32,
    addresses: &[Identifier],
    limit: usize,
    found: impl FnMut(usize, StoredAddress) + Send,
) -> Result<(), StorageError> {
    let kinds: Vec<&str> = addresses.iter().map(|address| address.kind.as_str()).collect();
    let values: Vec<&str> = addresses.iter().map(|address| address.value.as_str()).collect();
    let query = sqlx::query_as(BY_ADDRESSES.as_str())
        .bind(brand_id)
        .bind(kinds)
        .bind(values)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let mut arriving = ArrivingAddresses::new(addresses.len(), found);
    db.each_row(query, |(n, customer_key, settings_hash, body): (i64, String, Vec<u8>, String)| {
        arriving.of_row(n)?.rows.push(AnswerRow { customer_key, settings_hash, body });
        Ok::<(), StorageError>(())
    })
    .await?;
    arriving.end();
    Ok(())
}

/// The addresses of a query, whose rows arrive in order.
struct ArrivingAddresses<F> {
    found: F,
    /// How many there are.
    addresses: usize,
    /// The address whose rows arrive.
    at: usize,
    stored: StoredAddress,
}

impl<F: FnMut(usize, StoredAddress)> ArrivingAddresses<F> {
    fn new(addresses: usize, found: F) -> Self {
        Self { found, addresses, at: 0, stored: StoredAddress::default() }
    }

    /// The address of a row; its number begins at 1. The addresses before it are complete.
    fn of_row(&mut self, n: i64) -> Result<&mut StoredAddress, StorageError> {
        let n = usize::try_from(n)
            .ok()
            .and_then(|n| n.checked_sub(1))
            .filter(|n| (self.at..self.addresses).contains(n))
            .ok_or(StorageError::Corrupt("answers"))?;
        self.pass_on(n);
        Ok(&mut self.stored)
    }

    /// Passes on the addresses before this one, also those without customers.
    fn pass_on(&mut self, until: usize) {
        while self.at < until {
            let mut stored = std::mem::take(&mut self.stored);
            stored.rows.sort_unstable_by(|one, other| one.customer_key.cmp(&other.customer_key));
            (self.found)(self.at, stored);
            self.at = self.at.saturating_add(1);
        }
    }

    /// Passes on the last addresses: all rows have arrived.
    fn end(mut self) {
        self.pass_on(self.addresses);
    }
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
/// When Postgres fails. Some addresses may have been passed on.
pub async fn find_known_addresses(
    db: &mut Connection,
    brand_id: i32,
    addresses: &[(&Identifier, LookupHash)],
    limit: usize,
    found: impl FnMut(usize, StoredAddress) + Send,
) -> Result<(), StorageError> {
    let kinds: Vec<&str> = addresses.iter().map(|(address, _)| address.kind.as_str()).collect();
    let values: Vec<&str> = addresses.iter().map(|(address, _)| address.value.as_str()).collect();
    let questions: Vec<&[u8]> =
        addresses.iter().map(|(_, question)| question.0.as_slice()).collect();
    let query = sqlx::query_as(KNOWN_ADDRESSES.as_str())
        .bind(brand_id)
        .bind(kinds)
        .bind(values)
        .bind(questions)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let mut arriving = ArrivingAddresses::new(addresses.len(), found);
    db.each_row(query, |row: KnownColumns| {
        let (n, customer_key, settings_hash, body, sources, looked, ages, is_known) = row;
        let address = arriving.of_row(n)?;
        address.last_queries = last_queries(looked, ages, is_known)?;
        for source in sources.unwrap_or_default() {
            let source = source.parse().map_err(StorageError::corrupt("customer_records"))?;
            address.sources.insert(source);
        }
        if let (Some(customer_key), Some(settings_hash), Some(body)) =
            (customer_key, settings_hash, body)
        {
            address.rows.push(AnswerRow { customer_key, settings_hash, body });
        }
        Ok::<(), StorageError>(())
    })
    .await?;
    arriving.end();
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str) -> AnswerRow {
        AnswerRow { customer_key: key.to_owned(), settings_hash: Vec::new(), body: String::new() }
    }

    type Passed = Vec<(usize, String)>;

    /// What is passed on of four addresses, at each row and at the end. An error is what was passed on before a row that
    /// is out of order.
    fn pass_on(rows: &[(i64, &str)]) -> Result<Vec<Passed>, Passed> {
        let (sender, passed) = std::sync::mpsc::channel();
        let mut arriving = ArrivingAddresses::new(4, |n, address: StoredAddress| {
            let keys: Vec<String> = address.rows.into_iter().map(|row| row.customer_key).collect();
            sender.send((n, keys.join(" "))).unwrap();
        });
        let mut steps: Vec<Passed> = Vec::new();
        for (n, key) in rows {
            let Ok(address) = arriving.of_row(*n) else {
                steps.push(passed.try_iter().collect());
                return Err(steps.concat());
            };
            address.rows.push(row(key));
            steps.push(passed.try_iter().collect());
        }
        arriving.end();
        steps.push(passed.try_iter().collect());
        Ok(steps)
    }

    fn address(n: usize, keys: &str) -> (usize, String) {
        (n, keys.to_owned())
    }

    #[test]
    fn an_address_is_passed_on_when_the_next_one_begins() {
        assert_eq!(
            pass_on(&[(1, "b"), (1, "a"), (3, "c")]),
            Ok(vec![
                vec![],
                vec![],
                vec![address(0, "a b"), address(1, "")],
                vec![address(2, "c"), address(3, "")],
            ])
        );
        assert_eq!(pass_on(&[]), Ok(vec![(0..4).map(|n| address(n, "")).collect()]));
    }

    #[test]
    fn a_row_that_is_out_of_order_passes_on_nobody() {
        for wrong in [0, -1, 5] {
            assert_eq!(pass_on(&[(1, "a"), (wrong, "b")]), Err(vec![]), "{wrong}");
        }
        assert_eq!(pass_on(&[(2, "b"), (1, "a")]), Err(vec![address(0, "")]));
    }
}
