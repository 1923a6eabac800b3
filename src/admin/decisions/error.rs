//! Why a decision is refused.

use uuid::Uuid;

use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::component_rows::ReviewRow;

/// A decision that was not made. The texts name no person.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// A record does not exist, or its source deleted it.
    #[error("there is no record with one of these keys, or its source deleted it")]
    NoRecord(RecordKey),
    /// It takes two.
    #[error("name records of at least two customers; these are one customer, or only one record")]
    TooFew,
    /// All records of the customers are among those that would leave.
    #[error("these are all records of the customer, so none would stay; leave out those that stay")]
    NothingStays,
    /// Decisions in force say the opposite.
    #[error("this contradicts a decision in force; undo it first, with `hookpoint decision undo`")]
    Contradicts(Vec<Uuid>),
    /// Decisions in force say the same.
    #[error("a decision in force says so already")]
    AlreadyDecided(Vec<Uuid>),
    /// The customer does not have the address from a form only.
    #[error(
        "no record from a form adds this address to the customer, so there is nothing to confirm"
    )]
    NothingToConfirm,
    /// No record has the address.
    #[error("no record that could be joined by this address has it, so there is nothing to share")]
    NothingToShare,
    /// More pairs than one decision may have.
    #[error(
        "these are too many records for one decision, because it names each pair of them; if they have an address in common, decide that several people have it, with `hookpoint value share`"
    )]
    TooManyPairs,
    /// A question about more customers than one decision may have.
    #[error(
        "this question is about more than {} customers, too many for one decision; if it is about an address, answer `shared` (the same as `hookpoint value share`); `hookpoint customer join` joins some of the customers",
        ReviewRow::MOST_CUSTOMERS
    )]
    TooManyCustomers,
    /// Something stronger keeps the records apart, or together.
    #[error(
        "the decision would have no effect: merges of the source contradict it; see `hookpoint lookup --why`"
    )]
    NoEffect,
    /// The answer does not fit the question.
    #[error("this answer does not fit the question: only an address can be shared")]
    NotAnAddress,
    /// Somebody has to say which records are of another person.
    #[error(
        "the answer must name the records of the other person: separate them, with `hookpoint customer separate`"
    )]
    NameRecords,
    /// The result is no longer what the preview showed.
    #[error("something changed since this was shown, so nothing was decided; look at it again")]
    Changed,
    /// No decision has this id.
    #[error("there is no decision with this id")]
    NoDecision,
    /// The decision is not in force any more.
    #[error("this decision is already undone")]
    AlreadyUndone,
    /// Postgres failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
