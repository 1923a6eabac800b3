//! The webhooks that were received: those that failed by their reason, then all, with filters.

use serde::Serialize;
use uuid::Uuid;

use super::delivery_jobs::{ShownJob, needs_reason};
use super::inbox_filter::{Choice, Filters};
use super::shown_delivery::{ShownDelivery, unpacked};
use crate::admin::deliveries::act_on_seen;
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::storage::delivery_jobs::list_jobs;
use crate::storage::inbox_pages::{FailureGroup, MAX_COUNTED, list_failure_groups, list_page};
use crate::storage::seen_deliveries::{DeliveryAct, SeenDelivery};

/// The most deliveries of a page.
const PAGE: usize = 100;

/// So many of the last jobs are listed.
const JOBS: u32 = 5;

#[derive(Serialize)]
struct InboxPage {
    /// The URL of this page, for its refresh.
    path: String,
    /// The filters, as a query.
    query: String,
    /// The same, with the place in the list.
    own_query: String,
    is_filtered: bool,
    sources: Vec<Choice>,
    states: Vec<Choice>,
    ages: Vec<Choice>,
    event: String,
    reason: String,
    groups: Vec<Group>,
    /// Whether there are more dead letters than the groups count.
    groups_are_cut: bool,
    rows: Vec<ShownDelivery>,
    jobs: Vec<ShownJob>,
    next: Option<String>,
    is_first: bool,
    /// Whether those are shown that failed or wait, and nothing else is left out.
    is_open: bool,
}

/// Dead letters with the same reason.
#[derive(Serialize)]
struct Group {
    path: String,
    source: String,
    reason: String,
    count: i64,
    first: ShownTime,
    last: ShownTime,
}

/// The deliveries that match the filters.
pub(super) async fn list(visit: &Visit) -> Result<Reply, Refusal> {
    let filters = Filters::read(&visit.query);
    let filter = filters.page_filter(visit.now());
    let before: Option<Uuid> = visit.query.value("before").parse().ok();
    let (pool, brand_id) = (visit.pool(), visit.brand.id());
    let groups = list_failure_groups(pool, brand_id).await?;
    let page = list_page(pool, brand_id, &filter, before, PAGE).await?;
    let jobs = list_jobs(pool, brand_id, JOBS).await?;
    let dead: i64 = groups.iter().map(|group| group.count).sum();
    let is_group = !filters.reason.is_empty();
    let own_query = filters.query(before.map(|id| id.to_string()).as_deref());
    let shown = InboxPage {
        path: visit.path(&format!("/inbox{own_query}")),
        own_query,
        query: filters.query(None),
        is_filtered: filters.is_set(),
        is_open: !filters.is_set(),
        sources: filters.sources(),
        states: filters.states(),
        ages: filters.ages(),
        groups: groups.into_iter().filter(|_| !is_group).map(|row| group(visit, row)).collect(),
        groups_are_cut: dead > MAX_COUNTED,
        rows: page.rows.iter().map(|row| ShownDelivery::new(visit, row)).collect(),
        jobs: jobs.iter().map(|job| ShownJob::new(visit, job)).collect(),
        next: page
            .next
            .map(|id| visit.path(&format!("/inbox{}", filters.query(Some(&id.to_string()))))),
        is_first: before.is_none(),
        event: filters.event,
        reason: filters.reason,
    };
    visit.page("inbox.html", ("/inbox", "Inbox"), &shown)
}

fn group(visit: &Visit, group: FailureGroup) -> Group {
    let filters = Filters::of_group(&group.source, &group.reason);
    Group {
        path: visit.path(&format!("/inbox{}", filters.query(None))),
        count: group.count,
        first: visit.time(group.first_at),
        last: visit.time(group.last_at),
        source: group.source,
        reason: group.reason,
    }
}

/// Has deliveries applied again.
pub(super) async fn replay(visit: &Visit) -> Result<Reply, Refusal> {
    act(visit, DeliveryAct::Replay).await
}

/// Discards deliveries.
pub(super) async fn discard(visit: &Visit) -> Result<Reply, Refusal> {
    needs_reason(visit)?;
    act(visit, DeliveryAct::Discard).await
}

async fn act(visit: &Visit, act: DeliveryAct) -> Result<Reply, Refusal> {
    let seen = seen(visit)?;
    let (pool, attribution, now) = (visit.pool(), visit.attribution(), visit.now());
    let count = act_on_seen(pool, &visit.brand, (act, &seen), attribution, now).await?;
    let left = seen.len() > usize::try_from(count).unwrap_or(usize::MAX);
    let from = visit.form.value("from").parse::<Uuid>().ok();
    let done = match (act, count, left) {
        (_, 0, _) => return Err(changed(act)),
        (DeliveryAct::Replay, _, false) if from.is_some() => "replayed-this",
        (DeliveryAct::Replay, _, false) => "replayed",
        (DeliveryAct::Replay, _, true) => "replayed-some",
        (DeliveryAct::Discard, _, false) => "discarded",
        (DeliveryAct::Discard, _, true) => "discarded-some",
    };
    // The act may come from the page of a delivery.
    let path = match from {
        Some(id) => format!("/inbox/{id}"),
        None => format!("/inbox{}", Filters::read(&visit.query).query(None)),
    };
    Ok(visit.redirect(&visit.path(&path), done))
}

fn changed(act: DeliveryAct) -> Refusal {
    let text = match act {
        DeliveryAct::Replay => {
            "Nothing was replayed: the webhooks have changed since you saw them. Somebody may have replayed them already. \
             Open the inbox again to see their state."
        }
        DeliveryAct::Discard => {
            "Nothing was discarded: the webhooks have changed since you saw them, or are applied already. Open the inbox \
             again to see their state."
        }
    };
    Refusal::Changed(text.to_owned())
}

/// The selected deliveries of a form.
fn seen(visit: &Visit) -> Result<Vec<SeenDelivery>, Refusal> {
    let chosen = visit.form.values("delivery");
    if chosen.is_empty() {
        let text = "Nothing is selected. Select at least one webhook first.";
        return Err(Refusal::Mistake(text.to_owned()));
    }
    let seen: Option<Vec<Vec<SeenDelivery>>> = chosen.into_iter().map(unpacked).collect();
    let seen = seen.unwrap_or_default().concat();
    if seen.is_empty() || seen.len() > PAGE {
        return Err(Refusal::Mistake("This selection is not valid. Select again.".to_owned()));
    }
    Ok(seen)
}
