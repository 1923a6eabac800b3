//! Finds customers by anything that a person may know about them. The text is in no URL that can be read.

use serde::Serialize;

use crate::admin::search_customers::{FoundCustomer, MOST_FOUND, search_customers};
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::shown_customers::ShownView;
use crate::console::visit::Visit;
use crate::storage::erasures::PastErasure;

#[derive(Serialize, Default)]
struct CustomersPage {
    /// What was searched. Empty before the first search.
    text: String,
    /// Whether the search was made.
    is_searched: bool,
    customers: Vec<Found>,
    has_more: bool,
    /// If nobody matches, and a person with this address or id was erased.
    erasures: Vec<FoundErasure>,
    most: usize,
}

#[derive(Serialize)]
struct Found {
    view: ShownView,
    last_event: Option<ShownTime>,
}

/// An erasure of a person whom the text may mean.
#[derive(Serialize)]
struct FoundErasure {
    id: String,
    path: String,
    at: ShownTime,
}

/// Goes to the page of the search.
pub(in crate::console::pages) fn ask(visit: &Visit) -> Result<Reply, Refusal> {
    let too_long = "This text is too long to search for. Shorten it.";
    let page = visit.go_and_ask(&visit.path("/customers"));
    page.ok_or_else(|| Refusal::Mistake(too_long.to_owned()))
}

/// The search, and what it finds.
pub(in crate::console::pages) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    let text = visit.form.value("text");
    let page = if text.is_empty() || !visit.mistake.is_empty() {
        CustomersPage { text: text.to_owned(), ..CustomersPage::default() }
    } else {
        find(visit, text).await?
    };
    visit.page("customers.html", ("/customers", "Customers"), &page)
}

async fn find(visit: &Visit, text: &str) -> Result<CustomersPage, Refusal> {
    // Who sees masks would find out a name letter by letter.
    let (sees_names, by) = (visit.sees_values(), (visit.attribution(), visit.now()));
    let found = search_customers(visit.pool(), &visit.brand, text, sees_names, by).await?;
    let shown = found.customers.iter().map(|FoundCustomer { view, last_event_at }| Found {
        view: visit.shown_view(view),
        last_event: last_event_at.map(|at| visit.time(at)),
    });
    Ok(CustomersPage {
        text: text.to_owned(),
        is_searched: true,
        customers: shown.collect(),
        has_more: found.has_more,
        erasures: found.erasures.iter().map(|row| erasure(visit, row)).collect(),
        most: MOST_FOUND,
    })
}

fn erasure(visit: &Visit, row: &PastErasure) -> FoundErasure {
    FoundErasure {
        id: row.erasure_id.to_string(),
        path: visit.path(&format!("/erasures/{}", row.erasure_id)),
        at: visit.time(row.erased_at),
    }
}
