//! Statistics of tables, by which Postgres plans statements.

use super::StorageError;
use super::pool::Pool;

/// Runs ANALYZE, so that statements are planned with current statistics. Postgres does this by itself only
/// every minute; a first backfill would use plans for empty tables until then.
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
        "match_reviews",
        "given_ids",
    ];
    for table in tables {
        // Another replica may run it too. That needs no warning.
        let mut transaction =
            pool.begin_with("begin; set local client_min_messages = error").await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("analyze (skip_locked) {table}")))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(())
}
