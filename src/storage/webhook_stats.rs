//! Counts of accepted and refused webhooks, by source.

use super::pool::Pool;
use jiff::Timestamp;

use super::StorageError;
use crate::customer::model::source::Source;

type Time = jiff_sqlx::Timestamp;

/// The counts of a webhook endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WebhookStatsRow {
    /// When a webhook was last accepted.
    pub accepted_at: Option<Timestamp>,
    /// Accepted webhooks.
    pub accepted: i64,
    /// When a webhook was last refused.
    pub refused_at: Option<Timestamp>,
    /// Refused webhooks.
    pub refused: i64,
    /// Refused webhooks since the last accepted one.
    pub refused_in_a_row: i64,
    /// When the first of those came.
    pub refused_since: Option<Timestamp>,
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
            self.refused_in_a_row = self.refused_in_a_row.saturating_add(before.refused_in_a_row);
            self.refused_since = before.refused_since.or(self.refused_since);
        }
        self.accepted_at = self.accepted_at.or(before.accepted_at);
        self.accepted = self.accepted.saturating_add(before.accepted);
        self.refused_at = self.refused_at.or(before.refused_at);
        self.refused = self.refused.saturating_add(before.refused);
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
            brand_id, source, accepted_at, accepted, refused_at, refused, refused_in_a_row, refused_since, duplicates, conflicting_duplicates, conflicting_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        on conflict (brand_id, source) do update
        set accepted_at = greatest(known.accepted_at, excluded.accepted_at),
            accepted = known.accepted + excluded.accepted,
            refused_at = greatest(known.refused_at, excluded.refused_at),
            refused = known.refused + excluded.refused,
            duplicates = known.duplicates + excluded.duplicates,
            conflicting_duplicates = known.conflicting_duplicates + excluded.conflicting_duplicates,
            conflicting_at = greatest(known.conflicting_at, excluded.conflicting_at),
            refused_in_a_row = case when excluded.accepted_at is null then known.refused_in_a_row else 0 end + excluded.refused_in_a_row,
            refused_since = coalesce(case when excluded.accepted_at is null then known.refused_since end, excluded.refused_since)",
    )
    .bind(brand_id)
    .bind(source.as_str())
    .bind(added.accepted_at.map(Time::from))
    .bind(added.accepted)
    .bind(added.refused_at.map(Time::from))
    .bind(added.refused)
    .bind(added.refused_in_a_row)
    .bind(added.refused_since.map(Time::from))
    .bind(added.duplicates)
    .bind(added.conflicting_duplicates)
    .bind(added.conflicting_at.map(Time::from))
    .execute(pool)
    .await?;
    Ok(())
}

type Columns = (Option<Time>, i64, Option<Time>, i64, i64, Option<Time>, i64, i64, Option<Time>);

impl From<Columns> for WebhookStatsRow {
    fn from(columns: Columns) -> Self {
        let (
            accepted_at,
            accepted,
            refused_at,
            refused,
            refused_in_a_row,
            refused_since,
            duplicates,
            conflicting_duplicates,
            conflicting_at,
        ) = columns;
        let times = [accepted_at, refused_at, refused_since, conflicting_at];
        let [accepted_at, refused_at, refused_since, conflicting_at] =
            times.map(|at| at.map(Time::to_jiff));
        Self {
            accepted_at,
            accepted,
            refused_at,
            refused,
            refused_in_a_row,
            refused_since,
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
        "select accepted_at, accepted, refused_at, refused, refused_in_a_row, refused_since, duplicates, conflicting_duplicates, conflicting_at
        from webhook_stats where brand_id = $1 and source = $2",
    );
    let row: Option<Columns> =
        query.bind(brand_id).bind(source.as_str()).fetch_optional(pool).await?;
    Ok(row.map(WebhookStatsRow::from).unwrap_or_default())
}
