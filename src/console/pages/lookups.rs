//! What was looked up, and what Omnidesk got.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::admin::audit::record_view;
use crate::admin::compared_review::kind_in_words;
use crate::admin::past_lookups::{
    LookupSearch, PastCustomer, PastLookup, find_past_lookups, is_about_erased, list_past_lookups,
    names_now,
};
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::counted::counted;
use crate::customer::model::text::canonical_id;
use crate::http::problem::Problem;
use crate::lookup::query::Question;
use crate::lookup::query_customers::ReadRules;
use crate::lookup::trace::Outcome;
use crate::sources::api::SourceOutcomes;
use crate::storage::lookup_history::LookupRow;
use crate::storage::page_key::PageKey;

#[derive(Serialize)]
struct LookupsPage {
    lookups: Vec<Lookup>,
    /// The path of the next page.
    older: Option<String>,
    /// Ways to search, by their names in the form.
    searches: [(&'static str, &'static str); 5],
    /// The way and the text of this search. Empty without one.
    by: String,
    text: String,
    /// For how many days lookups are kept.
    days: u32,
    /// Whether the person who was searched for was erased.
    is_erased: bool,
    /// The words of the columns Cache and Sources, each with what it means.
    cache_words: Vec<(&'static str, &'static str)>,
    source_words: [(&'static str, &'static str); 4],
}

/// Ways to search.
const SEARCHES: [(&str, &str); 5] = [
    ("ticket", "Ticket of Omnidesk"),
    ("address", "E-mail address or phone number"),
    ("customer", "Customer id in the answer"),
    ("id", "Id that was looked up"),
    ("request", "Request id"),
];

#[derive(Serialize)]
struct Lookup {
    at: ShownTime,
    request: String,
    /// If it is a number.
    ticket: Option<String>,
    /// What was asked. Empty if the request was rejected before it was read.
    asked: String,
    status: i16,
    result: String,
    /// What an error means, and what to do. Empty if it is none.
    problem: Vec<&'static str>,
    /// The tone of the result.
    tone: &'static str,
    cache: String,
    duration: String,
    /// Each source that was to be asked, and what it answered.
    sources: Vec<(String, String)>,
    customers: Vec<Found>,
    /// Whether a source knows the person, and yet nobody was found.
    is_only_at_source: bool,
}

/// A customer in an answer.
#[derive(Serialize)]
struct Found {
    key: String,
    /// Its name now, for viewers its mark. Empty if it has none, and if it is no longer stored.
    name: String,
    /// The path of the customer that has its first record now. `None` if that is no longer stored.
    path: Option<String>,
    /// Whether the record belongs to another customer now.
    has_moved: bool,
    /// Whether the customer's part of the answer is still the same. `None`: not known.
    is_same: Option<bool>,
    /// When it changed for the last time, if it did since the lookup.
    changed: Option<ShownTime>,
}

/// Goes to the page of a search.
pub(super) fn ask(visit: &Visit) -> Result<Reply, Refusal> {
    let too_long = "This text is too long to search for. Shorten it.";
    let page = visit.go_and_ask(&visit.path("/lookups"));
    page.ok_or_else(|| Refusal::Mistake(too_long.to_owned()))
}

/// The newest lookups, or those that match.
pub(super) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    match visit.form.value("by") {
        by if !by.is_empty() && visit.mistake.is_empty() => search(visit, by).await,
        _ => list(visit).await,
    }
}

async fn list(visit: &Visit) -> Result<Reply, Refusal> {
    let before = visit.query.value("before").parse().unwrap_or(PageKey::NEWEST);
    let (pool, brand) = (visit.pool(), &visit.brand);
    let mut lookups = list_past_lookups(pool, brand, before, PageKey::READ).await?;
    let key = |lookup: &PastLookup| PageKey { at: lookup.row.asked_at, id: lookup.row.request_id };
    let older = PageKey::cut(&mut lookups, key);
    if visit.sees_values() {
        log_view(visit, ("list lookups", String::new()), &lookups).await?;
    }
    page(visit, &lookups, older, false).await
}

async fn search(visit: &Visit, by: &str) -> Result<Reply, Refusal> {
    let search = wanted(visit, by)?;
    let lookup = &visit.console.file.lookup;
    let rules = ReadRules {
        max_customers: usize::try_from(lookup.max_customers).unwrap_or(usize::MAX),
        multiple_matches: lookup.multiple_matches,
    };
    let (pool, brand) = (visit.pool(), &visit.brand);
    let found = find_past_lookups(pool, brand, &search, rules, PageKey::PER_PAGE).await?;
    log_view(visit, ("search lookups", format!("by {by}")), &found).await?;
    // Who sees masks does not learn who was erased.
    let is_erased = visit.sees_values() && is_about_erased(pool, brand, &search).await?;
    page(visit, &found, None, is_erased).await
}

