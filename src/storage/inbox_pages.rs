//! Pages of deliveries. No statement reads more than a bounded number of rows, and it reads them by an index.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::StorageError;
use super::deliveries::{ListedRow, Time};
use super::delivery_queue::first_id_at;
use super::pool::Pool;
use super::seen_deliveries::SeenDelivery;
use crate::customer::model::source::Source;

/// The state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits, or is being applied.
    Pending,
    /// It is applied.
    Done,
    /// It could not be applied.
    Dead,
    /// A person discarded it.
    Discarded,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Done, Self::Dead, Self::Discarded];

    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }

    /// The state as pages say it.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Pending => "waiting",
            Self::Done => "applied, or nothing to apply",
            Self::Dead => "failed",
            Self::Discarded => "discarded",
        }
    }
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeliveryState {
    type Err = StorageError;

    fn from_str(name: &str) -> Result<Self, StorageError> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == name);
        state.ok_or(StorageError::Corrupt("deliveries"))
    }
}

/// A selection of deliveries. An empty field does not restrict it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageFilter {
    /// From this source.
    pub source: Option<Source>,
    /// In one of these states. Empty: in any.
    pub states: Vec<DeliveryState>,
    /// With this event.
    pub event: Option<String>,
    /// With this note, as [`FailureGroup::reason`] has it.
    pub reason: Option<String>,
    /// Received at this time or later.
    pub since: Option<Timestamp>,
}

/// A delivery of a page.
pub struct PageRow {
    /// The columns of the list.
    pub listed: ListedRow,
    /// The version of the row.
    pub version: u32,
}

impl FromRow<'_, PgRow> for PageRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let version: i64 = row.try_get("version")?;
        let listed = ListedRow::from_row(row)?;
        Ok(Self { listed, version: u32::try_from(version).unwrap_or_default() })
    }
}

impl PageRow {
    /// The delivery as it is now.
    #[must_use]
    pub const fn seen(&self) -> SeenDelivery {
        SeenDelivery { delivery_id: self.listed.delivery_id, version: self.version }
    }
}

/// A page of deliveries.
pub struct Page {
    /// The deliveries, newest first.
    pub rows: Vec<PageRow>,
    /// The next page has those before this id. `None`: there are no more.
    pub next: Option<Uuid>,
}

/// A statement about the deliveries that match, newest first. It looks at the newest 10,000 that the index can select.
/// Numbers in notes do not count: `byte 17` is as good as `byte 4`.
macro_rules! matching {
    ($select:literal, $from:literal, $rest:literal) => {
        concat!(
            "select ",
            $select,
            " from (",
            $from,
            " order by delivery_id desc limit 10000) as read
            where ($4::text is null or source = $4) and (cardinality($5::text[]) = 0 or state = any($5)) and ($6::text is null or event = $6)
            and ($7::text is null or regexp_replace(note, '[0-9]+', '…', 'g') = $7)
            order by delivery_id desc ",
            $rest
        )
    };
}

/// A statement for each index: dead letters, pending deliveries, both, a source, all.
macro_rules! by_index {
    ($select:literal, $rest:literal) => {
        [
            matching!($select, "select *, xmin::text::bigint as version from deliveries where brand_id = $1 and state = 'dead' and delivery_id < $2 and delivery_id >= $3", $rest),
            matching!($select, "select of_priority.* from (values (0), (1), (2)) as priorities (priority) cross join lateral (
                    select *, xmin::text::bigint as version from deliveries
                    where brand_id = $1 and state = 'pending' and priority = priorities.priority and delivery_id < $2 and delivery_id >= $3
                    order by delivery_id desc limit 10000
                ) as of_priority", $rest),
            matching!($select, "select open.* from (
                    (select *, xmin::text::bigint as version from deliveries
                    where brand_id = $1 and state = 'dead' and delivery_id < $2 and delivery_id >= $3
                    order by delivery_id desc limit 10000)
                    union all
                    select of_priority.* from (values (0), (1), (2)) as priorities (priority) cross join lateral (
                        select *, xmin::text::bigint as version from deliveries
                        where brand_id = $1 and state = 'pending' and priority = priorities.priority and delivery_id < $2 and delivery_id >= $3
                        order by delivery_id desc limit 10000
                    ) as of_priority
                ) as open", $rest),
            matching!($select, "select *, xmin::text::bigint as version from deliveries where brand_id = $1 and source = $4 and delivery_id < $2 and delivery_id >= $3", $rest),
            matching!($select, "select *, xmin::text::bigint as version from deliveries where brand_id = $1 and delivery_id < $2 and delivery_id >= $3", $rest),
        ]
    };
}

const LIST: [&str; 5] = by_index!(
    "delivery_id, source, event, received_at, state, attempts, due_at, note, version",
    "limit $8"
);

