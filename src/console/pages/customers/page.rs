//! A customer: what an agent sees, why, and what a person can do about it.

use serde::Serialize;

use super::history::ShownHistory;
use super::why::{Facts, ShownAddress, Why};
use crate::admin::decisions::DecisionPeople;
use crate::admin::reviews::Review;
use crate::admin::shown_customer::{ShownCustomer, show_customer};
use crate::console::pages::reviews::ShownQuestion;
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::shown_customers::ShownView;
use crate::console::visit::Visit;
use crate::customer::answer::presentation::is_link;
use crate::customer::answer::{Answer, TimelineItem};
use crate::customer::model::record::RecordKey;

/// How many events the page shows; the timeline has all of them.
const MOST_EVENTS: usize = 10;

#[derive(Serialize)]
struct CustomerPage {
    view: ShownView,
    path: String,
    addresses: Vec<ShownAddress>,
    fields: Vec<CustomField>,
    events: Vec<Item>,
    /// How many events an answer has.
    events_in_answer: usize,
    /// The answer as JSON. `None` for viewers.
    json: Option<String>,
    why: Why,
    facts: Facts,
    reviews: Vec<OpenQuestion>,
    history: ShownHistory,
    /// Whom the person wanted to join, if that was not accepted.
    with: String,
}

#[derive(Serialize)]
struct CustomField {
    name: String,
    value: String,
    /// The template of the settings.
    template: String,
}

/// An event, as an answer shows it.
#[derive(Serialize)]
pub(super) struct Item {
    at: String,
    source: &'static str,
    message: String,
    /// A web address, or none.
    url: Option<String>,
}

#[derive(Serialize)]
struct OpenQuestion {
    path: String,
    question: ShownQuestion,
    customers: usize,
    since: ShownTime,
}

/// The page of the customer of a record.
pub(in crate::console::pages) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    let record = visit.record()?;
    let shown = show_customer(visit.pool(), &visit.brand, &record, visit.seen_by());
    let shown = Box::pin(shown).await?.ok_or(Refusal::NotFound)?;
    let page = CustomerPage::new(visit, &record, &shown);
    visit.page("customer.html", ("/customers", "Customer"), &page)
}

impl CustomerPage {
    fn new(visit: &Visit, record: &RecordKey, customer: &ShownCustomer) -> Self {
        let ShownCustomer { view, answer, explanation, reviews, history } = customer;
        let events = answer.timeline.iter().take(MOST_EVENTS);
        let owner = |(record, _): &(RecordKey, String)| (record.clone(), view.key.clone());
        let people = DecisionPeople {
            names: view.records.iter().cloned().collect(),
            owners: view.records.iter().map(owner).collect(),
            ..DecisionPeople::default()
        };
        Self {
            // A join can change the key of the customer. Its acts return to this page.
            path: visit.customer_path(&record.to_string()),
            addresses: ShownAddress::list(visit, answer, explanation),
            fields: CustomField::list(visit, answer),
            events: events.map(|item| Item::new(visit, item)).collect(),
            events_in_answer: answer.timeline.len(),
            json: json(visit, answer),
            why: Why::new(visit, explanation),
            facts: Facts::new(visit, explanation),
            reviews: reviews.iter().map(|review| OpenQuestion::new(visit, review)).collect(),
            history: ShownHistory::new(visit, history, &people),
            with: visit.sent_again("with"),
            view: visit.shown_view(view),
        }
    }
}

/// The answer as Omnidesk gets it, with line breaks.
fn json(visit: &Visit, answer: &Answer) -> Option<String> {
    visit.sees_values().then(|| serde_json::to_string_pretty(&[answer]).unwrap_or_default())
}

impl CustomField {
    /// The fields of an answer, and the templates of those that are left out because they are empty.
    fn list(visit: &Visit, answer: &Answer) -> Vec<Self> {
        let templates = &visit.brand.rules.presenter.rules().custom_fields;
        let shown = |(name, template): &(String, String)| {
            let field = answer.custom_fields.iter().find(|field| field.name == *name);
            Self {
                name: name.clone(),
                value: field.map(|field| visit.value(&field.value)).unwrap_or_default(),
                template: template.clone(),
            }
        };
        templates.iter().map(shown).collect()
    }
}

impl Item {
    pub(super) fn new(visit: &Visit, item: &TimelineItem) -> Self {
        Self {
            at: item.last_update.clone(),
            source: item.source,
            message: visit.value(&item.message),
            url: (is_link(&item.url) && visit.sees_values()).then(|| item.url.clone()),
        }
    }
}

impl OpenQuestion {
    fn new(visit: &Visit, review: &Review) -> Self {
        let question = &review.open.review;
        Self {
            path: visit.path(&format!("/reviews/{}", review.id)),
            question: ShownQuestion::new(visit, review),
            customers: question.customers.len(),
            since: visit.time(review.open.found_at),
        }
    }
}
