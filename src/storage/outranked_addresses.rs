//! Addresses of customers that find others instead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::StorageError;
use super::identifier_columns::identifier;
use super::pool::Connection;
use super::trusted_first::with_trusted_first;
use crate::customer::model::identifier::Identifier;

static OUTRANKED: LazyLock<String> = LazyLock::new(|| {
    with_trusted_first(
        "select held.customer_key, held.kind, held.address from customer_addresses as held
        where held.brand_id = $1 and held.customer_key = any($2) and held.self_asserted and not {trusted_first}",
    )
});

/// The self-asserted addresses of some customers that a trusted record of another customer has, too: of each customer that has
/// any, by its key.
///
/// # Errors
/// When Postgres fails.
pub async fn list_outranked(
    db: &mut Connection,
    brand_id: i32,
    customers: &BTreeSet<String>,
) -> Result<BTreeMap<String, BTreeSet<Identifier>>, StorageError> {
    let customers: Vec<&String> = customers.iter().collect();
    let query = sqlx::query_as(OUTRANKED.as_str()).bind(brand_id).bind(customers);
    let rows: Vec<(String, String, String)> = query.fetch_all(db).await?;
    let mut outranked: BTreeMap<String, BTreeSet<Identifier>> = BTreeMap::new();
    for (customer, kind, value) in rows {
        outranked.entry(customer).or_default().insert(identifier(&kind, value)?);
    }
    Ok(outranked)
}
