//! Decisions on pages, and why one is refused.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::admin::audit::record_view;
use crate::admin::compared_review::kind_in_words;
use crate::admin::decisions::{DecisionError, DecisionPeople};
use crate::console::reply::Refusal;
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::customer::model::record::RecordKey;
use crate::storage::decisions::{DecisionRow, Verdict};

/// A decision.
#[derive(Serialize)]
pub(super) struct ShownDecision {
    id: String,
    path: String,
    verdict: String,
    /// The kind and the value.
    address: Option<(String, String)>,
    pairs: Vec<Pair>,
    /// The records that are confirmed to be right about the address.
    records: Vec<RecordLink>,
    /// How many more pairs or records it names.
    more: usize,
    /// The first records of customers that have the shared address.
    holders: Vec<RecordLink>,
    /// Whether more customers have it.
    more_holders: bool,
    decided: ShownTime,
    by: String,
    reason: String,
    undone: Option<ShownTime>,
    undone_by: Option<String>,
    /// Empty also if it is not known.
    undone_reason: String,
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
    /// The name in it, or else an address. Empty if it has neither. Viewers see the mark of its customer.
    name: String,
}

impl RecordLink {
    fn new(visit: &Visit, key: &RecordKey, people: &DecisionPeople) -> Self {
        let path = visit.customer_path(&key.to_string());
        let name = if visit.sees_values() {
            people.names.get(key).cloned()
        } else {
            people.owners.get(key).map(|owner| visit.customer_mark(owner))
        };
        let (kind, id) = (key.kind.as_str(), visit.record_id(key));
        Self { path, kind, id, name: name.unwrap_or_default() }
    }
}

impl ShownDecision {
    /// A decision with at most `most` pairs, records or customers, and the people that it is about.
    pub(super) fn new(
        visit: &Visit,
        row: &DecisionRow,
        most: usize,
        people: &DecisionPeople,
    ) -> Self {
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
        let pair = |(left, right): &(RecordKey, RecordKey)| {
            let [mut left, mut right] =
                [left, right].map(|key| RecordLink::new(visit, key, people));
            // A mark is of a customer: the same one twice would not tell the records apart.
            if !visit.sees_values() && left.name == right.name {
                left.name.clear();
                right.name.clear();
            }
            Pair { left, relation, right }
        };
        let address = row
            .verdict
            .address()
            .map(|own| (kind_in_words(own.kind.as_str()).to_owned(), visit.value(&own.value)));
        let shared = match &row.verdict {
            Verdict::SharedValue(address) => Some(address),
            _ => None,
        };
        let holders = shared.and_then(|address| people.holders.get(address));
        let holders = holders.map(Vec::as_slice).unwrap_or_default();
        Self {
            holders: holders.iter().map(|key| RecordLink::new(visit, key, people)).collect(),
            more_holders: shared.is_some_and(|address| people.with_more_holders.contains(address)),
            id: row.decision_id.to_string(),
            path: visit.path(&format!("/decisions/{}", row.decision_id)),
            verdict: match (&row.verdict, row.verdict.address()) {
                (Verdict::SharedValue(_), Some(own)) => {
                    format!("shared {}", kind_in_words(own.kind.as_str()))
                }
                (Verdict::ConfirmedAddress(..), Some(own)) => {
                    format!("confirmed {}", kind_in_words(own.kind.as_str()))
                }
                (verdict, _) => verdict.as_str().to_owned(),
            },
            address,
            pairs: pairs.iter().take(most).map(pair).collect(),
            records: confirmed
                .iter()
                .take(most)
                .map(|key| RecordLink::new(visit, key, people))
                .collect(),
            more: pairs.len().max(confirmed.len()).saturating_sub(most),
            decided: visit.time(row.decided_at),
            reason: visit.value(&row.reason),
            undone: row.undone_at.map(|at| visit.time(at)),
            undone_by: row.undone_by.clone(),
            undone_reason: row
                .undone_reason
                .as_ref()
                .map_or_else(String::new, |why| visit.value(why)),
            by: row.decided_by.clone(),
        }
    }
}

/// The people of some decisions, of each at most `most` pairs, records or customers. If the person sees who they are, an
/// audit entry has their records, and `also`, which the page shows too.
pub(super) async fn seen_people(
    visit: &Visit,
    (rows, most): (&[DecisionRow], usize),
    what: (&'static str, String),
    also: BTreeSet<RecordKey>,
) -> Result<DecisionPeople, Refusal> {
    let mut connection = visit.pool().acquire().await?;
    let people = DecisionPeople::of(&mut connection, &visit.brand, rows, most).await?;
    drop(connection);
    if let Some(by) = visit.seen_by().filter(|_| !rows.is_empty()) {
        let seen = people.records().into_iter().chain(also).collect();
        record_view(visit.pool(), &visit.brand, what, &seen, by).await?;
    }
    Ok(people)
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