/// The last delivery that [`LIST`] looks at, if there may be more.
const LAST_READ: [&str; 5] = [
    "select delivery_id from deliveries where brand_id = $1 and state = 'dead' and delivery_id < $2 and delivery_id >= $3 and ($4::text is null or true)
    order by delivery_id desc offset 9999 limit 1",
    "select of_priority.delivery_id from (values (0), (1), (2)) as priorities (priority) cross join lateral (
        select delivery_id from deliveries
        where brand_id = $1 and state = 'pending' and priority = priorities.priority and delivery_id < $2 and delivery_id >= $3 and ($4::text is null or true)
        order by delivery_id desc limit 10000
    ) as of_priority
    order by delivery_id desc offset 9999 limit 1",
    "select open.delivery_id from (
        (select delivery_id from deliveries
        where brand_id = $1 and state = 'dead' and delivery_id < $2 and delivery_id >= $3 and ($4::text is null or true)
        order by delivery_id desc limit 10000)
        union all
        select of_priority.delivery_id from (values (0), (1), (2)) as priorities (priority) cross join lateral (
            select delivery_id from deliveries
            where brand_id = $1 and state = 'pending' and priority = priorities.priority and delivery_id < $2 and delivery_id >= $3
            order by delivery_id desc limit 10000
        ) as of_priority
    ) as open
    order by delivery_id desc offset 9999 limit 1",
    "select delivery_id from deliveries where brand_id = $1 and source = $4 and delivery_id < $2 and delivery_id >= $3
    order by delivery_id desc offset 9999 limit 1",
    "select delivery_id from deliveries where brand_id = $1 and delivery_id < $2 and delivery_id >= $3 and ($4::text is null or true)
    order by delivery_id desc offset 9999 limit 1",
];

/// The statement whose index fits a filter best.
fn best<'a>([dead, pending, open, of_source, all]: [&'a str; 5], filter: &PageFilter) -> &'a str {
    match filter.states[..] {
        [DeliveryState::Dead] => dead,
        [DeliveryState::Pending] => pending,
        [DeliveryState::Dead, DeliveryState::Pending] => open,
        _ if filter.source.is_some() => of_source,
        _ => all,
    }
}

/// The newest deliveries that match, before an id, at most `limit`. If few of many match, a page may have fewer than
/// `limit`, and yet a next page.
///
/// # Errors
/// When Postgres fails.
pub async fn list_page(
    pool: &Pool,
    brand_id: i32,
    filter: &PageFilter,
    before: Option<Uuid>,
    limit: usize,
) -> Result<Page, StorageError> {
    let (before, since) =
        (before.unwrap_or(Uuid::max()), filter.since.map_or(Uuid::nil(), first_id_at));
    let source = filter.source.map(Source::as_str);
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let one_more = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut rows: Vec<PageRow> = sqlx::query_as(best(LIST, filter))
        .bind(brand_id)
        .bind(before)
        .bind(since)
        .bind(source)
        .bind(states)
        .bind(filter.event.as_deref())
        .bind(filter.reason.as_deref())
        .bind(one_more)
        .fetch_all(pool)
        .await?;
    if rows.len() > limit {
        rows.truncate(limit);
        let next = rows.last().map(|row| row.listed.delivery_id);
        return Ok(Page { rows, next });
    }
    let last: Option<(Uuid,)> = sqlx::query_as(best(LAST_READ, filter))
        .bind(brand_id)
        .bind(before)
        .bind(since)
        .bind(source)
        .fetch_optional(pool)
        .await?;
    Ok(Page { rows, next: last.map(|(id,)| id) })
}

/// Dead letters of a source with the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureGroup {
    /// The source.
    pub source: String,
    /// The error, with `…` in the place of numbers.
    pub reason: String,
    /// How many there are, among the newest [`MAX_COUNTED`] and one more.
    pub count: i64,
    /// When the first of them was received.
    pub first_at: Timestamp,
    /// When the last of them was received.
    pub last_at: Timestamp,
}

/// More dead letters than this are not counted. Whoever counts them gets one more at most.
pub const MAX_COUNTED: i64 = 1_000;

/// The newest dead letters, by source and reason, the largest group first.
///
/// # Errors
/// When Postgres fails.
pub async fn list_failure_groups(
    pool: &Pool,
    brand_id: i32,
) -> Result<Vec<FailureGroup>, StorageError> {
    let rows: Vec<(String, String, i64, Time, Time)> = sqlx::query_as(
        "select source, regexp_replace(note, '[0-9]+', '…', 'g'), count(*), min(received_at), max(received_at)
        from (
            select source, note, received_at from deliveries
            where brand_id = $1 and state = 'dead' order by delivery_id desc limit $2
        ) as newest
        group by 1, 2 order by 3 desc, 5 desc",
    )
    .bind(brand_id)
    .bind(MAX_COUNTED.saturating_add(1))
    .fetch_all(pool)
    .await?;
    let group = |(source, reason, count, first, last): (String, String, i64, Time, Time)| {
        FailureGroup { source, reason, count, first_at: first.to_jiff(), last_at: last.to_jiff() }
    };
    Ok(rows.into_iter().map(group).collect())
}
