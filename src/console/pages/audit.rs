//! Who did what.

use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde::Serialize;
use url::form_urlencoded::Serializer;

use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::storage::audit_log::{ActionRow, AuditFilter, Via, list_audit, list_audit_choices};
use crate::storage::invalidation::LookupHash;
use crate::storage::page_key::PageKey;

#[derive(Serialize)]
struct AuditPage {
    entries: Vec<Entry>,
    /// The path of the next page.
    older: Option<String>,
    actions: Vec<Choice>,
    people: Vec<Choice>,
    from: String,
    until: String,
    is_filtered: bool,
    /// Whether no day is from the first one until the last one.
    is_backwards: bool,
}

#[derive(Serialize)]
struct Entry {
    at: ShownTime,
    action: String,
    source: Option<&'static str>,
    target: String,
    /// The beginning of the hash of each customer that it is about.
    about: Vec<String>,
    /// The id of the erasure that it was, and the path of the receipt.
    erasure: Option<(String, String)>,
    by: String,
    /// Where they asked for it.
    via: Option<&'static str>,
    reason: String,
    /// Why there is no reason.
    without_reason: &'static str,
    outcome: String,
}

/// A value to choose in a filter.
#[derive(Serialize)]
struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

/// The audit log, the newest entries first.
pub(super) async fn list(visit: &Visit) -> Result<Reply, Refusal> {
    let (actions, people) = list_audit_choices(visit.pool(), visit.brand.id()).await?;
    let chosen = |name: &str| visit.query.value(name).to_owned();
    let choice = |field: &str, value: String, label: String| Choice {
        is_chosen: visit.query.value(field) == value,
        value,
        label,
    };
    let actions: Vec<Choice> =
        actions.into_iter().map(|action| choice("action", action.clone(), action)).collect();
    // The name of a person is in no URL.
    let people: Vec<Choice> =
        people.into_iter().map(|person| choice("person", hash(visit, &person), person)).collect();
    let is_chosen = |choice: &&Choice| choice.is_chosen;
    let label = |choice: &'_ Choice| choice.label.clone();
    let (action, done_by) =
        (actions.iter().find(is_chosen).map(label), people.iter().find(is_chosen).map(label));
    let from = beginning(visit, "from", 0)?.unwrap_or(Timestamp::UNIX_EPOCH);
    let filter = AuditFilter {
        action: action.as_deref(),
        done_by: done_by.as_deref(),
        from,
        before: before(visit)?,
    };
    let mut rows = list_audit(visit.pool(), visit.brand.id(), filter, PageKey::READ).await?;
    let older = PageKey::cut(&mut rows, |row| PageKey { at: row.begun_at, id: row.action_id });
    let page = AuditPage {
        entries: rows.into_iter().map(|row| entry(visit, row)).collect(),
        older: older.map(|key| older_path(visit, key)),
        actions,
        people,
        from: chosen("from"),
        until: chosen("until"),
        is_backwards: beginning(visit, "until", 1)?.is_some_and(|end| end <= from),
        is_filtered: FILTERS.iter().any(|name| !visit.query.value(name).is_empty()),
    };
    visit.page("audit.html", ("/audit", "Audit log"), &page)
}

/// The fields of the filter.
const FILTERS: [&str; 4] = ["action", "person", "from", "until"];

/// The same filter, from before an entry.
fn older_path(visit: &Visit, key: PageKey) -> String {
    let mut query = Serializer::new(String::new());
    for name in FILTERS {
        query.append_pair(name, visit.query.value(name));
    }
    query.append_pair("before", &key.to_string());
    visit.path(&format!("/audit?{}", query.finish()))
}

fn hash(visit: &Visit, person: &str) -> String {
    let LookupHash(hash) = LookupHash::new(&visit.brand.secret, "console person", person);
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Entries before this are shown: those of the page, and not from after the last day of the filter.
fn before(visit: &Visit) -> Result<PageKey, Refusal> {
    let page = visit.query.value("before").parse().unwrap_or(PageKey::NEWEST);
    let end = beginning(visit, "until", 1)?.map_or(PageKey::NEWEST, PageKey::before);
    Ok(page.min(end))
}

/// When a day of the filter begins in the zone of the brand, or so many days later. `None` if the field is empty.
fn beginning(visit: &Visit, field: &str, days_later: i32) -> Result<Option<Timestamp>, Refusal> {
    let text = visit.query.value(field);
    if text.is_empty() {
        return Ok(None);
    }
    let day = text.parse::<Date>().and_then(|date| date.checked_add(Span::new().days(days_later)));
    let begins = day.and_then(|day| day.to_zoned(visit.time_zone().clone()));
    let begins = begins.ok().map(|begins| begins.timestamp());
    let begins = begins.filter(|begins| *begins >= Timestamp::UNIX_EPOCH);
    let mistake = || Refusal::Mistake("Write a day such as 2026-11-21.".to_owned());
    begins.ok_or_else(mistake).map(Some)
}

fn entry(visit: &Visit, row: ActionRow) -> Entry {
    let erasure = row.erasure();
    let outcome = if erasure.is_some() { "erased" } else { row.outcome.as_str() };
    Entry {
        at: visit.time(row.begun_at),
        about: row.about(),
        erasure: erasure.map(|id| (id.to_string(), visit.path(&format!("/erasures/{id}")))),
        outcome: visit.with_own_times(outcome),
        source: row.source.map(|source| source.as_str()),
        reason: visit.value(&row.reason),
        without_reason: row.without_reason(),
        action: row.action,
        target: row.target,
        by: row.done_by,
        via: row.via.map(Via::as_str),
    }
}
