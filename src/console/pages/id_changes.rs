//! Customer ids that a decision would change. Omnidesk and people know a customer by its id.

use serde::Serialize;

use crate::admin::decisions::{CustomerView, Preview};
use crate::admin::shown_customer::records_of;
use crate::console::visit::Visit;

/// A customer id that no customer would show any more, and the one in its place.
#[derive(Serialize)]
pub(super) struct IdChange {
    old: String,
    new: String,
    /// Whether several customers become the one with the new id.
    is_joined: bool,
}

/// The ids that a decision would change, of the first `most` customers.
pub(super) fn id_changes(visit: &Visit, shown: &Preview, most: usize) -> Vec<IdChange> {
    let is_gone = |view: &&CustomerView| {
        shown.after.iter().all(|after| after.customer_id != view.customer_id)
    };
    let change = |before: &CustomerView| {
        let first = before.key.parse().ok()?;
        let after = shown.after.iter().find(|after| records_of(after).contains(&first))?;
        let (old, new) = (visit.value(&before.customer_id), visit.value(&after.customer_id));
        let records = records_of(after);
        let came = shown.before.iter().filter(|view| !records.is_disjoint(&records_of(view)));
        Some(IdChange { old, new, is_joined: came.count() > 1 })
    };
    shown.before.iter().take(most).filter(is_gone).filter_map(change).collect()
}
