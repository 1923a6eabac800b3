//! Finds customers by anything that a person may know about them. The text is never in a URL.

use serde::Serialize;

use crate::admin::search_customers::{FoundCustomer, MOST_FOUND, search_customers};
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::shown_customers::ShownView;
use crate::console::visit::Visit;

#[derive(Serialize, Default)]
struct CustomersPage {
    /// What was searched. Empty before the first search.
    text: String,
    customers: Vec<Found>,
    has_more: bool,
    is_erased: bool,
    most: usize,
}

#[derive(Serialize)]
struct Found {
    view: ShownView,
    last_event: Option<ShownTime>,
}

/// The page before a search.
pub(in crate::console::pages) async fn form(visit: &Visit) -> Result<Reply, Refusal> {
    page(visit, &CustomersPage::default())
}

/// Searches.
pub(in crate::console::pages) async fn find(visit: &Visit) -> Result<Reply, Refusal> {
    let text = visit.form.value("text");
    if text.is_empty() {
        return form(visit).await;
    }
    // Who sees masks would find out a name letter by letter.
    let (sees_names, by) = (visit.sees_values(), (visit.attribution(), visit.now()));
    let found = search_customers(visit.pool(), &visit.brand, text, sees_names, by).await?;
    let shown = found.customers.iter().map(|FoundCustomer { view, last_event_at }| Found {
        view: visit.shown_view(view),
        last_event: last_event_at.map(|at| visit.time(at)),
    });
    let shown = CustomersPage {
        text: text.to_owned(),
        customers: shown.collect(),
        has_more: found.has_more,
        is_erased: found.is_erased,
        most: MOST_FOUND,
    };
    page(visit, &shown)
}

fn page(visit: &Visit, page: &CustomersPage) -> Result<Reply, Refusal> {
    visit.page("customers.html", ("/customers", "Customers"), page)
}
