//! The webhooks that were received: those that failed by their reason, then all, with filters.

use serde::Serialize;
use uuid::Uuid;

use super::inbox_filter::{Choice, Filters};
use super::shown_delivery::{ShownDelivery, packed, unpacked};
use crate::admin::deliveries::{SeenAct, act_on_seen};
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::storage::inbox_pages::{
    FailureGroup, MAX_COUNTED, Page, SeenDelivery, list_failure_groups, list_page,
};

/// The most deliveries of a page.
const PAGE: usize = 100;

/// The most deliveries of one act.
const MAX_ACT: usize = 1_000;

#[derive(Serialize)]
struct InboxPage {
    /// The URL of this page, for its refresh.
    path: String,
    /// The filters, as a query.
    query: String,
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
    counted: Option<Counted>,
    next: Option<String>,
    is_first: bool,
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

/// What an act on "all" means.
#[derive(Serialize)]
struct Counted {
    number: usize,
    is_more: bool,
    seen: String,
}

/// The deliveries that match the filters.
pub(super) async fn list(visit: &Visit) -> Result<Reply, Refusal> {
    let filters = Filters::read(&visit.query);
    let filter = filters.page_filter(visit.now());
    let before: Option<Uuid> = visit.query.value("before").parse().ok();
    let (pool, brand_id) = (visit.pool(), visit.brand.id());
    let groups = list_failure_groups(pool, brand_id).await?;
    let page = list_page(pool, brand_id, &filter, before, PAGE).await?;
    // Whoever may act also gets what "all" means: exactly these.
    let counted = if !visit.sees_values() || page.rows.is_empty() {
        None
    } else if before.is_none() && page.next.is_none() {
        Some(counted(&page))
    } else {
        Some(counted(&list_page(pool, brand_id, &filter, None, MAX_ACT).await?))
    };
    let dead: i64 = groups.iter().map(|group| group.count).sum();
    let is_group = !filters.reason.is_empty();
    let shown = InboxPage {
        path: visit
            .path(&format!("/inbox{}", filters.query(before.map(|id| id.to_string()).as_deref()))),
        query: filters.query(None),
        is_filtered: filters.is_set(),
        sources: filters.sources(),
        states: filters.states(),
        ages: filters.ages(),
        groups: groups.into_iter().filter(|_| !is_group).map(|row| group(visit, row)).collect(),
        groups_are_cut: dead > MAX_COUNTED,
        rows: page.rows.iter().map(|row| ShownDelivery::new(visit, row)).collect(),
        counted,
        next: page
            .next
            .map(|id| visit.path(&format!("/inbox{}", filters.query(Some(&id.to_string()))))),
        is_first: before.is_none(),
        event: filters.event,
        reason: filters.reason,
    };
    visit.page("inbox.html", ("/inbox", "Inbox"), &shown)
}

fn counted(page: &Page) -> Counted {
    let seen: Vec<SeenDelivery> = page.rows.iter().map(|row| row.seen()).collect();
    Counted { number: seen.len(), is_more: page.next.is_some(), seen: packed(&seen) }
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
    act(visit, SeenAct::Replay).await
}

/// Discards deliveries.
pub(super) async fn discard(visit: &Visit) -> Result<Reply, Refusal> {
    if visit.form.value("reason").is_empty() {
        let text = "Write a reason: discarded webhooks are not applied, and somebody may ask why.";
        return Err(Refusal::Mistake(text.to_owned()));
    }
    act(visit, SeenAct::Discard).await
}

async fn act(visit: &Visit, act: SeenAct) -> Result<Reply, Refusal> {
    let seen = seen(visit)?;
    let (pool, attribution, now) = (visit.pool(), visit.attribution(), visit.now());
    let count = act_on_seen(pool, &visit.brand, (act, &seen), attribution, now).await?;
    let left = seen.len() > usize::try_from(count).unwrap_or(usize::MAX);
    let done = match (act, count, left) {
        (_, 0, _) => return Err(changed(act)),
        (SeenAct::Replay, _, false) => "replayed",
        (SeenAct::Replay, _, true) => "replayed-some",
        (SeenAct::Discard, _, false) => "discarded",
        (SeenAct::Discard, _, true) => "discarded-some",
    };
    // The act may come from the page of a delivery.
    let path = match visit.form.value("from").parse::<Uuid>() {
        Ok(id) => format!("/inbox/{id}"),
        Err(_) => format!("/inbox{}", Filters::read(&visit.query).query(None)),
    };
    Ok(visit.redirect(&visit.path(&path), done))
}

fn changed(act: SeenAct) -> Refusal {
    let text = match act {
        SeenAct::Replay => {
            "Nothing was replayed: the webhooks have changed since you saw them. Somebody may have replayed them already. \
             Open the inbox again to see their state."
        }
        SeenAct::Discard => {
            "Nothing was discarded: the webhooks have changed since you saw them, or are applied already. Open the inbox \
             again to see their state."
        }
    };
    Refusal::Changed(text.to_owned())
}

/// The deliveries of a form: the selected ones, or all that were counted.
fn seen(visit: &Visit) -> Result<Vec<SeenDelivery>, Refusal> {
    let fields = [visit.form.values("all"), visit.form.values("delivery")];
    let Some(chosen) = fields.into_iter().find(|values| !values.is_empty()) else {
        let text = "Select at least one webhook first. Go back, and select some or all.";
        return Err(Refusal::Mistake(text.to_owned()));
    };
    let seen: Option<Vec<Vec<SeenDelivery>>> = chosen.into_iter().map(unpacked).collect();
    let seen = seen.unwrap_or_default().concat();
    if seen.is_empty() || seen.len() > MAX_ACT {
        return Err(Refusal::Mistake("This selection is not valid. Select again.".to_owned()));
    }
    Ok(seen)
}
