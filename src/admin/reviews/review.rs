//! An open question: what it is about, and what has to be decided for an answer.

use jiff::Timestamp;

use super::{from_agents, from_lookups};
use crate::admin::decisions::{Act, DecisionError};
use crate::brand::Brand;
use crate::customer::identity::conflict::Conflict;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::RecordKey;
use crate::storage::component_rows::ReviewRow;
use crate::storage::invalidation::LookupHash;
use crate::storage::lookup_reviews::LookupSummary;
use crate::storage::reviews::{OpenReview, review_id};

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

    /// Whether somebody put it away until later.
    #[must_use]
    pub fn is_put_away(&self, now: Timestamp) -> bool {
        is_put_away(&self.open, now)
    }
}

/// Whether somebody put a question away until later.
pub(super) fn is_put_away(open: &OpenReview, now: Timestamp) -> bool {
    open.postponed_until.is_some_and(|until| until > now)
}

/// The id of a question that is about nothing but its row.
pub(super) fn id(brand: &Brand, open: &OpenReview) -> String {
    review_id(&brand.secret, &open.review, &[])
}

/// The address or id that lookups ask for when they meet a question.
pub(super) fn asked(brand: &Brand, review: &ReviewRow) -> Option<LookupHash> {
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
