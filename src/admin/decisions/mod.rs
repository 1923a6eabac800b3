//! Decisions of people about who is who: each is previewed, decided in one transaction with its audit entry, and undone
//! without a trace in answers.
//!
//! A preview does the same as the decision, in a transaction that is rolled back. So it shows exactly what would happen.
//! It has a state token. A decision with that token is refused if it would no longer do what the preview showed.

mod act;
mod contradictions;
mod error;
mod forms;
mod in_force;
mod live_records;
mod people;
mod view;

use jiff::Timestamp;
use uuid::Uuid;

pub use self::act::{Act, find_decision, find_shared};
use self::act::{Fact, Plan};
pub use self::error::DecisionError;
pub use self::people::DecisionPeople;
pub use self::view::{CustomerView, FINDS_ANOTHER, StateToken, ViewedAddress, views_of};
use self::view::{StateInput, list_views};
use super::audit::{Action, Attribution, Via};
use crate::brand::Brand;
use crate::customer::model::text;
use crate::ingest::apply::{records_around, resolve_again};
use crate::ingest::difference::Touched;
use crate::storage::StorageError;
use crate::storage::customer_summaries::list_owners;
use crate::storage::decisions::{DecisionRow, insert_decision, undo_decision};
use crate::storage::pool::{Connection, Pool};
use crate::storage::write_transaction::{begin, mark, return_to_mark};

/// What a decision would do. It is personal data, so it does not implement `Debug`.
pub struct Preview {
    /// The customers concerned, as they are.
    pub before: Vec<CustomerView>,
    /// The customers as they would be.
    pub after: Vec<CustomerView>,
    /// The state that this preview shows.
    pub state: StateToken,
}

impl Preview {
    /// Whether the customers stay as they are. Their custom fields may change all the same, such as by what they are
    /// joined.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        let texts = |views: &[CustomerView]| -> Vec<(Vec<String>, i64)> {
            views.iter().map(|view| (view.texts(), view.events)).collect()
        };
        texts(&self.before) == texts(&self.after)
    }
}

/// What was decided.
pub struct Decided {
    /// The id of the decision that was made or undone.
    pub decision_id: Uuid,
    /// The customers concerned, as they are now.
    pub customers: Vec<CustomerView>,
}

/// Shows what an act would do. Nothing is changed.
///
/// # Errors
/// If the act is refused, or if Postgres fails.
pub async fn preview(pool: &Pool, brand: &Brand, act: &Act) -> Result<Preview, DecisionError> {
    let mut transaction = begin(pool, brand.id()).await?;
    let shown = preview_in(&mut transaction, brand, act).await;
    let rolled_back = transaction.rollback().await.map_err(StorageError::from);
    let shown = shown?;
    rolled_back?;
    Ok(shown)
}

async fn preview_in(
    db: &mut Connection,
    brand: &Brand,
    act: &Act,
) -> Result<Preview, DecisionError> {
    let plan = Plan::new(db, brand, act).await?;
    mark(db).await?;
    let nobody = (Attribution { by: "", reason: "", via: Via::Command }, Timestamp::UNIX_EPOCH);
    let done = carry_out(db, brand, &plan, Uuid::nil(), nobody).await?;
    return_to_mark(db).await?;
    let before = list_views(db, brand, &done.before).await?;
    Ok(Preview { before, after: done.after, state: done.state })
}

/// Does what an act says, with its audit entry. Running replicas show it at once. With the state of a preview, it is
/// refused if it would do something else than that preview showed.
///
/// # Errors
/// If the act is refused, or if Postgres fails. Then nothing is changed.
pub async fn decide(
    pool: &Pool,
    brand: &Brand,
    act: &Act,
    expected: Option<&StateToken>,
    by: (Attribution<'_>, Timestamp),
) -> Result<Decided, DecisionError> {
    let mut transaction = begin(pool, brand.id()).await?;
    match decide_in(&mut transaction, brand, act, expected, by).await {
        Ok(decided) => {
            transaction.commit().await.map_err(StorageError::from)?;
            Ok(decided)
        }
        Err(error) => {
            // Without this, its connection would be closed. That it was refused matters more than an error here.
            let _ = transaction.rollback().await;
            Err(error)
        }
    }
}

async fn decide_in(
    db: &mut Connection,
    brand: &Brand,
    act: &Act,
    expected: Option<&StateToken>,
    by: (Attribution<'_>, Timestamp),
) -> Result<Decided, DecisionError> {
    let plan = Plan::new(db, brand, act).await?;
    let decision_id = plan.decision_id();
    let done = carry_out(db, brand, &plan, decision_id, by).await?;
    if expected.is_some_and(|expected| *expected != done.state) {
        return Err(DecisionError::Changed);
    }
    Ok(Decided { decision_id, customers: done.after })
}

/// The result of an act inside its transaction.
struct CarriedOut {
    /// The customers concerned before it, by their keys.
    before: StateInput,
    /// The customers concerned after it.
    after: Vec<CustomerView>,
    state: StateToken,
}

async fn carry_out(
    db: &mut Connection,
    brand: &Brand,
    plan: &Plan,
    decision_id: Uuid,
    by: (Attribution<'_>, Timestamp),
) -> Result<CarriedOut, DecisionError> {
    let before = list_owners(db, brand.id(), &plan.concerned).await?;
    let around = records_around(db, brand, &plan.concerned).await?;
    write_fact(db, brand, plan, decision_id, by).await?;
    let Touched { before: old, after: new } = resolve_again(db, brand, around).await?.touched;
    let owners = list_owners(db, brand.id(), &plan.concerned).await?;
    plan.check(&owners)?;
    let before = StateInput::new(before.into_values(), &old, &new);
    let after = StateInput::new(owners.into_values(), &new, &old);
    let after = list_views(db, brand, &after).await?;
    let state = StateToken::of(plan, &before, &after);
    Ok(CarriedOut { before, after, state })
}

/// Stores the decision or that it is undone, and the audit entry.
async fn write_fact(
    db: &mut Connection,
    brand: &Brand,
    plan: &Plan,
    decision_id: Uuid,
    by: (Attribution<'_>, Timestamp),
) -> Result<(), DecisionError> {
    let (attribution, now) = by;
    let (action, outcome) = match &plan.fact {
        Fact::Decide(verdict) => {
            let row = DecisionRow {
                decision_id,
                verdict: verdict.clone(),
                decided_by: text::clean(attribution.by),
                reason: text::clean(attribution.reason),
                decided_at: now,
                undone_at: None,
                undone_by: None,
                undone_reason: None,
            };
            insert_decision(db, brand.id(), &row).await?;
            (verdict.action(), "decided")
        }
        Fact::Undo(row) => {
            let (by, reason) = (text::clean(attribution.by), text::clean(attribution.reason));
            undo_decision(db, brand.id(), row.decision_id, (&by, &reason, now)).await?;
            ("undo decision", "undone")
        }
    };
    let entry = Action::new(action, decision_id.to_string())
        .about_records(brand, &plan.concerned)
        .about_address(brand, plan.verdict().address());
    entry.done_in(db, brand.id(), by, outcome).await?;
    Ok(())
}
