//! All events of a customer, a page at a time.

use serde::Serialize;

use super::page::Item;
use crate::admin::timeline::{EVENTS_PER_PAGE, EventFilter, TimelineEvent, timeline_page};
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::shown_customers::{ShownRecord, ShownView};
use crate::console::visit::Visit;
use crate::record_links::RecordLinks;
use crate::storage::events::TimelinePlace;

#[derive(Serialize)]
struct CustomerTimelinePage {
    view: ShownView,
    path: String,
    events: Vec<ShownEvent>,
    is_first: bool,
    /// The path of the next page. An id of an event may be in it, so it is encrypted.
    next: Option<String>,
    per_page: usize,
}

#[derive(Serialize)]
struct ShownEvent {
    /// `None` if its time could not be parsed.
    at: Option<ShownTime>,
    /// The day, if the source gives a day without a time.
    day: Option<String>,
    source: &'static str,
    event_type: String,
    /// The record that it belongs to, if it is known.
    record: Option<ShownRecord>,
    item: Option<Item>,
    is_hidden: bool,
}

/// The events after a place, or the first ones.
pub(in crate::console::pages) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    let record = visit.record()?;
    let links = RecordLinks::new(&visit.brand);
    let text = visit.query.value("after");
    let after = match text {
        "" => TimelinePlace::start(),
        text => links
            .text(text)
            .and_then(|text| TimelinePlace::from_text(&text))
            .ok_or(Refusal::NotFound)?,
    };
    let wanted = (&after, &EventFilter::default());
    let found = timeline_page(visit.pool(), &visit.brand, &record, wanted, visit.seen_by()).await?;
    let found = found.ok_or(Refusal::NotFound)?;
    let path = visit.customer_path(&found.view.key);
    let next =
        found.next.map(|next| format!("{path}/timeline?after={}", links.path(&next.to_text())));
    let page = CustomerTimelinePage {
        view: visit.shown_view(&found.view),
        path,
        events: found.events.iter().map(|event| ShownEvent::new(visit, event)).collect(),
        is_first: text.is_empty(),
        next,
        per_page: EVENTS_PER_PAGE,
    };
    visit.page("customer_timeline.html", ("/customers", "Timeline"), &page)
}

impl ShownEvent {
    fn new(visit: &Visit, TimelineEvent { event, item, is_hidden }: &TimelineEvent) -> Self {
        let is_dated = !event.is_undated();
        Self {
            at: is_dated.then(|| visit.time(event.occurred_at())),
            day: event.day().map(|day| day.strftime("%-d %b %Y").to_string()),
            source: event.key.source.as_str(),
            event_type: event.key.event_type(),
            record: event.record().map(|record| visit.shown_record(&record, "")),
            item: item.as_ref().map(|item| Item::new(visit, item)),
            is_hidden: *is_hidden,
        }
    }
}
