//! Decisions on pages, and why one is refused.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::admin::compared_review::kind_in_words;
use crate::admin::decisions::{DecisionError, names_of_records};
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
    /// The name in it. Empty if it has none.
    name: String,
}

/// The names in records.
pub(super) type Names = BTreeMap<RecordKey, String>;

impl RecordLink {
    fn new(visit: &Visit, key: &RecordKey, names: &Names) -> Self {
        let path = visit.customer_path(&key.to_string());
        let name = names.get(key).map(|name| visit.value(name)).unwrap_or_default();
        Self { path, kind: key.kind.as_str(), id: visit.record_id(key), name }
    }
}

impl ShownDecision {
    /// A decision with at most `most` pairs or records.
    pub(super) async fn of(visit: &Visit, row: DecisionRow, most: usize) -> Result<Self, Refusal> {
        let names = names(visit, &named([&row], most)).await?;
        Ok(Self::new(visit, &row, most, &names))
    }

    /// A decision with at most `most` pairs or records, and some names.
    pub(super) fn new(visit: &Visit, row: &DecisionRow, most: usize, names: &Names) -> Self {
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
            left: RecordLink::new(visit, left, names),
            relation,
            right: RecordLink::new(visit, right, names),
        };
        let address = row
            .verdict
            .address()
            .map(|own| (kind_in_words(own.kind.as_str()).to_owned(), visit.value(&own.value)));
        Self {
            id: row.decision_id.to_string(),
            path: visit.path(&format!("/decisions/{}", row.decision_id)),
            verdict: row.verdict.as_str(),
            address,
            pairs: pairs.iter().take(most).map(pair).collect(),
            records: confirmed
                .iter()
                .take(most)
                .map(|key| RecordLink::new(visit, key, names))
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

/// The records of some decisions that are shown.
pub(super) fn named<'a>(
    rows: impl IntoIterator<Item = &'a DecisionRow>,
    most: usize,
) -> BTreeSet<RecordKey> {
    let shown = |row: &DecisionRow| -> BTreeSet<RecordKey> {
        let pairs = row.verdict.pairs().iter().take(most);
        let of_pairs = pairs.flat_map(|(left, right)| [left.clone(), right.clone()]);
        match &row.verdict {
            Verdict::ConfirmedAddress(_, records) => records.iter().take(most).cloned().collect(),
            _ => of_pairs.collect(),
        }
    };
    rows.into_iter().flat_map(shown).collect()
}

/// The names in records.
pub(super) async fn names(visit: &Visit, records: &BTreeSet<RecordKey>) -> Result<Names, Refusal> {
    let mut connection = visit.pool().acquire().await?;
    Ok(names_of_records(&mut connection, &visit.brand, records).await?)
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
