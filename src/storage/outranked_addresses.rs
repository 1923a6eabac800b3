//! Addresses of a customer that find others instead.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::StorageError;
use super::identifier_columns::identifier;
use super::pool::Connection;
use super::trusted_first::with_trusted_first;
use crate::customer::model::identifier::Identifier;

static OUTRANKED: LazyLock<String> = LazyLock::new(|| {
    with_trusted_first(
        "select held.kind, held.address from customer_addresses as held
        where held.brand_id = $1 and held.customer_key = $2 and not {trusted_first}",
    )
});

/// The self-asserted addresses of a customer that a trusted record of another customer has, too.
///
/// # Errors
/// When Postgres fails.
pub async fn list_outranked(
    db: &mut Connection,
    brand_id: i32,
    customer_key: &str,
) -> Result<BTreeSet<Identifier>, StorageError> {
    let query = sqlx::query_as(OUTRANKED.as_str()).bind(brand_id).bind(customer_key);
    let rows: Vec<(String, String)> = query.fetch_all(db).await?;
    rows.into_iter().map(|(kind, value)| identifier(&kind, value)).collect()
}
