//! The page of a customer.

use std::collections::BTreeSet;

use serde::Serialize;

use super::reply::Refusal;
use super::shown::{CustomField, Event, Field, custom_fields, fields};
use super::state::AgentPage;
use super::token::Opened;
use super::words::{Words, words};
use crate::admin::shown_customer::{ShownCustomer, show_customer};
use crate::admin::timeline::{EventFilter, TimelinePage, event_types, timeline_page};
use crate::brand::Brand;
use crate::customer::answer::filters::Locale;
use crate::customer::answer::matched_by;
use crate::http::form::Form;
use crate::record_links::RecordLinks;
use crate::storage::StorageError;
use crate::storage::customers::find_customer;
use crate::storage::events::TimelinePlace;

/// Which events an agent wants to see, and what an act did.
pub(super) struct Query {
    source: String,
    kind: String,
    /// The place after which the page of events begins.
    after: Option<TimelinePlace>,
    done: String,
}

impl Query {
    /// Reads the query of a URL. `None` if its place in the timeline was not made for this brand.
    pub(super) fn parse(brand: &Brand, query: &str) -> Option<Self> {
        let form = Form::parse(query.as_bytes());
        let after = match form.value("after") {
            "" => None,
            text => {
                let text = RecordLinks::new(brand).text(text)?;
                Some(TimelinePlace::from_text(&text)?)
            }
        };
        let value = |name| form.value(name).to_owned();
        Some(Self { source: value("source"), kind: value("kind"), after, done: value("done") })
    }

    fn filter(&self, brand: &Brand) -> EventFilter {
        EventFilter {
            source: self.source.clone(),
            event_type: self.kind.clone(),
            hidden: brand.rules.presenter.rules().hidden_events.clone(),
        }
    }

    /// What the last act did. Empty if the page does not follow an act.
    fn done_in_words<'a>(&self, words: &'a Words) -> &'a str {
        let is_known = ["raised", "counted", "settled"].contains(&self.done.as_str());
        if is_known { words.get(&self.done) } else { "" }
    }

    fn is_filtered(&self) -> bool {
        !self.source.is_empty() || !self.kind.is_empty()
    }

    /// The path of the same events after a place, or of the first ones. An id of an event may be in a place, so it is encrypted.
    fn path(&self, brand: &Brand, path: &str, after: Option<&TimelinePlace>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("source", &self.source).append_pair("kind", &self.kind);
        if let Some(after) = after {
            query.append_pair("after", &RecordLinks::new(brand).path(&after.to_text()));
        }
        format!("{path}?{}#events", query.finish())
    }
}

#[derive(Serialize)]
struct ViewPage<'a> {
    path: String,
    /// What the last act did, in words.
    done: &'a str,
    name: String,
    customer_id: String,
    why: String,
    fields: Vec<Field>,
    shown_fields: Vec<CustomField>,
    sources: Vec<Choice>,
    kinds: Vec<Choice>,
    is_filtered: bool,
    events: Vec<Event>,
    first: Option<String>,
    next: Option<String>,
    time_zone: &'a str,
}

/// A choice of a filter.
#[derive(Serialize)]
struct Choice {
    text: String,
    is_chosen: bool,
}

/// What the page shows.
struct Shown {
    customer: ShownCustomer,
    timeline: TimelinePage,
    /// The sources and types of all events.
    types: Vec<(String, String)>,
    /// The kinds of evidence that join the records.
    matched_by: String,
}

/// Makes the page of a customer. The audit log has an entry since the link was opened.
pub(super) async fn view_page(
    page: &AgentPage,
    opened: &Opened,
    id: &str,
    query: &Query,
) -> Result<String, Refusal> {
    let brand = &opened.brand;
    let shown = load(page, opened, query).await?.ok_or(Refusal::Gone)?;
    let words = words(brand.rules.presenter.rules().locale);
    page.render("view.html", words, &content(brand, words, &shown, (page.view_path(id), query)))
}

/// `None` if the customer is gone.
async fn load(
    page: &AgentPage,
    Opened { brand, record, .. }: &Opened,
    query: &Query,
) -> Result<Option<Shown>, StorageError> {
    let (pool, filter) = (&page.pool, query.filter(brand));
    let start = TimelinePlace::start();
    let wanted = (query.after.as_ref().unwrap_or(&start), &filter);
    let Some(customer) = show_customer(pool, brand, record, None).await? else { return Ok(None) };
    let Some(timeline) = timeline_page(pool, brand, record, wanted, None).await? else {
        return Ok(None);
    };
    let types = event_types(pool, brand, &customer.view, &filter.hidden).await?;
    let key = &customer.view.key;
    let stored = find_customer(&mut *pool.acquire().await?, brand.id(), key).await?;
    Ok(stored.map(|stored| Shown { customer, timeline, types, matched_by: stored.matched_by }))
}

fn content<'a>(
    brand: &'a Brand,
    words: &'a Words,
    shown: &Shown,
    (path, query): (String, &Query),
) -> ViewPage<'a> {
    let rules = brand.rules.presenter.rules();
    let Shown { customer, timeline, types, .. } = shown;
    let ShownCustomer { view, answer, explanation, .. } = customer;
    let zone = &rules.time_zone;
    let sources: BTreeSet<&String> = types.iter().map(|(source, _)| source).collect();
    let choice = |text: &String, chosen| Choice { text: text.clone(), is_chosen: *text == chosen };
    ViewPage {
        done: query.done_in_words(words),
        name: format!("{} {}", view.first_name, view.last_name).trim().to_owned(),
        customer_id: view.customer_id.clone(),
        why: why(words, shown, rules.locale),
        fields: fields(explanation, words, zone),
        shown_fields: custom_fields(answer, explanation, zone),
        sources: sources.into_iter().map(|source| choice(source, &*query.source)).collect(),
        kinds: types.iter().map(|(_, kind)| choice(kind, &*query.kind)).collect(),
        is_filtered: query.is_filtered(),
        events: timeline.events.iter().map(|event| Event::new(event, zone)).collect(),
        first: query.after.as_ref().map(|_| query.path(brand, &path, None)),
        next: timeline.next.as_ref().map(|next| query.path(brand, &path, Some(next))),
        time_zone: &rules.time_zone_name,
        path,
    }
}

/// Why these records are one customer, in a sentence.
fn why(words: &Words, shown: &Shown, locale: Locale) -> String {
    match shown.customer.explanation.records.len() {
        0 | 1 => words.get("one_record").to_owned(),
        number => {
            let sentence = if shown.matched_by.is_empty() { "merged" } else { "joined" };
            words
                .get(sentence)
                .replace("{number}", &number.to_string())
                .replace("{reasons}", &matched_by(&shown.matched_by, locale))
        }
    }
}
