//! `hookpoint inbox list`

use crate::brand::Brand;
use crate::cli::output::{print_line, print_plain};
use crate::storage::deliveries::{DeliveryFilter, ListedRow, list_deliveries};
use crate::storage::pool::Pool;

/// Lists the newest deliveries of a brand.
pub(super) async fn list(
    pool: &Pool,
    brand: &Brand,
    filter: &DeliveryFilter,
    limit: u32,
) -> anyhow::Result<()> {
    let rows = list_deliveries(pool, brand.id(), filter, limit).await?;
    print_line(&format!(
        "{}: {}\n",
        brand.rules.slug,
        if rows.is_empty() { "no matching deliveries" } else { "the newest first" }
    ));
    if !rows.is_empty() {
        print_line(&format!(
            "  {:<38}{:<21}{:<10}{:<11}{:>5}  {}",
            "id", "received (UTC)", "source", "state", "tries", "event and note"
        ));
    }
    rows.iter().for_each(|row| print_plain(&line(row)));
    Ok(())
}

fn line(row: &ListedRow) -> String {
    let at = row.received_at.strftime("%F %T").to_string();
    let note = if row.note.is_empty() { String::new() } else { format!("  {}", row.note) };
    format!(
        "  {:<38}{at:<21}{:<10}{:<11}{:>5}  {}{note}",
        row.delivery_id.to_string(),
        row.source,
        row.state,
        row.attempts,
        row.event
    )
}
