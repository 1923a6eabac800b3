//! What people decided and did about a customer, as its page shows it.

use serde::Serialize;

use crate::admin::decisions::DecisionPeople;
use crate::admin::history::History;
use crate::admin::shown_customer::MOST_ACTIONS;
use crate::console::pages::shown_decisions::ShownDecision;
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::storage::audit_log::ActionRow;
use crate::storage::decisions::DecisionRow;

/// The most pairs of records of a decision that are shown.
const MOST_PAIRS: usize = 20;

/// What people decided and did.
#[derive(Serialize)]
pub(super) struct ShownHistory {
    decisions: Vec<ShownDecision>,
    actions: Vec<Action>,
    most_actions: i64,
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
    /// The history. `people` has the names in the customer's own records.
    pub(super) fn new(visit: &Visit, history: &History, people: &DecisionPeople) -> Self {
        let decisions = history.decisions.iter();
        let shown = |row: &DecisionRow| ShownDecision::new(visit, row, MOST_PAIRS, people);
        Self {
            decisions: decisions.map(shown).collect(),
            actions: history.actions.iter().map(|row| Action::new(visit, row)).collect(),
            most_actions: MOST_ACTIONS,
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
