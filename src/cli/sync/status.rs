//! `hookpoint sync status`

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::PgPool;

use crate::brand::Brand;
use crate::cli::{plain, say, span};
use crate::clock::Clock;
use crate::customer::kind::Source;
use crate::storage::streams::{StreamRow, list_streams};

pub(super) async fn status(pool: &PgPool, brands: &[Arc<Brand>]) -> anyhow::Result<()> {
    let now = Clock::system().now();
    for (n, brand) in brands.iter().enumerate() {
        if n > 0 {
            say("");
        }
        say(&format!("{}\n", brand.rules.slug));
        let rows = list_streams(pool, brand.id()).await?;
        for source in Source::ALL {
            show_streams(brand, source, &rows, now);
        }
    }
    Ok(())
}

fn show_streams(brand: &Brand, source: Source, rows: &[StreamRow], now: Timestamp) {
    if !brand.rules.accounts.contains_key(&source) {
        say(&format!("  {source}: not connected: sources.{source}.api says where its API is and how it is called"));
        return;
    }
    for stream in brand.rules.sources.api(source).streams() {
        let row = rows.iter().find(|row| row.source == source.as_str() && row.stream == stream.name);
        say(&format!("  {source:<9} {:<14}{}", stream.name, row.map_or_else(|| "never walked through".to_owned(), |row| line(row, now))));
    }
}

/// What there is to say of a stream.
fn line(row: &StreamRow, now: Timestamp) -> String {
    let ago = |at: Timestamp| format!("{} ago", span(now.duration_since(at)));
    let of = row.total.map_or_else(String::new, |total| format!(" of {total}"));
    let page = row.cursor.as_ref().map(|cursor| cursor.page.as_str()).filter(|page| !page.is_empty() && page.len() < 12);
    let at_page = page.map_or_else(String::new, |page| format!(", page {page}"));
    let pass = if row.is_reconcile { "reconcile" } else { "backfill" };
    let state = match row.finished_at {
        None if row.is_walked(now) => format!("{pass} {}{of}{at_page}", row.walked),
        None => format!("{pass} {}{of}{at_page}, left: it goes on when the service runs", row.walked),
        Some(at) if row.complete_at == Some(row.started_at) => format!("{pass} done {}, {} walked", ago(at), row.walked),
        Some(at) => format!("{pass} ended {} at {}{of}", ago(at), row.walked),
    };
    let drift = row.drift.filter(|_| row.complete_at.is_some());
    let drift = drift.map_or_else(String::new, |drift| format!(", drift {:.2} %", f64::from(drift) * 100.0));
    let gone = if row.gone == 0 { String::new() } else { format!(", {} gone", row.gone) };
    let oldest = row.complete_at.filter(|at| row.finished_at.is_none() || *at != row.started_at);
    let oldest = oldest.map_or_else(String::new, |at| format!(", all as of {}", ago(at)));
    let remark = if row.remark.is_empty() { String::new() } else { format!(": {}", plain(&row.remark)) };
    format!("{state}{drift}{gone}{oldest}{remark}")
}
