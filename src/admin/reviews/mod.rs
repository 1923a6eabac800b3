//! Open questions, for a person who answers them: are these customers one person? Those that lookups meet most come first.

mod from_agents;
mod from_lookups;

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use self::from_agents::list_from_agents;
use self::from_lookups::list_from_lookups;
use super::audit::{Action, Attribution};
use super::decisions::{Act, DecisionError};
use crate::brand::Brand;
use crate::customer::identity::conflict::Conflict;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::bounded_counts::{BoundedCount, count_reviews};
use crate::storage::component_rows::ReviewRow;
use crate::storage::customer_reports::{postpone_report, settle_report};
use crate::storage::invalidation::LookupHash;
use crate::storage::lookup_reviews::{LookupSummary, count_lookups, postpone_lookup_review};
use crate::storage::pool::{Connection, Pool};
use crate::storage::reviews::{
    OpenReview, list_newest_reviews, list_reviews, list_reviews_about, postpone_review,
};
use crate::storage::write_transaction::begin;

/// An open question with its id. It is personal data, so it does not implement `Debug`.
pub struct Review {
    /// The id. The same question always has the same one.
    pub id: String,
    /// The question.
    pub open: OpenReview,
    /// The lookups in the history that met it.
    pub lookups: LookupSummary,
}

/// The answer of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewAnswer {
    /// The customers are one person. If there is one: the address is theirs.
    Same,
    /// The customers are different people. If there is one: the address is not theirs.
    Different,
    /// The address belongs to several people.
    Shared,
}

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
    Ok(found.map(|(open, lookups)| Review { id: id(brand, &open), open, lookups }).collect())
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
    let mut open = list_open(&mut connection, brand).await?;
    let from_agents = list_from_agents(&mut connection, brand.id()).await?.into_iter();
    open.extend(from_agents.map(|(open, _)| open));
    let open = open.iter().filter(|open| !is_put_away(open, now));
    Ok(open.map(|open| id(brand, open)).collect())
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
        others.extend(from_agents.map(|(open, _)| open));
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

/// The address or id that lookups ask for when they meet a question.
fn asked(brand: &Brand, review: &ReviewRow) -> Option<LookupHash> {
    let record = || review.value.parse::<RecordKey>().ok();
    match review.kind.as_str() {
        "reference" => record().map(|record| LookupHash::of_id(&brand.secret, &record.id)),
        LookupHash::ID => Some(LookupHash::of_id(&brand.secret, &review.value)),
        _ => address(review).map(|address| LookupHash::of_address(&brand.secret, &address)),
    }
}

/// The address that a question is about, if it is one.
fn address(review: &ReviewRow) -> Option<Identifier> {
    let kind: IdentifierKind = review.kind.parse().ok()?;
    kind.is_address().then(|| Identifier { kind, value: review.value.clone() })
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
    let mut open = list_reviews(db, brand.id()).await?;
    if !open.iter().any(is_wanted) {
        open = list_from_lookups(db, brand, of_several(brand, &open)).await?;
    }
    open.retain(is_wanted);
    Ok(counted(db, brand, open).await?.pop())
}

/// A keyed hash of the question: it says nothing about a person. If the question changes, so does its id: an answer is about
/// the customers that a person saw.
fn id(brand: &Brand, open: &OpenReview) -> String {
    let review = &open.review;
    let customers = review.customers.join("\0");
    let question = [&review.level, &review.kind, &review.value, &review.conflict, &customers];
    let question = question.map(String::as_str).join("\0");
    let LookupHash(hash) = LookupHash::new(&brand.secret, "review", &question);
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

impl Review {
    /// The customers in question, each by its first record.
    #[must_use]
    pub fn customers(&self) -> Vec<RecordKey> {
        self.open.review.customers.iter().filter_map(|key| key.parse().ok()).collect()
    }

    /// Whether the question is whether an address that only a form contains belongs to a customer.
    #[must_use]
    pub fn is_about_a_form(&self) -> bool {
        self.open.review.conflict == Conflict::SelfAsserted.as_str() && self.customers().len() == 1
    }

    /// Whether only lookups met the question: no evidence raised it.
    #[must_use]
    pub fn is_from_lookups(&self) -> bool {
        self.open.review.level == from_lookups::LEVEL
    }

    /// Whether an agent raised the question: is this customer one person?
    #[must_use]
    pub fn is_from_agents(&self) -> bool {
        self.open.review.level == from_agents::LEVEL
    }

    /// Whether an answer only ends the question, and decides about no records: a reported customer is one person.
    #[must_use]
    pub fn is_settled_by(&self, answer: ReviewAnswer) -> bool {
        self.is_from_agents() && answer == ReviewAnswer::Same
    }

    /// Whether it is about more customers than a person can decide about at once. Then it names only some of them.
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        self.open.review.customers.len() > ReviewRow::MOST_CUSTOMERS
    }

    /// The address in question, if it is one.
    #[must_use]
    pub fn address(&self) -> Option<Identifier> {
        address(&self.open.review)
    }

    /// Whether the answer can be that several people share the address: only one that would join records otherwise.
    #[must_use]
    pub fn may_be_shared(&self, brand: &Brand) -> bool {
        self.address().is_some_and(|address| brand.rules.identity.may_link(&address))
    }

    /// What has to be decided for an answer.
    ///
    /// # Errors
    /// If the answer does not fit the question.
    pub fn act(&self, answer: ReviewAnswer) -> Result<Act, DecisionError> {
        let customers = self.customers();
        let form = customers.first().filter(|_| self.is_about_a_form()).cloned();
        match (answer, self.address(), form) {
            (ReviewAnswer::Shared, Some(address), _) => Ok(Act::Share(address)),
            (ReviewAnswer::Shared, None, _) => Err(DecisionError::NotAnAddress),
            _ if self.is_from_agents() => Err(DecisionError::NameRecords),
            _ if self.is_too_large() => Err(DecisionError::TooManyCustomers),
            (ReviewAnswer::Same, Some(address), Some(customer)) => {
                Ok(Act::Confirm(address, customer))
            }
            (ReviewAnswer::Different, Some(address), Some(customer)) => {
                Ok(Act::Reject(address, customer))
            }
            (ReviewAnswer::Same, ..) => Ok(Act::Join(customers.into_iter().collect())),
            (ReviewAnswer::Different, ..) => Ok(Act::KeepApart(customers.into_iter().collect())),
        }
    }
}

/// Whether somebody put a question away until later.
fn is_put_away(open: &OpenReview, now: Timestamp) -> bool {
    open.postponed_until.is_some_and(|until| until > now)
}

impl Review {
    /// Whether somebody put it away until later.
    #[must_use]
    pub fn is_put_away(&self, now: Timestamp) -> bool {
        is_put_away(&self.open, now)
    }
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
    let Some(customer) = customer else { return Ok(false) };
    settle_report(&mut transaction, brand.id(), (&row.value, customer), now).await?;
    let records = review.customers().into_iter().collect();
    let action = Action::new("settle report", review.id.clone()).about_records(brand, &records);
    action.done_in(&mut transaction, brand.id(), (attribution, now), "one person").await?;
    transaction.commit().await?;
    Ok(true)
}
