//! Finds customers by name.

use super::StorageError;
use super::pool::Connection;

/// What a search by name compares.
#[derive(Debug, Clone, Copy)]
pub enum NamePart {
    /// The family name, then the given name.
    Whole,
    /// The last word of a family name of several words, then the given name.
    FamilyNameWord,
    /// The given name, then the family name.
    GivenFirst,
}

/// The search by a part of the name, which an index has.
macro_rules! named_by {
    ($part:literal, $if:literal) => {
        concat!(
            "select distinct owner.customer_key
            from unnest($2::text[], $3::text[]) as wanted (beginning, ending)
            cross join lateral (
                select held.record_key from identifiers as held
                where held.brand_id = $1 and ",
            $if,
            " and ",
            $part,
            " >= wanted.beginning and ",
            $part,
            " < wanted.ending order by ",
            $part,
            " limit $4
            ) as named
            join customer_records as owner on owner.brand_id = $1 and owner.record_key = named.record_key
            order by owner.customer_key limit $5"
        )
    };
}

impl NamePart {
    const fn query(self) -> &'static str {
        match self {
            Self::Whole => named_by!(
                r"split_part(held.name_key, E'\x1f', 2) || ' ' || split_part(held.name_key, E'\x1f', 1)",
                "held.name_key <> ''"
            ),
            Self::FamilyNameWord => named_by!(
                r"split_part(split_part(held.name_key, E'\x1f', 2), ' ', -1) || ' ' || split_part(held.name_key, E'\x1f', 1)",
                r"split_part(held.name_key, E'\x1f', 2) like '% %'"
            ),
            Self::GivenFirst => named_by!(
                r"split_part(held.name_key, E'\x1f', 1) || ' ' || split_part(held.name_key, E'\x1f', 2)",
                "held.name_key <> ''"
            ),
        }
    }
}

/// The customers of records of which a part of the folded name begins with one of some texts. At most `limit`; a name that
/// more records have may leave out others.
///
/// # Errors
/// When Postgres fails.
pub async fn list_customers_named(
    db: &mut Connection,
    brand_id: i32,
    part: NamePart,
    beginnings: &[String],
    limit: i64,
) -> Result<Vec<String>, StorageError> {
    let ends: Vec<String> = beginnings.iter().map(|beginning| end_of(beginning)).collect();
    let found: Vec<(String,)> = sqlx::query_as(part.query())
        .bind(brand_id)
        .bind(beginnings)
        .bind(ends)
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
