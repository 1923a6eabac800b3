//! All events of a customer, also those that are too old for an answer, or hidden from agents.

use jiff::Timestamp;

use super::audit::Attribution;
use super::decisions::CustomerView;
use super::shown_customer::{log_view, records_of, view_of_record};
use crate::brand::Brand;
use crate::customer::answer::TimelineItem;
use crate::customer::model::event::Event;
use crate::customer::model::record::RecordKey;
use crate::lookup::query_customers::profile;
use crate::storage::StorageError;
pub use crate::storage::events::EventFilter;
use crate::storage::events::{TimelinePlace, list_event_types, list_events_after_place};
use crate::storage::pool::Pool;

/// The events of a page.
pub const EVENTS_PER_PAGE: usize = 100;

/// A page of a timeline. It is personal data, so it does not implement `Debug`.
pub struct TimelinePage {
    /// The customer.
    pub view: CustomerView,
    /// The events, the newest first.
    pub events: Vec<TimelineEvent>,
    /// Where the next page begins, if there is one.
    pub next: Option<TimelinePlace>,
}

/// An event of a timeline.
pub struct TimelineEvent {
    /// The event.
    pub event: Event,
    /// How an answer shows it. `None` if its time could not be parsed, or its message is empty.
    pub item: Option<TimelineItem>,
    /// Whether the settings hide it from agents.
    pub is_hidden: bool,
}

/// A page of the wanted events of the customer of a record. `None` if the record has no customer (any more). If a person sees
/// the content, it writes an audit entry.
///
/// # Errors
/// If Postgres fails.
pub async fn timeline_page(
    pool: &Pool,
    brand: &Brand,
    record: &RecordKey,
    (after, filter): (&TimelinePlace, &EventFilter),
    seen_by: Option<(Attribution<'_>, Timestamp)>,
) -> Result<Option<TimelinePage>, StorageError> {
    let mut connection = pool.acquire().await?;
    let db = &mut *connection;
    let Some(view) = view_of_record(db, brand, record).await? else { return Ok(None) };
    log_view(db, brand, ("view timeline", &records_of(&view)), seen_by).await?;
    let Some(profile) = profile(db, brand, &view.key).await? else { return Ok(None) };
    let records: Vec<String> = view.records.iter().map(|(key, _)| key.to_string()).collect();
    let wanted = EVENTS_PER_PAGE.saturating_add(1);
    let mut rows =
        list_events_after_place(db, brand.id(), &records, (after, filter), wanted).await?;
    let has_more = rows.len() > EVENTS_PER_PAGE;
    rows.truncate(EVENTS_PER_PAGE);
    let next = rows.last().filter(|_| has_more).map(|(place, _)| place.clone());
    let events: Vec<Event> = rows.into_iter().map(|(_, event)| event).collect();
    let presenter = &brand.rules.presenter;
    let items = presenter.items(&profile, &events);
    let shown = events.into_iter().zip(items).map(|(event, item)| TimelineEvent {
        is_hidden: !presenter.rules().shows(&event),
        event,
        item,
    });
    Ok(Some(TimelinePage { view, events: shown.collect(), next }))
}

/// The sources and types of the events of a customer, in order, without those of some types: what a filter can choose.
///
/// # Errors
/// If Postgres fails.
pub async fn event_types(
    pool: &Pool,
    brand: &Brand,
    view: &CustomerView,
    hidden: &[String],
) -> Result<Vec<(String, String)>, StorageError> {
    let records: Vec<String> = view.records.iter().map(|(key, _)| key.to_string()).collect();
    list_event_types(&mut *pool.acquire().await?, brand.id(), &records, hidden).await
}
