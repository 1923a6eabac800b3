//! Writes the result of a batch in one round trip: changed facts and changed customers.

use sqlx::types::Json;

use super::StorageError;
use super::changed_rows::{Derived, IdentityChanges};
use super::invalidation::BrandSecret;
use super::pool::Connection;
use super::write_input::WriteInput;

const WRITE: &str = include_str!("write_changes.sql");

/// Writes everything. The notification reaches every replica when the transaction commits.
///
/// # Errors
/// When Postgres fails.
pub async fn write_changes(
    db: &mut Connection,
    (brand_id, secret): (i32, &BrandSecret),
    facts: &IdentityChanges,
    derived: &Derived,
) -> Result<(), StorageError> {
    let input = Json(WriteInput::new(secret, facts, derived));
    sqlx::query(WRITE).bind(brand_id).bind(input).execute(db).await?;
    Ok(())
}
