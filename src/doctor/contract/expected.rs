//! The response that a check expects.

use super::client::{Reply, Response};
use crate::doctor::finding::Observation;

/// The response that a check expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// 200.
    Answer,
    /// 200 or 400: the document does not say it, but 400 turns a customer away.
    AnswerIfPossible,
    /// 400, because the request does not follow the document.
    BadRequest,
    /// 400, or an answer that finds nobody.
    BadRequestOrNobody,
    /// An error status for the URL, or an answer: the document sets no limit.
    TooLong,
    /// An error status for the key.
    WrongKey,
    /// 405.
    MethodNotAllowed,
    /// 200 without a body.
    Head,
    /// 404.
    NotFound,
}

impl Expected {
    /// Judges a reply.
    pub(super) fn judge(self, reply: &Reply) -> Observation {
        match reply {
            Err(why) => Observation::fail(why.to_string()),
            Ok(response) if response.status == 429 && self != Self::WrongKey => {
                Observation::skipped("429, too many requests: repeat with a longer --pause")
            }
            Ok(response) => self.judge_response(response),
        }
    }

    fn judge_response(self, response: &Response) -> Observation {
        let status = response.status;
        let seen = format!("status {status}");
        let pass = |accepted: &[u16]| accepted.contains(&status);
        let is_client_error = (400..500).contains(&status);
        match self {
            Self::Answer if pass(&[200]) => Observation::pass(seen),
            Self::AnswerIfPossible if pass(&[200]) => Observation::pass(seen),
            Self::AnswerIfPossible if pass(&[400]) => Observation::warn(seen),
            Self::BadRequest if pass(&[400]) => Observation::pass(seen),
            // The document allows other common errors where they are warranted.
            Self::BadRequest if is_client_error => Observation::warn(seen),
            Self::BadRequestOrNobody if is_client_error => Observation::pass(seen),
            Self::BadRequestOrNobody if pass(&[200]) => match response.customers() {
                Some(customers) if !customers.is_empty() => {
                    Observation::fail("status 200, and somebody was found")
                }
                _ => Observation::pass(seen),
            },
            Self::TooLong if pass(&[400, 413, 414, 431]) => Observation::pass(seen),
            Self::TooLong if pass(&[200]) => Observation::warn(seen),
            Self::WrongKey if pass(&[400, 401, 403, 429]) => Observation::pass(seen),
            Self::WrongKey if is_client_error => Observation::warn(seen),
            Self::MethodNotAllowed if pass(&[405]) => Observation::pass(seen),
            Self::MethodNotAllowed if is_client_error || status == 501 => Observation::warn(seen),
            Self::Head if pass(&[200]) => Observation::pass(seen),
            Self::Head if is_client_error || status == 501 => Observation::warn(seen),
            Self::NotFound if pass(&[404]) => Observation::pass(seen),
            Self::NotFound if is_client_error => Observation::warn(seen),
            _ => Observation::fail(seen),
        }
    }
}
