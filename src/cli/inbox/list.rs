//! `hookpoint inbox list`

use std::sync::Arc;

use serde_json::{Value, json};

use crate::brand::Brand;
use crate::cli::output::{JsonArguments, plain, print_json, print_line, print_plain};
use crate::cli::wrapped::print_wrapped;
use crate::storage::deliveries::{DeliveryFilter, ListedRow, list_deliveries};
use crate::storage::pool::Pool;

/// Lists the newest deliveries of each brand.
pub(super) async fn list(
    pool: &Pool,
    brands: &[Arc<Brand>],
    (filter, limit): (&DeliveryFilter, u32),
    output: JsonArguments,
) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for brand in brands {
        let rows = list_deliveries(pool, brand.id(), filter, limit).await?;
        if output.json {
            all.extend(rows.iter().map(|row| as_json(brand, row)));
        } else {
            print_deliveries(brand, &rows);
        }
    }
    if output.json { print_json(&all) } else { Ok(()) }
}

fn print_deliveries(brand: &Brand, rows: &[ListedRow]) {
    print_line(&format!(
        "{}: {}\n",
        brand.rules.slug,
        if rows.is_empty() { "no matching deliveries" } else { "the newest first" }
    ));
    if !rows.is_empty() {
        print_line(&format!(
            "  {:<36}  {:<19}  {:<8}  {}",
            "id", "received (UTC)", "source", "state"
        ));
    }
    for row in rows {
        let (id, at) = (row.delivery_id.to_string(), row.received_at.strftime("%F %T").to_string());
        print_plain(&format!("  {id:<36}  {at:<19}  {:<8}  {}", row.source, row.state));
        let next = (row.state == "pending" && row.attempts > 0)
            .then(|| format!(", next at {}", row.due_at.strftime("%F %T UTC")));
        let tried = format!("{}{}", tried(&row.state, row.attempts), next.unwrap_or_default());
        print_wrapped(&plain(&event_and_note(&row.event, &tried, &row.note)), 6);
    }
}

/// The line below that of a delivery.
pub(super) fn event_and_note(event: &str, tried: &str, note: &str) -> String {
    let tried = if tried.is_empty() { String::new() } else { format!(", {tried}") };
    let note = if note.is_empty() { String::new() } else { format!(": {note}") };
    format!("    {event}{tried}{note}")
}

/// How often the service tried to apply a delivery. Empty if the first attempt succeeded, as usual.
pub(super) fn tried(state: &str, attempts: i32) -> String {
    match (state, attempts) {
        ("done", ..=1) => String::new(),
        ("pending", ..=0) => "not tried yet".to_owned(),
        (_, ..=0) => "not tried".to_owned(),
        (_, 1) => "tried once".to_owned(),
        (_, attempts) => format!("tried {attempts} times"),
    }
}

/// A delivery, for scripts.
pub(super) fn as_json(brand: &Brand, row: &ListedRow) -> Value {
    json!({
        "brand": brand.rules.slug,
        "id": row.delivery_id,
        "received_at": row.received_at,
        "source": row.source,
        "event": row.event,
        "state": row.state,
        "attempts": row.attempts,
        "due_at": row.due_at,
        "note": row.note,
    })
}
