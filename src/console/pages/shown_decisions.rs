//! Decisions on pages, and why one is refused.

use serde::Serialize;

use crate::admin::compared_review::kind_in_words;
use crate::admin::decisions::DecisionError;
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::customer::model::record::RecordKey;
use crate::storage::decisions::{DecisionRow, Verdict};

/// A decision.
#[derive(Serialize)]
pub(super) struct ShownDecision {
    path: String,
    verdict: &'static str,
    /// The kind and the value.
    address: Option<(String, String)>,
    pairs: Vec<Pair>,
    /// The records that are confirmed to be right about the address.
    records: Vec<RecordLink>,
    /// How many more pairs or records it names.
    more: usize,
    decided: ShownTime,
    by: String,
    reason: String,
    undone: Option<ShownTime>,
    undone_by: Option<String>,
}

#[derive(Serialize)]
struct Pair {
    left: RecordLink,
    relation: &'static str,
    right: RecordLink,
}

/// A record, with a link to the page of its customer.
#[derive(Serialize)]
struct RecordLink {
    path: String,
    kind: &'static str,
    id: String,
}

impl RecordLink {
    fn new(visit: &Visit, key: &RecordKey) -> Self {
        let path = visit.customer_path(&key.to_string());
        Self { path, kind: key.kind.as_str(), id: visit.record_id(key) }
    }
}

impl ShownDecision {
    /// A decision with at most `most` pairs or records.
    pub(super) fn new(visit: &Visit, row: DecisionRow, most: usize) -> Self {
        let pairs = row.verdict.pairs();
        let confirmed = match &row.verdict {
            Verdict::ConfirmedAddress(_, records) => records.iter().collect(),
            _ => Vec::new(),
        };
        let relation = if matches!(row.verdict, Verdict::SamePerson(_)) {
            "is the same person as"
        } else {
            "is not the same person as"
        };
        let pair = |(left, right): &(RecordKey, RecordKey)| Pair {
            left: RecordLink::new(visit, left),
            relation,
            right: RecordLink::new(visit, right),
        };
        let address = row
            .verdict
            .address()
            .map(|own| (kind_in_words(own.kind.as_str()).to_owned(), visit.value(&own.value)));
        Self {
            path: visit.path(&format!("/decisions/{}", row.decision_id)),
            verdict: row.verdict.as_str(),
            address,
            pairs: pairs.iter().take(most).map(pair).collect(),
            records: confirmed.iter().take(most).map(|key| RecordLink::new(visit, key)).collect(),
            more: pairs.len().max(confirmed.len()).saturating_sub(most),
            decided: visit.time(row.decided_at),
            reason: visit.value(&row.reason),
            undone: row.undone_at.map(|at| visit.time(at)),
            undone_by: row.undone_by,
            by: row.decided_by,
        }
    }
}

/// Why a decision is refused, in words for a person in the console.
pub(super) fn refused(error: &DecisionError) -> String {
    let words = match error {
        DecisionError::Contradicts(_) => {
            "It contradicts a decision in force. Undo that one first: the page Decisions lists it."
        }
        DecisionError::NoRecord(_) => {
            "One of the records does not exist any more, or its source deleted it."
        }
        DecisionError::NameRecords => {
            "Open the customer above, and separate the records of the other person there."
        }
        DecisionError::NoEffect => {
            "It would have no effect: merges of the source contradict it. The page of the customer says why."
        }
        other => return sentence(&other.to_string()),
    };
    words.to_owned()
}

/// A message as a sentence.
fn sentence(message: &str) -> String {
    let mut characters = message.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), characters.as_str())
}
