//! What people decided, and undoing it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::changes::Changes;
use super::shown_decisions::{ShownDecision, refused, seen_people};
use crate::admin::decisions::{Act, CustomerView, DecisionError, Preview, StateToken};
use crate::admin::decisions::{decide, find_decision, preview};
use crate::admin::role::Role;
use crate::admin::shown_customer::records_of;
use crate::console::reply::{Refusal, Reply};
use crate::console::shown_customers::{ShownView, mark_common};
use crate::console::visit::Visit;
use crate::counted::counted;
use crate::customer::model::record::RecordKey;
use crate::storage::decisions::{DecisionRow, Which, list_decisions};
use crate::storage::page_key::PageKey;

/// How many pairs or records of a decision the list shows.
const MOST_LISTED: usize = 3;

/// How many of them the page of the decision shows.
const MOST_SHOWN: usize = 50;

#[derive(Serialize)]
struct DecisionsPage {
    decisions: Vec<ShownDecision>,
    /// The path of the next page.
    older: Option<String>,
}

/// The decisions, the newest first.
pub(super) async fn show_all(visit: &Visit) -> Result<Reply, Refusal> {
    let before = visit.query.value("before").parse().unwrap_or(PageKey::NEWEST);
    let which = Which::Newest(before, PageKey::READ);
    let mut connection = visit.pool().acquire().await?;
    let mut rows = list_decisions(&mut connection, visit.brand.id(), which).await?;
    drop(connection);
    let key = |row: &DecisionRow| PageKey { at: row.decided_at, id: row.decision_id };
    let older = PageKey::cut(&mut rows, key);
    let what = ("list decisions", counted(rows.len(), "decision", "decisions"));
    let people = seen_people(visit, (&rows, MOST_LISTED), what, BTreeSet::new()).await?;
    let shown = rows.iter().map(|row| ShownDecision::new(visit, row, MOST_LISTED, &people));
    let page = DecisionsPage {
        decisions: shown.collect(),
        older: older.map(|key| visit.path(&format!("/decisions?before={key}"))),
    };
    visit.page("decisions.html", ("/decisions", "Decisions"), &page)
}

#[derive(Serialize)]
struct DecisionPage {
    id: String,
    decision: ShownDecision,
    is_in_force: bool,
    undo: Option<Undo>,
    /// Why it cannot be undone. Empty if it can, or if the person may not.
    refused: String,
}

/// What undoing the decision would do.
#[derive(Serialize)]
struct Undo {
    state: String,
    /// Whether no customer changes.
    is_unchanged: bool,
    changes: Changes,
    before: Vec<ShownView>,
    after: Vec<ShownView>,
}

/// The most customers before or after that are shown.
const MOST_CUSTOMERS: usize = 20;

/// A decision, and what undoing it would do.
pub(super) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    let (pool, brand, id) = (visit.pool(), &visit.brand, visit.uuid()?);
    let mut connection = pool.acquire().await?;
    let found = find_decision(&mut connection, brand, id).await;
    drop(connection);
    let row = found.map_err(refusal)?;
    let is_in_force = row.undone_at.is_none();
    let (shown, refused) = if is_in_force && visit.may(Role::Supervisor) {
        match preview(pool, brand, &Act::Undo(id)).await {
            Ok(shown) => (Some(shown), String::new()),
            Err(DecisionError::Storage(error)) => return Err(error.into()),
            Err(error) => (None, refused(&error)),
        }
    } else {
        (None, String::new())
    };
    let of_preview = shown.as_ref().map(shown_records).unwrap_or_default();
    let what = ("view decision", id.to_string());
    let shown_rows = (std::slice::from_ref(&row), MOST_SHOWN);
    let people = seen_people(visit, shown_rows, what, of_preview).await?;
    let undo = shown.as_ref().map(|shown| undo_of(visit, shown));
    let decision = ShownDecision::new(visit, &row, MOST_SHOWN, &people);
    let page = DecisionPage { id: id.to_string(), decision, is_in_force, undo, refused };
    visit.page("decision.html", ("/decisions", "Decision"), &page)
}

/// The records of the customers that are shown of a preview.
fn shown_records(shown: &Preview) -> BTreeSet<RecordKey> {
    let views = [&shown.before, &shown.after];
    views
        .into_iter()
        .flat_map(|views| views.iter().take(MOST_CUSTOMERS))
        .flat_map(records_of)
        .collect()
}

fn undo_of(visit: &Visit, shown: &Preview) -> Undo {
    let some = |views: &[CustomerView]| -> Vec<ShownView> {
        views.iter().take(MOST_CUSTOMERS).map(|view| visit.shown_view(view)).collect()
    };
    let after = some(&shown.after).into_iter().map(ShownView::if_decided).collect();
    Undo {
        state: shown.state.to_string(),
        is_unchanged: shown.is_unchanged(),
        changes: Changes::of(visit, shown, MOST_CUSTOMERS),
        before: mark_common(some(&shown.before)),
        after: mark_common(after),
    }
}

/// Undoes a decision, if that would still do what the person saw.
pub(super) async fn undo(visit: &Visit) -> Result<Reply, Refusal> {
    let id = visit.uuid()?;
    let Ok(state) = visit.form.value("state").parse::<StateToken>();
    let by = (visit.attribution(), visit.now());
    let undone = decide(visit.pool(), &visit.brand, &Act::Undo(id), Some(&state), by).await;
    undone.map_err(refusal)?;
    Ok(visit.redirect(&visit.path(&format!("/decisions/{id}")), "undone"))
}

fn refusal(error: DecisionError) -> Refusal {
    match error {
        DecisionError::Storage(error) => error.into(),
        DecisionError::NoDecision => Refusal::NotFound,
        DecisionError::AlreadyUndone => Refusal::Changed(
            "This decision is undone already. The page Decisions says by whom. Nothing is left to do."
                .to_owned(),
        ),
        DecisionError::Changed => Refusal::Changed(
            "The customers of this decision changed since you opened it, so it was not undone. \
             Open the decision again, and look at what undoing it would do now."
                .to_owned(),
        ),
        error => Refusal::Mistake(refused(&error)),
    }
}
