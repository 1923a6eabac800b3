//! `hookpoint inbox list`

use std::sync::Arc;

use serde_json::{Value, json};

use crate::brand::Brand;
use crate::cli::output::{JsonArguments, plain, print_json, print_line, print_plain};
use crate::cli::wrapped::print_wrapped;
use crate::counted::counted;
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
        print_wrapped(&plain(&event_and_note(&row.event, row.attempts, &row.note)), 6);
    }
}

/// The line below that of a delivery.
pub(super) fn event_and_note(event: &str, attempts: i32, note: &str) -> String {
    let note = if note.is_empty() { String::new() } else { format!(": {note}") };
    format!("    {event}, {}{note}", counted(attempts, "try", "tries"))
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