/// Stores that the person saw these lookups.
async fn log_view(
    visit: &Visit,
    what: (&'static str, String),
    lookups: &[PastLookup],
) -> Result<(), Refusal> {
    let customers = lookups.iter().flat_map(|lookup| &lookup.customers);
    let keys = customers.flat_map(|customer| std::iter::once(&customer.key).chain(&customer.now));
    let records: BTreeSet<_> = keys.filter_map(|key| key.parse().ok()).collect();
    let by = (visit.attribution(), visit.now());
    Ok(record_view(visit.pool(), &visit.brand, what, &records, by).await?)
}

/// What the form asks for.
fn wanted(visit: &Visit, by: &str) -> Result<LookupSearch, Refusal> {
    let text = visit.form.value("text");
    let mistake = |text: &str| Refusal::Mistake(text.to_owned());
    if text.is_empty() {
        return Err(mistake("Write what to search for."));
    }
    match by {
        "ticket" => {
            // As people write the number of a ticket.
            let number = text.strip_prefix('#').filter(|rest| rest.parse::<u64>().is_ok());
            Ok(LookupSearch::Ticket(number.unwrap_or(text).to_owned()))
        }
        "customer" => Ok(LookupSearch::Customer(text.to_owned())),
        "id" => Ok(LookupSearch::Question(Question::Id(canonical_id(text)))),
        "request" => text.parse().map(LookupSearch::Request).map_err(|_| {
            mistake("This is not a request id. The log and the header x-request-id have it.")
        }),
        "address" => LookupSearch::of_address(&visit.brand, text).ok_or_else(|| {
            mistake(
                "This is neither an e-mail address nor a phone number. Write a number with its country code.",
            )
        }),
        _ => Err(mistake("Choose how to search.")),
    }
}

async fn page(
    visit: &Visit,
    found: &[PastLookup],
    older: Option<PageKey>,
    is_erased: bool,
) -> Result<Reply, Refusal> {
    let names = if visit.sees_values() {
        names_now(visit.pool(), &visit.brand, found).await?
    } else {
        BTreeMap::new()
    };
    let page = LookupsPage {
        is_erased,
        cache_words: Outcome::ALL.map(|cache| (cache.as_str(), cache.meaning())).into(),
        source_words: SourceOutcomes::MEANINGS,
        lookups: found.iter().map(|lookup| shown(visit, lookup, &names)).collect(),
        older: older.map(|key| visit.path(&format!("/lookups?before={key}"))),
        searches: SEARCHES,
        by: visit.form.value("by").to_owned(),
        text: visit.form.value("text").to_owned(),
        days: visit.console.file.lookup.trace_days,
    };
    visit.page("lookups.html", ("/lookups", "Lookups"), &page)
}

/// The name of each customer, by its key.
type Names = BTreeMap<String, String>;

fn shown(visit: &Visit, lookup: &PastLookup, names: &Names) -> Lookup {
    let PastLookup { row, customers } = lookup;
    let owned = |(source, outcome): (&str, &str)| (source.to_owned(), outcome.to_owned());
    let (result, tone) = result(row);
    Lookup {
        at: visit.time(row.asked_at),
        request: row.request_id.to_string(),
        ticket: row.ticket.clone(),
        asked: row.question_kind.as_deref().map(kind_in_words).unwrap_or_default().to_owned(),
        status: row.status,
        result,
        problem: row.problem.as_deref().map_or_else(Vec::new, explained),
        tone,
        // Who sees masks does not learn who was erased.
        is_only_at_source: visit.sees_values()
            && row.problem.is_none()
            && !row.too_many
            && customers.is_empty()
            && row.source_outcomes().any(|(_, outcome)| outcome == SourceOutcomes::FOUND),
        cache: row.cache.clone(),
        duration: format!("{:.1} ms", f64::from(row.duration_us) / 1_000.0),
        sources: row.source_outcomes().map(owned).collect(),
        customers: customers.iter().map(|customer| found(visit, customer, names)).collect(),
    }
}

/// What an error means, and what to do.
fn explained(code: &str) -> Vec<&'static str> {
    Problem::of_code(code).map_or_else(Vec::new, |problem| vec![problem.title(), problem.help()])
}

fn found(visit: &Visit, customer: &PastCustomer, names: &Names) -> Found {
    let name = customer.now.as_ref().and_then(|now| match visit.sees_values() {
        true => names.get(now).cloned(),
        false => Some(visit.customer_mark(now)),
    });
    let (is_same, changed_at) = customer.since.parts();
    Found {
        is_same,
        changed: changed_at.map(|at| visit.time(at)),
        name: name.unwrap_or_default(),
        key: visit.record_key_text(&customer.key),
        path: customer.now.as_deref().map(|now| visit.customer_path(now)),
        has_moved: customer.now.as_ref().is_some_and(|now| *now != customer.key),
    }
}

/// What Omnidesk got, and its tone.
fn result(row: &LookupRow) -> (String, &'static str) {
    match (&row.problem, row.customer_keys.len()) {
        (Some(problem), _) => (problem.clone(), "bad"),
        (None, _) if row.too_many => ("too many".to_owned(), "warn"),
        (None, 0) => ("nobody".to_owned(), "neutral"),
        (None, customers) => (counted(customers, "customer", "customers"), "good"),
    }
}
