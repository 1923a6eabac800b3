//! Open questions for people, and when somebody put one away for a while.

use jiff::Timestamp;

use super::StorageError;
use super::component_rows::ReviewRow;
use super::invalidation::{BrandSecret, LookupHash};
use super::pool::Connection;

type Time = jiff_sqlx::Timestamp;

/// An open question.
#[derive(Clone)]
pub struct OpenReview {
    /// The question.
    pub review: ReviewRow,
    /// Since when it is open.
    pub found_at: Timestamp,
    /// Somebody put it away until then.
    pub postponed_until: Option<Timestamp>,
}

type Columns = (String, String, String, String, Vec<String>, Time, Option<Time>);

impl From<Columns> for OpenReview {
    fn from((level, kind, value, conflict, customers, found_at, postponed): Columns) -> Self {
        let review = ReviewRow { level, kind, value, conflict, customers };
        let postponed_until = postponed.map(Time::to_jiff);
        Self { review, found_at: found_at.to_jiff(), postponed_until }
    }
}

/// The id of a question: a keyed hash, which says nothing about a person. If the question changes, so does its id: an answer
/// is about the customers that a person saw. With `records`, it is also about these.
#[must_use]
pub fn review_id(secret: &BrandSecret, review: &ReviewRow, records: &[String]) -> String {
    let customers = review.customers.join("\0");
    let question = [&review.level, &review.kind, &review.value, &review.conflict, &customers];
    let question = question.into_iter().chain(records).map(String::as_str);
    let question = question.collect::<Vec<_>>().join("\0");
    let LookupHash(hash) = LookupHash::new(secret, "review", &question);
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The open questions of a brand, the newest first.
///
/// # Errors
/// When Postgres fails.
pub async fn list_reviews(
    db: &mut Connection,
    brand_id: i32,
) -> Result<Vec<OpenReview>, StorageError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "select level, kind, value, conflict, customer_keys, found_at, postponed_until from match_reviews
        where brand_id = $1 order by found_at desc, level, kind, value",
    )
    .bind(brand_id)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(OpenReview::from).collect())
}

/// The open question that was stored with an id. There is at most one; an earlier version of the service may have changed it
/// since, and left its id.
///
/// # Errors
/// When Postgres fails.
pub async fn find_review(
    db: &mut Connection,
    brand_id: i32,
    id: &str,
) -> Result<Option<OpenReview>, StorageError> {
    let row: Option<Columns> = sqlx::query_as(
        "select level, kind, value, conflict, customer_keys, found_at, postponed_until from match_reviews
        where brand_id = $1 and review_id = $2",
    )
    .bind(brand_id)
    .bind(id)
    .fetch_optional(db)
    .await?;
    Ok(row.map(OpenReview::from))
}

/// The newest questions that somebody put away until after now, or those that nobody did, at most `limit`.
///
/// # Errors
/// When Postgres fails.
pub async fn list_newest_reviews(
    db: &mut Connection,
    brand_id: i32,
    (are_put_away, now): (bool, Timestamp),
    limit: usize,
) -> Result<Vec<OpenReview>, StorageError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "select level, kind, value, conflict, customer_keys, found_at, postponed_until from match_reviews
        where brand_id = $1 and coalesce(postponed_until > $2, false) = $3
        order by found_at desc, level, kind, value limit $4",
    )
    .bind(brand_id)
    .bind(Time::from(now))
    .bind(are_put_away)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(OpenReview::from).collect())
}

/// The open questions about a customer, the newest first.
///
/// # Errors
/// When Postgres fails.
pub async fn list_reviews_about(
    db: &mut Connection,
    brand_id: i32,
    customer_key: &str,
) -> Result<Vec<OpenReview>, StorageError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "select level, kind, value, conflict, customer_keys, found_at, postponed_until from match_reviews
        where brand_id = $1 and customer_keys @> array[$2::text] order by found_at desc, level, kind, value",
    )
    .bind(brand_id)
    .bind(customer_key)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(OpenReview::from).collect())
}

/// Puts a question away until then. Returns whether it is open.
///
/// # Errors
/// When Postgres fails.
pub async fn postpone_review(
    db: &mut Connection,
    brand_id: i32,
    review: &ReviewRow,
    until: Timestamp,
) -> Result<bool, StorageError> {
    let update = sqlx::query(
        "update match_reviews set postponed_until = $5 where brand_id = $1 and level = $2 and kind = $3 and value = $4",
    );
    let update = update.bind(brand_id).bind(&review.level).bind(&review.kind).bind(&review.value);
    Ok(update.bind(Time::from(until)).execute(db).await?.rows_affected() > 0)
}
