//! What people decided and did about a customer, as its page shows it.

use serde::Serialize;

use crate::admin::history::History;
use crate::admin::shown_customer::MOST_ACTIONS;
use crate::console::shown::ShownTime;
use crate::console::shown_customers::ShownRecord;
use crate::console::visit::Visit;
use crate::storage::audit_log::ActionRow;
use crate::storage::decisions::{DecisionRow, Verdict};

/// The most pairs of records of a decision that are shown.
const MOST_PAIRS: usize = 20;

/// What people decided and did.
#[derive(Serialize)]
pub(super) struct ShownHistory {
    decisions: Vec<Decision>,
    actions: Vec<Action>,
    most_actions: i64,
}

#[derive(Serialize)]
struct Decision {
    id: String,
    what: &'static str,
    address: Option<String>,
    pairs: Vec<(ShownRecord, &'static str, ShownRecord)>,
    more_pairs: usize,
    by: String,
    reason: String,
    at: ShownTime,
    undone: Option<ShownTime>,
}

#[derive(Serialize)]
struct Action {
    what: String,
    by: String,
    reason: String,
    /// Why there is no reason.
    without_reason: &'static str,
    outcome: String,
    at: ShownTime,
}

impl ShownHistory {
    pub(super) fn new(visit: &Visit, history: &History) -> Self {
        Self {
            decisions: history.decisions.iter().map(|row| Decision::new(visit, row)).collect(),
            actions: history.actions.iter().map(|row| Action::new(visit, row)).collect(),
            most_actions: MOST_ACTIONS,
        }
    }
}

impl Decision {
    fn new(visit: &Visit, row: &DecisionRow) -> Self {
        let relation = if matches!(row.verdict, Verdict::SamePerson(_)) { "and" } else { "not" };
        let pairs = row.verdict.pairs();
        let shown = pairs.iter().take(MOST_PAIRS).map(|(left, right)| {
            (visit.shown_record(left, ""), relation, visit.shown_record(right, ""))
        });
        Self {
            id: row.decision_id.to_string(),
            what: row.verdict.as_str(),
            address: row.verdict.address().map(|address| visit.value(&address.value)),
            pairs: shown.collect(),
            more_pairs: pairs.len().saturating_sub(MOST_PAIRS),
            by: row.decided_by.clone(),
            reason: visit.value(&row.reason),
            at: visit.time(row.decided_at),
            undone: row.undone_at.map(|at| visit.time(at)),
        }
    }
}

impl Action {
    fn new(visit: &Visit, row: &ActionRow) -> Self {
        Self {
            what: row.action.clone(),
            by: row.done_by.clone(),
            reason: visit.value(&row.reason),
            without_reason: row.without_reason(),
            outcome: visit.with_own_times(&row.outcome),
            at: visit.time(row.begun_at),
        }
    }
}
