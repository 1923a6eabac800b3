//! A check: a question about the hookpoint, how it is answered, and the remedy.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::client::{Reply, RequestLog, Response};
use super::expected::Expected;
use super::target::Target;
use crate::doctor::finding::{Finding, Observation, Verdict};

/// A question about the hookpoint.
pub(super) struct Check {
    /// The name of the check.
    pub(super) id: &'static str,
    /// The question, in plain words.
    pub(super) question: &'static str,
    pub(super) how: How,
    /// What to do if the answer is no.
    pub(super) remedy: &'static str,
}

/// How a check is answered.
pub(super) enum How {
    /// By the first request, the documented lookup by e-mail address. If such a check fails, the others are skipped.
    First(fn(&Target, &Reply) -> Observation),
    /// By the status of a documented lookup of nobody: by e-mail address, phone number or id.
    Documented(Documented),
    /// By the successful answers to the documented lookups of nobody.
    Answers(fn(&[Response]) -> Observation),
    /// By a request of its own.
    Request(Method, &'static str, Expected),
    /// By a request with another method: whether the error names the methods that are allowed.
    Allow,
    /// By a request to a path that does not exist.
    UnknownPath,
    /// By five requests at the same time.
    Concurrent,
    /// By lookups of the test customer.
    Customer(CustomerCheck),
    /// By all answers about the test customer.
    Shape(fn(&[Value]) -> Observation),
    /// By all requests together. The time is the limit above which answers are slow.
    Whole(fn(&RequestLog, Duration) -> Observation),
}

/// A documented lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Documented {
    Email,
    Phone,
    Id,
}

impl Documented {
    pub(super) const ALL: [Self; 3] = [Self::Email, Self::Phone, Self::Id];

    /// The query that asks for nobody.
    pub(super) const fn query(self) -> &'static str {
        match self {
            Self::Email => "{key}&{email}&ticketID=1234",
            Self::Phone => "{key}&{phone}&ticketID=1234",
            Self::Id => "{key}&{id}",
        }
    }
}

/// A check of lookups of the test customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CustomerCheck {
    /// Each address and id finds somebody.
    Found,
    /// Each finds one customer only.
    One,
    /// All find the same customer.
    Same,
    /// The `customerID` of the answer finds the customer.
    CustomerId,
    /// The e-mail address finds the customer in another spelling.
    Spelling,
    /// The answer contains the address that was asked for.
    OwnAddress,
}

impl Check {
    /// The finding of an observation.
    pub(super) fn finding(&self, observation: Observation) -> Finding {
        let is_wrong = [Verdict::Warn, Verdict::Fail].contains(&observation.verdict);
        Finding {
            id: self.id,
            subject: None,
            question: self.question,
            verdict: observation.verdict,
            seen: observation.seen,
            remedy: is_wrong.then_some(self.remedy),
        }
    }
}

/// A check by a request of its own.
pub(super) const fn request(
    id: &'static str,
    question: &'static str,
    query: &'static str,
    expected: Expected,
    remedy: &'static str,
) -> Check {
    Check { id, question, how: How::Request(Method::GET, query, expected), remedy }
}
