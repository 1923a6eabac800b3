//! An open question: its customers side by side, and what each answer would do.

use std::collections::BTreeSet;

use serde::Serialize;

use super::review_answers::{Answer, answers};
use super::reviews::{ShownQuestion, last_answer};
use super::shown_decisions::ShownDecision;
use crate::admin::compared_review::{
    Agreement, ComparedCustomer, MOST_COMPARED, compare, compared_customers,
};
use crate::admin::reviews::{DAYS_AWAY, Review, find};
use crate::admin::role::Role;
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::counted::counted;
use crate::customer::model::record::RecordKey;
use crate::record_links::RecordLinks;

#[derive(Serialize)]
struct ReviewPage {
    id: String,
    is_about_a_form: bool,
    is_from_agents: bool,
    question: ShownQuestion,
    since: ShownTime,
    /// How many lookups met it, or how often agents reported it, in words. Empty if none did.
    lookups: String,
    last_ticket: Option<String>,
    /// Until when it is put away.
    until: Option<ShownTime>,
    columns: Vec<Column>,
    /// How many more customers it is about.
    more: usize,
    rows: Vec<Row>,
    /// Empty for people who may not decide.
    answers: Vec<Answer>,
    days_away: u16,
    /// The customers in question, and the time: if the question is gone when it is answered, they say what happened.
    customers: Vec<String>,
    shown_at: i64,
    last_answer: Option<ShownDecision>,
}

/// A customer.
#[derive(Serialize)]
struct Column {
    path: String,
    name: String,
    events: i64,
    newest_event: Option<ShownTime>,
}

/// A field of all customers.
#[derive(Serialize)]
struct Row {
    label: &'static str,
    cells: Vec<Vec<Cell>>,
    /// How far the values agree: in words, and their tone. `None` if they are never the same.
    agreement: Option<(&'static str, &'static str)>,
}

/// A value of a field.
#[derive(Serialize)]
struct Cell {
    /// What kind of value it is. Empty if the row says so.
    kind: &'static str,
    text: String,
    note: String,
    differs: bool,
    is_in_question: bool,
}

/// An open question.
pub(super) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    let (pool, brand, now) = (visit.pool(), &visit.brand, visit.now());
    let Some(review) = find(pool, brand, &visit.id).await? else {
        return Ok(visit.redirect(&visit.path("/reviews"), "closed"));
    };
    let seen_by = visit.sees_values().then(|| visit.attribution());
    let customers = compared_customers(pool, brand, &review, seen_by, now).await?;
    let may_answer = visit.may(Role::Supervisor);
    let answers = if may_answer { answers(visit, &review, &customers).await? } else { Vec::new() };
    let (links, open) = (RecordLinks::new(brand), &review.open);
    let page = ReviewPage {
        id: review.id.clone(),
        is_about_a_form: review.is_about_a_form(),
        is_from_agents: review.is_from_agents(),
        question: ShownQuestion::new(visit, &review),
        since: visit.time(open.found_at),
        lookups: match (review.lookups.count, review.lookups.is_more) {
            (0, _) => String::new(),
            (count, false) => counted(count, "time", "times"),
            (count, true) => format!("more than {count} times"),
        },
        last_ticket: review.lookups.last_ticket.clone(),
        until: open.postponed_until.filter(|until| *until > now).map(|at| visit.time(at)),
        columns: customers.iter().map(|customer| column(visit, customer)).collect(),
        more: open.review.customers.len().saturating_sub(MOST_COMPARED),
        rows: rows(visit, &review, &customers),
        answers,
        days_away: DAYS_AWAY,
        customers: open.review.customers.iter().map(|key| links.path(key)).collect(),
        shown_at: now.as_microsecond(),
        last_answer: last_answer(visit).await?,
    };
    visit.page("review.html", ("/reviews", "Review"), &page)
}

fn column(visit: &Visit, customer: &ComparedCustomer) -> Column {
    Column {
        path: visit.customer_path(&customer.view.key),
        name: visit.customer_name(&customer.view),
        events: customer.view.events,
        newest_event: customer.newest_event.map(|at| visit.time(at)),
    }
}

fn rows(visit: &Visit, review: &Review, customers: &[ComparedCustomer]) -> Vec<Row> {
    let some = |text: &str| if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
    let addresses = |customer: &ComparedCustomer, is_listed: fn(&str) -> bool| -> Vec<String> {
        let listed = customer.view.addresses.iter().filter(|address| is_listed(&address.kind));
        listed.map(|address| address.text.clone()).collect()
    };
    let each = |label, values: &dyn Fn(&ComparedCustomer) -> Vec<String>| {
        let values: Vec<Vec<String>> = customers.iter().map(values).collect();
        compared_row(visit, review, label, &values)
    };
    let is_other = |kind: &str| !["email", "telephone"].contains(&kind);
    let compared = [
        each("First name", &|customer| some(&customer.view.first_name)),
        each("Last name", &|customer| some(&customer.view.last_name)),
        each("E-mail addresses", &|customer| addresses(customer, |kind| kind == "email")),
        each("Phone numbers", &|customer| addresses(customer, |kind| kind == "telephone")),
        each("Other accounts", &|customer| addresses(customer, is_other)),
    ];
    let has_values = |row: &Row| row.cells.iter().any(|cell| !cell.is_empty());
    let ids = |customer: &ComparedCustomer| vec![cell("", visit.value(&customer.view.customer_id))];
    let records = |customer: &ComparedCustomer| {
        let records = customer.view.records.iter();
        let cell = |(key, name): &(RecordKey, String)| record_cell(visit, key, name);
        records.map(cell).collect()
    };
    let plain = [
        Row { label: "Customer id", cells: customers.iter().map(ids).collect(), agreement: None },
        Row { label: "Records", cells: customers.iter().map(records).collect(), agreement: None },
    ];
    compared.into_iter().filter(has_values).chain(plain).collect()
}

fn cell(kind: &'static str, text: String) -> Cell {
    Cell { kind, text, note: String::new(), differs: false, is_in_question: false }
}

fn record_cell(visit: &Visit, key: &RecordKey, name: &str) -> Cell {
    Cell { note: visit.value(name), ..cell(key.kind.as_str(), visit.record_id(key)) }
}

/// A row whose values are compared. Those that not everybody with a value has are marked.
fn compared_row(
    visit: &Visit,
    review: &Review,
    label: &'static str,
    values: &[Vec<String>],
) -> Row {
    let sets: Vec<BTreeSet<&String>> = values.iter().map(|own| own.iter().collect()).collect();
    let agreement = compare(&sets);
    let differ = matches!(agreement, Agreement::Partly | Agreement::Different);
    let is_common = |value: &String| sets.iter().all(|own| own.is_empty() || own.contains(value));
    let shown = |value: &String| Cell {
        differs: differ && !is_common(value),
        is_in_question: review.address().is_some_and(|address| address.value == *value),
        ..cell("", visit.value(value))
    };
    let words = match agreement {
        Agreement::Unknown => ("none", "neutral"),
        Agreement::OnlySome => ("only some have one", "neutral"),
        Agreement::Same => ("the same", "good"),
        Agreement::Partly => ("some differ", "warn"),
        Agreement::Different => ("different", "warn"),
    };
    Row {
        label,
        cells: values.iter().map(|own| own.iter().map(shown).collect()).collect(),
        agreement: Some(words).filter(|_| values.len() > 1),
    }
}
