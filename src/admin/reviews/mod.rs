//! Open questions, for a person who answers them: are these customers one person? Those that lookups meet most come first.

mod from_agents;
mod from_lookups;
mod review;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use self::from_agents::{Question, list_from_agents};
use self::from_lookups::list_from_lookups;
pub use self::review::{Review, ReviewAnswer};
use self::review::{asked, id, is_put_away};
use super::audit::{Action, Attribution};
use crate::brand::Brand;
use crate::storage::StorageError;
use crate::storage::bounded_counts::{BoundedCount, count_reviews};
use crate::storage::customer_reports::{postpone_report, settle_report};
use crate::storage::invalidation::LookupHash;
use crate::storage::lookup_reviews::{count_lookups, list_records_of, postpone_lookup_review};
use crate::storage::pool::{Connection, Pool};
use crate::storage::reviews::{
    OpenReview, find_review, list_newest_reviews, list_reviews, list_reviews_about,
    postpone_review, review_id,
};
use crate::storage::write_transaction::begin;

/// The open questions of a brand: first those that most lookups met, among these those that a lookup met last, then the
/// newest. Without `all`, not those that somebody put away until later.
///
/// # Errors
/// If Postgres fails.
pub async fn list(
    pool: &Pool,
    brand: &Brand,
    all: bool,
    now: Timestamp,
) -> Result<Vec<Review>, StorageError> {
    let mut connection = pool.acquire().await?;
    let mut open = list_open(&mut connection, brand).await?;
    open.retain(|open| all || !is_put_away(open, now));
    let mut agents = from_agents(&mut connection, brand).await?;
    agents.retain(|review| all || !review.is_put_away(now));
    ranked(&mut connection, brand, (open, agents)).await
}

/// A page ranks at most this many questions: the newest ones.
pub const MOST_RANKED: usize = 1_000;

/// The questions that somebody put away until later, or those that nobody did, in the order of [`list`]. If very many are
/// stored, these are the newest ones, without those that only lookups met. Says whether that is so.
///
/// # Errors
/// If Postgres fails.
pub async fn list_bounded(
    pool: &Pool,
    brand: &Brand,
    are_put_away: bool,
    now: Timestamp,
) -> Result<(Vec<Review>, bool), StorageError> {
    let mut connection = pool.acquire().await?;
    let (db, one_more) = (&mut *connection, MOST_RANKED.saturating_add(1));
    let mut open = list_newest_reviews(db, brand.id(), (are_put_away, now), one_more).await?;
    let is_cut = open.len() > MOST_RANKED;
    if is_cut {
        open.truncate(MOST_RANKED);
    } else {
        open = list_open(db, brand).await?;
        open.retain(|open| is_put_away(open, now) == are_put_away);
    }
    let mut agents = from_agents(db, brand).await?;
    agents.retain(|review| review.is_put_away(now) == are_put_away);
    Ok((ranked(db, brand, (open, agents)).await?, is_cut))
}

/// The questions, each with the lookups that met it, and those of agents, in the order of [`list`].
async fn ranked(
    db: &mut Connection,
    brand: &Brand,
    (open, from_agents): (Vec<OpenReview>, Vec<Review>),
) -> Result<Vec<Review>, StorageError> {
    let mut reviews = counted(db, brand, open).await?;
    reviews.extend(from_agents);
    reviews.sort_by_cached_key(|Review { id, open, lookups }| {
        let most = Reverse((lookups.count, lookups.is_more));
        (most, Reverse(lookups.last_at), Reverse(open.found_at), id.clone())
    });
    Ok(reviews)
}

/// All open questions but those that agents raised.
async fn list_open(db: &mut Connection, brand: &Brand) -> Result<Vec<OpenReview>, StorageError> {
    let mut open = list_reviews(db, brand.id()).await?;
    open.extend(list_from_lookups(db, brand, of_several(brand, &open)).await?);
    Ok(open)
}

/// The open questions that agents raised.
async fn from_agents(db: &mut Connection, brand: &Brand) -> Result<Vec<Review>, StorageError> {
    let found = list_from_agents(db, brand.id()).await?.into_iter();
    let review = |(open, lookups, records): Question| {
        // If another record comes to the customer, it is another question.
        Review { id: review_id(&brand.secret, &open.review, &records), open, lookups }
    };
    Ok(found.map(review).collect())
}

/// The addresses and ids of stored questions about several customers. A question about a form is about one customer only, and
/// not about those that a lookup finds.
fn of_several(brand: &Brand, stored: &[OpenReview]) -> BTreeSet<LookupHash> {
    let of_several = stored.iter().filter(|open| open.review.customers.len() > 1);
    of_several.filter_map(|open| asked(brand, &open.review)).collect()
}

/// The ids of the open questions that nobody put away.
///
/// # Errors
/// If Postgres fails.
pub async fn list_ids(
    pool: &Pool,
    brand: &Brand,
    now: Timestamp,
) -> Result<BTreeSet<String>, StorageError> {
    let mut connection = pool.acquire().await?;
    let open = list_open(&mut connection, brand).await?;
    let open = open.iter().filter(|open| !is_put_away(open, now)).map(|open| id(brand, open));
    let from_agents = from_agents(&mut connection, brand).await?.into_iter();
    let from_agents = from_agents.filter(|review| !review.is_put_away(now));
    Ok(open.chain(from_agents.map(|review| review.id)).collect())
}

