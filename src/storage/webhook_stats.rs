//! Counts of accepted and unverified webhooks, by source.

use super::pool::Pool;
use jiff::Timestamp;

use super::StorageError;
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

/// The counts of a webhook endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookStatsRow {
    /// When a webhook was last accepted.
    pub accepted_at: Option<Timestamp>,
    /// Accepted webhooks.
    pub accepted: i64,
    /// When a webhook was last unverified.
    pub unverified_at: Option<Timestamp>,
    /// Why that one was unverified, if any was. The text has nothing of its content.
    pub unverified_reason: Option<String>,
    /// Unverified webhooks.
    pub unverified: i64,
    /// Unverified webhooks since the last accepted one.
    pub unverified_in_a_row: i64,
    /// When the first of those came.
    pub unverified_since: Option<Timestamp>,
    /// Accepted webhooks that were dropped as duplicates.
    pub duplicates: i64,
    /// Of those, webhooks with the same id but other content.
    pub conflicting_duplicates: i64,
    /// When the last of those came.
    pub conflicting_at: Option<Timestamp>,
}

impl WebhookStatsRow {
    /// Adds the counts of an earlier period.
    pub fn follow(&mut self, before: &Self) {
        if self.accepted_at.is_none() {
            self.unverified_in_a_row =
                self.unverified_in_a_row.saturating_add(before.unverified_in_a_row);
            self.unverified_since = before.unverified_since.or(self.unverified_since);
        }
        self.accepted_at = self.accepted_at.or(before.accepted_at);
        self.accepted = self.accepted.saturating_add(before.accepted);
        self.unverified_at = self.unverified_at.or(before.unverified_at);
        self.unverified_reason =
            self.unverified_reason.take().or_else(|| before.unverified_reason.clone());
        self.unverified = self.unverified.saturating_add(before.unverified);
        self.duplicates = self.duplicates.saturating_add(before.duplicates);
        self.conflicting_duplicates =
            self.conflicting_duplicates.saturating_add(before.conflicting_duplicates);
        self.conflicting_at = self.conflicting_at.or(before.conflicting_at);
    }
}

/// Adds the counts of an endpoint on this replica since the last save.
///
/// # Errors
/// When Postgres fails.
pub async fn add_webhook_stats(
    pool: &Pool,
    brand_id: i32,
    source: Source,
    added: &WebhookStatsRow,
) -> Result<(), StorageError> {
    sqlx::query(
        "insert into webhook_stats as known (
            brand_id, source, accepted_at, accepted, unverified_at, unverified, unverified_in_a_row, unverified_since, duplicates, conflicting_duplicates, conflicting_at,
            unverified_reason
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce($12, ''))
        on conflict (brand_id, source) do update
        set accepted_at = greatest(known.accepted_at, excluded.accepted_at),
            accepted = known.accepted + excluded.accepted,
            unverified_at = greatest(known.unverified_at, excluded.unverified_at),
            unverified = known.unverified + excluded.unverified,
            unverified_reason = coalesce($12, known.unverified_reason),
            duplicates = known.duplicates + excluded.duplicates,
            conflicting_duplicates = known.conflicting_duplicates + excluded.conflicting_duplicates,
            conflicting_at = greatest(known.conflicting_at, excluded.conflicting_at),
            unverified_in_a_row = case when excluded.accepted_at is null then known.unverified_in_a_row else 0 end + excluded.unverified_in_a_row,
            unverified_since = coalesce(case when excluded.accepted_at is null then known.unverified_since end, excluded.unverified_since)",
    )
    .bind(brand_id)
    .bind(source.as_str())
    .bind(added.accepted_at.map(Time::from))
    .bind(added.accepted)
    .bind(added.unverified_at.map(Time::from))
    .bind(added.unverified)
    .bind(added.unverified_in_a_row)
    .bind(added.unverified_since.map(Time::from))
    .bind(added.duplicates)
    .bind(added.conflicting_duplicates)
    .bind(added.conflicting_at.map(Time::from))
    .bind(added.unverified_reason.as_deref())
    .execute(pool)
    .await?;
    Ok(())
}

type Columns =
    (Option<Time>, i64, Option<Time>, i64, i64, Option<Time>, i64, i64, Option<Time>, String);

impl From<Columns> for WebhookStatsRow {
    fn from(columns: Columns) -> Self {
        let (
            accepted_at,
            accepted,
            unverified_at,
            unverified,
            unverified_in_a_row,
            unverified_since,
            duplicates,
            conflicting_duplicates,
            conflicting_at,
            unverified_reason,
        ) = columns;
        let times = [accepted_at, unverified_at, unverified_since, conflicting_at];
        let [accepted_at, unverified_at, unverified_since, conflicting_at] =
            times.map(|at| at.map(Time::to_jiff));
        Self {
            accepted_at,
            accepted,
            unverified_at,
            unverified_reason: Some(unverified_reason).filter(|reason| !reason.is_empty()),
            unverified,
            unverified_in_a_row,
            unverified_since,
            duplicates,
            conflicting_duplicates,
            conflicting_at,
        }
    }
}

/// The counts of an endpoint on all replicas.
///
/// # Errors
/// When Postgres fails.
pub async fn get_webhook_stats(
    pool: &Pool,
    brand_id: i32,
    source: Source,
) -> Result<WebhookStatsRow, StorageError> {
    let query = sqlx::query_as(
        "select accepted_at, accepted, unverified_at, unverified, unverified_in_a_row, unverified_since, duplicates, conflicting_duplicates, conflicting_at, unverified_reason
        from webhook_stats where brand_id = $1 and source = $2",
    );
    let row: Option<Columns> =
        query.bind(brand_id).bind(source.as_str()).fetch_optional(pool).await?;
    Ok(row.map(WebhookStatsRow::from).unwrap_or_default())
}
