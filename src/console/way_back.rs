//! Where people go on from a refusal: the page that they came from, and the main pages. Only the table of routes decides that,
//! so no stranger has a say in it.

use serde::Serialize;

use super::reply::Refusal;
use super::route::ConsoleRoute;
use super::visit::Visit;

/// A link to a page.
#[derive(Serialize)]
pub(super) struct Link {
    label: String,
    path: String,
}

/// The names of pages, as links to them say.
const NAMES: &[(ConsoleRoute, &str)] = &[
    (ConsoleRoute::Inbox, "the inbox"),
    (ConsoleRoute::DeliveryJob, "the job"),
    (ConsoleRoute::Delivery, "the webhook"),
    (ConsoleRoute::Sources, "the sources"),
    (ConsoleRoute::Source, "the source"),
    (ConsoleRoute::Customers, "the search for customers"),
    (ConsoleRoute::Customer, "the customer"),
    (ConsoleRoute::AskToEraseCustomer, "the erasure"),
    (ConsoleRoute::Reviews, "all questions"),
    (ConsoleRoute::Review, "the question"),
    (ConsoleRoute::Decisions, "all decisions"),
    (ConsoleRoute::Decision, "the decision"),
    (ConsoleRoute::Lookups, "the lookups"),
    (ConsoleRoute::Keys, "the keys"),
    (ConsoleRoute::Settings, "the settings"),
    (ConsoleRoute::People, "the people"),
    (ConsoleRoute::OwnAccount, "your account"),
    (ConsoleRoute::Audit, "the audit log"),
];

/// The main pages.
const MAIN: [(ConsoleRoute, &str); 5] = [
    (ConsoleRoute::Overview, "Overview"),
    (ConsoleRoute::Customers, "Customers"),
    (ConsoleRoute::Reviews, "Reviews"),
    (ConsoleRoute::Decisions, "Decisions"),
    (ConsoleRoute::Inbox, "Inbox"),
];

/// The pages to which a page or an act belongs, the nearest first: those whose path its own path begins with.
pub(super) fn pages_of(route: ConsoleRoute) -> Vec<ConsoleRoute> {
    let is_above = |page: &ConsoleRoute| {
        let below = route.pattern().strip_prefix(page.pattern());
        !page.is_act() && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut pages: Vec<_> = ConsoleRoute::ALL.iter().copied().filter(is_above).collect();
    pages.sort_by_key(|page| std::cmp::Reverse(page.pattern().len()));
    pages
}

/// Links to the pages that a refused request belongs to. What was not found is not among them.
pub(super) fn links_back(visit: &Visit, refusal: &Refusal) -> Vec<Link> {
    let is_gone = matches!(refusal, Refusal::NotFound);
    let pages = pages_of(visit.route).into_iter();
    let pages = pages.filter(|page| *page != visit.route && visit.may(page.role()));
    let link = |page: ConsoleRoute| {
        let (_, name) = NAMES.iter().find(|(named, _)| *named == page)?;
        let path = path_of(visit, page).filter(|_| !is_gone || !page.pattern().contains('{'))?;
        Some(Link { label: format!("Back to {name}"), path })
    };
    pages.filter_map(link).collect()
}

/// Links to the main pages.
pub(super) fn main_links(visit: &Visit) -> Vec<Link> {
    let link = |(page, label): (ConsoleRoute, &str)| Link {
        label: label.to_owned(),
        path: visit.path(page.pattern()),
    };
    MAIN.into_iter().map(link).collect()
}

/// The path of a page above the requested one: it has the same id, if any.
fn path_of(visit: &Visit, page: ConsoleRoute) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let has_id = page.pattern().contains("{id}");
    let fits = !has_id || (!visit.id.is_empty() && visit.id.chars().all(is_plain));
    fits.then(|| visit.path(&page.pattern().replace("{id}", &visit.id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_and_act_belongs_to_pages_with_a_name() {
        for route in ConsoleRoute::ALL.iter().copied() {
            for page in pages_of(route).into_iter().filter(|page| *page != route) {
                // A preview shows nothing without a form.
                let has_name = page == ConsoleRoute::CustomerActPreview
                    || NAMES.iter().any(|(named, _)| *named == page);
                assert!(has_name, "{} of {}", page.name(), route.name());
            }
        }
        let of_begin = pages_of(ConsoleRoute::BeginDeliveryJob);
        assert_eq!(of_begin[..2], [ConsoleRoute::DeliveryJob, ConsoleRoute::Inbox]);
        assert_eq!(pages_of(ConsoleRoute::ReplayDeliveries)[0], ConsoleRoute::Inbox);
        let of_decide = pages_of(ConsoleRoute::DecideCustomerAct);
        assert_eq!(of_decide[..2], [ConsoleRoute::Customer, ConsoleRoute::Customers]);
        assert_eq!(pages_of(ConsoleRoute::EraseCustomer)[0], ConsoleRoute::AskToEraseCustomer);
    }
}