/// How many open questions nobody put away, and when the newest of them came. If very many are stored, those that only lookups
/// met or agents raised are not counted.
///
/// # Errors
/// If Postgres fails.
pub async fn count(
    pool: &Pool,
    brand: &Brand,
    now: Timestamp,
) -> Result<(BoundedCount, Option<Timestamp>), StorageError> {
    let (mut counted, mut newest) = count_reviews(pool, brand.id(), now).await?;
    if !counted.is_more {
        let mut connection = pool.acquire().await?;
        let stored = list_reviews(&mut connection, brand.id()).await?;
        let stored = of_several(brand, &stored);
        let mut others = list_from_lookups(&mut connection, brand, stored).await?;
        let from_agents = list_from_agents(&mut connection, brand.id()).await?.into_iter();
        others.extend(from_agents.map(|(open, ..)| open));
        for open in others.iter().filter(|open| !is_put_away(open, now)) {
            counted.number = counted.number.saturating_add(1);
            newest = newest.max(Some(open.found_at));
        }
    }
    Ok((counted, newest))
}

/// The questions, each with the lookups that met it.
async fn counted(
    db: &mut Connection,
    brand: &Brand,
    open: Vec<OpenReview>,
) -> Result<Vec<Review>, StorageError> {
    let questions = open.iter().filter_map(|open| asked(brand, &open.review)).collect();
    let counted = count_lookups(db, brand.id(), &questions).await?;
    let review = |open: OpenReview| {
        let question = asked(brand, &open.review);
        let lookups = question.and_then(|question| counted.get(&question).cloned());
        Review { id: id(brand, &open), open, lookups: lookups.unwrap_or_default() }
    };
    Ok(open.into_iter().map(review).collect())
}

/// The open questions about a customer, the newest first, also those that somebody put away.
///
/// # Errors
/// If Postgres fails.
pub async fn about(
    db: &mut Connection,
    brand: &Brand,
    customer_key: &str,
) -> Result<Vec<Review>, StorageError> {
    let open = list_reviews_about(db, brand.id(), customer_key).await?;
    let mut reviews = counted(db, brand, open).await?;
    let mut from_agents = from_agents(db, brand).await?;
    from_agents.retain(|review| review.open.review.customers.iter().any(|key| key == customer_key));
    reviews.extend(from_agents);
    Ok(reviews)
}

/// The open question with an id.
///
/// # Errors
/// If Postgres fails.
pub async fn find(
    pool: &Pool,
    brand: &Brand,
    wanted: &str,
) -> Result<Option<Review>, StorageError> {
    let mut connection = pool.acquire().await?;
    let db = &mut *connection;
    let from_agents = from_agents(db, brand).await?;
    if let Some(found) = from_agents.into_iter().find(|review| review.id == wanted) {
        return Ok(Some(found));
    }
    let is_wanted = |open: &OpenReview| id(brand, open) == wanted;
    let mut found = find_review(db, brand.id(), wanted).await?.filter(is_wanted);
    if found.is_none() {
        let stored = list_reviews(db, brand.id()).await?;
        let from_lookups = list_from_lookups(db, brand, of_several(brand, &stored)).await?;
        found = stored.into_iter().chain(from_lookups).find(is_wanted);
    }
    Ok(counted(db, brand, found.into_iter().collect()).await?.pop())
}

/// For how many days a question is put away, unless a person says otherwise.
pub const DAYS_AWAY: u16 = 7;

/// Until when a question is put away for some days.
#[must_use]
pub fn days_later(now: Timestamp, days: u16) -> Timestamp {
    let away = SignedDuration::from_hours(i64::from(days).saturating_mul(24));
    now.saturating_add(away).unwrap_or(Timestamp::MAX)
}

/// Puts a question away until then, with an audit entry. Returns whether it is still open.
///
/// # Errors
/// If Postgres fails.
pub async fn postpone(
    pool: &Pool,
    brand: &Brand,
    review: &Review,
    until: Timestamp,
    (attribution, now): (Attribution<'_>, Timestamp),
) -> Result<bool, StorageError> {
    let mut transaction = begin(pool, brand.id()).await?;
    let row = &review.open.review;
    let asked = asked(brand, row).filter(|_| review.is_from_lookups());
    let is_open = if review.is_from_agents() {
        postpone_report(&mut transaction, brand.id(), &row.value, until).await?
    } else if let Some(asked) = asked {
        let customers = &row.customers;
        postpone_lookup_review(&mut transaction, brand.id(), asked, customers, until).await?
    } else {
        postpone_review(&mut transaction, brand.id(), row, until).await?
    };
    if is_open {
        let action = Action::new("postpone review", review.id.clone());
        let outcome = format!("until {}", until.strftime("%F %T UTC"));
        action.done_in(&mut transaction, brand.id(), (attribution, now), &outcome).await?;
    }
    transaction.commit().await?;
    Ok(is_open)
}

/// Decides that a reported customer is one person, with an audit entry. Returns whether the question was open, and about the
/// same customer.
///
/// # Errors
/// If Postgres fails.
pub async fn settle(
    pool: &Pool,
    brand: &Brand,
    review: &Review,
    (attribution, now): (Attribution<'_>, Timestamp),
) -> Result<bool, StorageError> {
    let mut transaction = begin(pool, brand.id()).await?;
    let open = from_agents(&mut transaction, brand).await?;
    let row = &review.open.review;
    let customer = row.customers.first().filter(|_| open.iter().any(|open| open.id == review.id));
    let Some(customer) = customer else {
        transaction.rollback().await?;
        return Ok(false);
    };
    settle_report(&mut transaction, brand.id(), (&row.value, customer), now).await?;
    let customers = BTreeSet::from([customer]);
    let records = list_records_of(&mut transaction, brand.id(), &customers).await?;
    let records = records.into_keys().collect();
    let action = Action::new("settle report", review.id.clone()).about_records(brand, &records);
    action.done_in(&mut transaction, brand.id(), (attribution, now), "one person").await?;
    transaction.commit().await?;
    Ok(true)
}
