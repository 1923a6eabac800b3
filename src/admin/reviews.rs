//! Open questions, for a person who answers them: are these customers one person?

use jiff::{SignedDuration, Timestamp};

use super::audit::{Action, Attribution};
use super::decisions::{Act, DecisionError};
use crate::brand::Brand;
use crate::customer::identity::conflict::Conflict;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::invalidation::LookupHash;
use crate::storage::pool::Pool;
use crate::storage::reviews::{OpenReview, list_reviews, postpone_review};

/// An open question with its id. It is personal data, so it does not implement `Debug`.
pub struct Review {
    /// The id. The same question always has the same one.
    pub id: String,
    /// The question.
    pub open: OpenReview,
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

/// The open questions of a brand, the newest first. Without `all`, not those that somebody put away until later.
///
/// # Errors
/// If Postgres fails.
pub async fn list(
    pool: &Pool,
    brand: &Brand,
    all: bool,
    now: Timestamp,
) -> Result<Vec<Review>, StorageError> {
    let open = list_reviews(pool, brand.id()).await?;
    let reviews = open.into_iter().map(|open| Review { id: id(brand, &open), open });
    Ok(reviews.filter(|review| all || !review.is_put_away(now)).collect())
}

/// The open question with an id.
///
/// # Errors
/// If Postgres fails.
pub async fn find(pool: &Pool, brand: &Brand, id: &str) -> Result<Option<Review>, StorageError> {
    let all = list(pool, brand, true, Timestamp::MAX).await?;
    Ok(all.into_iter().find(|review| review.id == id))
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

    /// The address in question, if it is one.
    #[must_use]
    pub fn address(&self) -> Option<Identifier> {
        let kind: IdentifierKind = self.open.review.kind.parse().ok()?;
        let value = self.open.review.value.clone();
        kind.is_address().then_some(Identifier { kind, value })
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

impl Review {
    /// Whether somebody put it away until later.
    #[must_use]
    pub fn is_put_away(&self, now: Timestamp) -> bool {
        self.open.postponed_until.is_some_and(|until| until > now)
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
    let mut transaction = pool.begin().await?;
    let is_open = postpone_review(&mut transaction, brand.id(), &review.open.review, until).await?;
    if is_open {
        let action = Action::new("postpone review", review.id.clone());
        let outcome = format!("until {}", until.strftime("%F %T UTC"));
        action.done_in(&mut transaction, brand.id(), (attribution, now), &outcome).await?;
    }
    transaction.commit().await?;
    Ok(is_open)
}
