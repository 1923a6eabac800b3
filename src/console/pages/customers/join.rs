//! Whom a customer is joined with: the person may type what several customers match.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::admin::decisions::CustomerView;
use crate::admin::search_customers::{MOST_OTHERS, OtherCustomers, find_other_customers};
use crate::admin::shown_customer::{log_view, records_of};
use crate::console::reply::{Refusal, Reply};
use crate::console::shown_customers::ShownView;
use crate::console::visit::Visit;
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;

/// The act that joins all records of two customers.
pub(super) const ALL: &str = "join-all";

#[derive(Serialize)]
struct JoinPage {
    /// The customer who is joined.
    view: ShownView,
    path: String,
    text: String,
    /// The act of the form: whether all records are joined.
    act: String,
    /// Each customer that matches, with the key of its first record.
    others: Vec<(ShownView, String)>,
    /// The most that are shown, if more may match.
    most: Option<usize>,
}

/// The page on which the person chooses one of several customers. `None` if there is nothing to choose.
pub(super) async fn choice(
    visit: &Visit,
    customer: &CustomerView,
) -> Result<Option<Reply>, Refusal> {
    if !["join", ALL].contains(&visit.form.value("act")) {
        return Ok(None);
    }
    let OtherCustomers::Several(others) = found(visit, customer).await? else { return Ok(None) };
    let records: BTreeSet<RecordKey> = others.iter().flat_map(records_of).collect();
    let mut connection = visit.pool().acquire().await?;
    let view = ("search customers to join", &records);
    log_view(&mut connection, &visit.brand, view, visit.seen_by()).await?;
    drop(connection);
    let page = JoinPage {
        view: visit.shown_view(customer),
        path: visit.customer_path(&customer.key),
        text: visit.form.value("with").to_owned(),
        act: visit.form.value("act").to_owned(),
        most: (others.len() == MOST_OTHERS).then_some(MOST_OTHERS),
        others: others.iter().map(|view| (visit.shown_view(view), view.key.clone())).collect(),
    };
    visit.page("customer_join.html", ("/customers", "Join customers"), &page).map(Some)
}

/// The customer that joins, by what the person typed.
pub(super) async fn other(visit: &Visit, customer: &CustomerView) -> Result<RecordKey, Refusal> {
    let text = match found(visit, customer).await? {
        OtherCustomers::One(record) => return Ok(record),
        OtherCustomers::Same => {
            "This is the same customer: the two are joined already, or you named this one. Type an address, a customer id or the key of a record of the other customer."
        }
        OtherCustomers::None => {
            "No customer matches. Type a name, an address, a customer id or the key of a record of the other customer."
        }
        OtherCustomers::Several(_) => {
            "Several other customers match. Type the key of a record of the right one."
        }
    };
    Err(Refusal::Mistake(text.to_owned()))
}

async fn found(visit: &Visit, customer: &CustomerView) -> Result<OtherCustomers, StorageError> {
    let mut connection = visit.pool().acquire().await?;
    let text = visit.form.value("with");
    find_other_customers(&mut connection, &visit.brand, text, &customer.key).await
}
