//! One webhook: its state, the shape of its content, and what can be done with it.

use serde::Serialize;

use super::shown_delivery::{ShownEntry, packed, shown_history, state_words};
use crate::admin::deliveries::record_reveal;
use crate::admin::delivery_body::{masked_body, revealed_body};
use crate::admin::mentioned_records::{FoundBy, MentionedRecord, find_mentioned};
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::sources::Unreadable;
use crate::storage::deliveries::{ShownRow, find_delivery};
use crate::storage::seen_deliveries::{SeenDelivery, find_version};

/// The most records that are named.
const MAX_RECORDS: usize = 20;

#[derive(Serialize)]
struct DeliveryPage {
    id: String,
    path: String,
    seen: String,
    source: String,
    source_path: String,
    event: String,
    state: &'static str,
    tone: &'static str,
    note: String,
    attempts: i32,
    received: ShownTime,
    next: Option<ShownTime>,
    history: Vec<ShownEntry>,
    is_dead: bool,
    headers: Vec<(String, String)>,
    bytes: usize,
    body: String,
    is_revealed: bool,
    records: Vec<TouchedRecord>,
    /// What the reason means, in sentences. Empty if it needs no explanation.
    explanation: &'static [&'static str],
    /// What can be done in this state. The words of the act; `None` if it cannot be done.
    replay: &'static str,
    can_discard: bool,
}

/// A record that the webhook is about.
#[derive(Serialize)]
struct TouchedRecord {
    kind: String,
    id: String,
    /// The mark of its customer, for viewers.
    mark: Option<String>,
    /// The path of its customer. `None` if no customer has it now.
    path: Option<String>,
    /// How it was found, if the webhook does not name it.
    found_by: Option<&'static str>,
}

/// A webhook, with its content masked.
pub(super) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    page(visit, false).await
}

/// A webhook with its content. The audit log says who saw it.
pub(super) async fn reveal(visit: &Visit) -> Result<Reply, Refusal> {
    page(visit, true).await
}

async fn page(visit: &Visit, is_revealed: bool) -> Result<Reply, Refusal> {
    let (pool, id) = (visit.pool(), visit.uuid()?);
    let version = find_version(pool, visit.brand.id(), id).await?.ok_or(Refusal::NotFound)?;
    let row = find_delivery(pool, visit.brand.id(), id).await?.ok_or(Refusal::NotFound)?;
    if is_revealed {
        record_reveal(pool, &visit.brand, id, visit.attribution(), visit.now()).await?;
    }
    let records = find_mentioned(pool, &visit.brand, &row, MAX_RECORDS).await?;
    let records = records.into_iter().map(|mentioned| touched(visit, mentioned)).collect();
    let page = DeliveryPage { records, ..shown(visit, &row, version, is_revealed) };
    visit.page("delivery.html", ("/inbox", "Webhook"), &page)
}

fn shown(visit: &Visit, row: &ShownRow, version: SeenDelivery, is_revealed: bool) -> DeliveryPage {
    let listed = &row.listed;
    let (state, tone) = state_words(listed);
    let header = |(name, value): (&String, &String)| {
        (name.clone(), if is_revealed { value.clone() } else { "‹text›".to_owned() })
    };
    DeliveryPage {
        id: listed.delivery_id.to_string(),
        path: visit.path(&format!("/inbox/{}", listed.delivery_id)),
        seen: packed(&[version]),
        source: listed.source.clone(),
        source_path: visit.path(&format!("/sources/{}", listed.source)),
        event: listed.event.clone(),
        state,
        tone,
        note: listed.note.clone(),
        attempts: listed.attempts,
        received: visit.time(listed.received_at),
        next: (listed.state == "pending").then(|| visit.time(listed.due_at)),
        history: shown_history(visit, &row.history),
        is_dead: listed.state == "dead",
        headers: row.headers.iter().map(header).collect(),
        bytes: row.body.len(),
        body: if is_revealed { revealed_body(&row.body) } else { masked_body(&row.body) },
        is_revealed,
        records: Vec::new(),
        explanation: Unreadable::explanation_of(&listed.note),
        replay: match listed.state.as_str() {
            "pending" => "Try now",
            "done" => "Apply again",
            _ => "Replay",
        },
        can_discard: ["pending", "dead"].contains(&listed.state.as_str()),
    }
}

fn touched(visit: &Visit, mentioned: MentionedRecord) -> TouchedRecord {
    let MentionedRecord { record, owner, by } = mentioned;
    let marked = owner.as_ref().filter(|_| !visit.sees_values());
    TouchedRecord {
        kind: record.kind.as_str().to_owned(),
        mark: marked.map(|owner| visit.customer_mark(owner)),
        path: owner.map(|_| visit.customer_path(&record.to_string())),
        id: visit.record_id(&record),
        found_by: match by {
            FoundBy::Name => None,
            FoundBy::Reference => {
                Some("found by an id in another system, so it may be somebody else")
            }
            FoundBy::Address => Some("found by an address in the content"),
        },
    }
}
