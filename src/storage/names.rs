//! Finds customers by name.

use super::StorageError;
use super::pool::Connection;

/// The customers of records whose folded name, with the family name first, begins with one of some texts. At most
/// `limit`; a name that more records have may leave out others.
///
/// # Errors
/// When Postgres fails.
pub async fn list_customers_named(
    db: &mut Connection,
    brand_id: i32,
    beginnings: &[String],
    limit: i64,
) -> Result<Vec<String>, StorageError> {
    let ends: Vec<String> = beginnings.iter().map(|beginning| end_of(beginning)).collect();
    let found: Vec<(String,)> = sqlx::query_as(
        r"select distinct owner.customer_key
        from unnest($2::text[], $3::text[]) as wanted (beginning, ending)
        cross join lateral (
            select held.record_key from identifiers as held
            where held.brand_id = $1 and held.name_key <> ''
                and split_part(held.name_key, E'\x1f', 2) || ' ' || split_part(held.name_key, E'\x1f', 1) >= wanted.beginning
                and split_part(held.name_key, E'\x1f', 2) || ' ' || split_part(held.name_key, E'\x1f', 1) < wanted.ending
            order by split_part(held.name_key, E'\x1f', 2) || ' ' || split_part(held.name_key, E'\x1f', 1)
            limit $4
        ) as named
        join customer_records as owner on owner.brand_id = $1 and owner.record_key = named.record_key
        order by owner.customer_key limit $5",
    )
    .bind(brand_id)
    .bind(beginnings)
    .bind(ends)
    .bind(rows_for(limit))
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(found.into_iter().map(|(key,)| key).collect())
}

/// The customers of records whose folded given name begins with a text, as [`list_customers_named`] does.
///
/// # Errors
/// When Postgres fails.
pub async fn list_customers_given(
    db: &mut Connection,
    brand_id: i32,
    beginning: &str,
    limit: i64,
) -> Result<Vec<String>, StorageError> {
    let found: Vec<(String,)> = sqlx::query_as(
        r"select distinct owner.customer_key
        from (
            select held.record_key from identifiers as held
            where held.brand_id = $1 and held.name_key <> ''
                and split_part(held.name_key, E'\x1f', 1) >= $2 and split_part(held.name_key, E'\x1f', 1) < $3
            order by split_part(held.name_key, E'\x1f', 1)
            limit $4
        ) as named
        join customer_records as owner on owner.brand_id = $1 and owner.record_key = named.record_key
        order by owner.customer_key limit $5",
    )
    .bind(brand_id)
    .bind(beginning)
    .bind(end_of(beginning))
    .bind(rows_for(limit))
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(found.into_iter().map(|(key,)| key).collect())
}

/// A text after all that begin with another one, and before all others: it ends with the greatest character.
fn end_of(beginning: &str) -> String {
    format!("{beginning}{}", char::MAX)
}

/// How many rows to read for so many customers: a record has one for each of its identifiers, and a customer several records.
const fn rows_for(customers: i64) -> i64 {
    customers.saturating_mul(10)
}
