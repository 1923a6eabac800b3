//! What a decision would change for those who know a customer: its id, and what agents see of it.

use serde::Serialize;

use crate::admin::decisions::{CustomerView, Preview};
use crate::admin::shown_customer::records_of;
use crate::console::visit::Visit;

/// What would not be as it was.
#[derive(Serialize, Default)]
pub(super) struct Changes {
    ids: Vec<IdChange>,
    /// What agents see of a customer now, and would not see any more: the name of the customer, and the values.
    lost: Vec<(String, Vec<String>)>,
}

/// A customer id that no customer would show any more, and the one in its place.
#[derive(Serialize)]
struct IdChange {
    old: String,
    new: String,
    /// Whether several customers become the one with the new id.
    is_joined: bool,
}

impl Changes {
    /// Those of the first `most` customers.
    pub(super) fn of(visit: &Visit, shown: &Preview, most: usize) -> Self {
        if shown.is_unchanged() {
            return Self::default();
        }
        let before = || shown.before.iter().take(most);
        Self {
            ids: before().filter_map(|view| id_change(visit, shown, view)).collect(),
            lost: before()
                .map(|view| (visit.customer_name(view), lost_values(visit, shown, view)))
                .filter(|(_, values)| !values.is_empty())
                .collect(),
        }
    }
}

fn id_change(visit: &Visit, shown: &Preview, before: &CustomerView) -> Option<IdChange> {
    if shown.after.iter().any(|after| after.customer_id == before.customer_id) {
        return None;
    }
    let first = before.key.parse().ok()?;
    let after = shown.after.iter().find(|after| records_of(after).contains(&first))?;
    let (old, new) = (visit.value(&before.customer_id), visit.value(&after.customer_id));
    let records = records_of(after);
    let came = shown.before.iter().filter(|view| !records.is_disjoint(&records_of(view)));
    Some(IdChange { old, new, is_joined: came.count() > 1 })
}

/// The name and the custom fields of a customer that no customer with its records would show any more. Not the fields
/// about the answer itself.
fn lost_values(visit: &Visit, shown: &Preview, before: &CustomerView) -> Vec<String> {
    let records = records_of(before);
    let has_some = |view: &&CustomerView| !records.is_disjoint(&records_of(view));
    let after: Vec<&CustomerView> = shown.after.iter().filter(has_some).collect();
    let name =
        |view: &CustomerView| format!("{} {}", view.first_name, view.last_name).trim().to_owned();
    let own = name(before);
    let is_lost = !own.is_empty() && after.iter().all(|view| name(view) != own);
    let rules = visit.brand.rules.presenter.rules();
    let about_answer = [&rules.matched_by_field, &rules.data_as_of_field];
    let lost = before.fields.iter().filter(|field| {
        !about_answer.contains(&&field.0) && after.iter().all(|view| !view.fields.contains(field))
    });
    is_lost
        .then(|| format!("the name {}", visit.value(&own)))
        .into_iter()
        .chain(lost.map(|(name, value)| format!("{name} {}", visit.value(value))))
        .collect()
}
