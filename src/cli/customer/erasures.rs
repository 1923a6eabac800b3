//! `hookpoint customer erasures`

use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use crate::brand::Brand;
use crate::cli::output::{JsonArguments, print_json, print_line, print_plain};
use crate::cli::session::Session;
use crate::counted::counted;
use crate::settings::Settings;
use crate::storage::erasures::{PastErasure, list_past_erasures};

#[derive(Debug, Args)]
pub(in crate::cli) struct ErasuresArguments {
    /// Only this brand
    #[arg(long)]
    brand: Option<String>,
    #[command(flatten)]
    output: JsonArguments,
}

/// Lists the erasures. They have no trace of the persons.
pub(super) async fn run(arguments: ErasuresArguments, settings: Settings) -> anyhow::Result<()> {
    let session = Session::read_only(settings).await?;
    let listed = list(&session, arguments.brand.as_deref()).await;
    session.close().await;
    let listed = listed?;
    if arguments.output.json {
        let all =
            listed.iter().flat_map(|(brand, rows)| rows.iter().map(|row| as_json(brand, row)));
        return print_json(&all.collect::<Vec<_>>());
    }
    for (brand, rows) in &listed {
        print(brand, rows);
    }
    Ok(())
}

async fn list(
    session: &Session,
    slug: Option<&str>,
) -> anyhow::Result<Vec<(Arc<Brand>, Vec<PastErasure>)>> {
    let mut listed = Vec::new();
    for brand in session.brands_of(slug)? {
        let rows = list_past_erasures(&session.database.pool, brand.id()).await?;
        listed.push((brand, rows));
    }
    Ok(listed)
}

fn as_json(brand: &Brand, row: &PastErasure) -> Value {
    json!({
        "brand": brand.rules.slug,
        "erasure_id": row.erasure_id,
        "erased_at": row.erased_at,
        "by": row.done_by,
        "completed_at": row.completed_at,
        "revoked_at": row.revoked_at,
        "records": row.counts.records,
        "events": row.counts.events,
        "deliveries": row.counts.deliveries,
        "suppressions": row.suppressions,
        "reason": row.reason,
    })
}

fn print(brand: &Brand, rows: &[PastErasure]) {
    let none = if rows.is_empty() { "no erasures" } else { "the newest first" };
    print_line(&format!("{}: {none}", brand.rules.slug));
    for row in rows {
        let counts = row.counts;
        print_line(&format!("\n  {}  {}", row.erased_at.strftime("%F %T UTC"), row.erasure_id));
        if let Some(by) = &row.done_by {
            print_plain(&format!("    by       {by}"));
        }
        print_line(&format!(
            "    deleted  {}, {}, {}",
            counted(counts.records, "record", "records"),
            counted(counts.events, "event", "events"),
            counted(counts.deliveries, "delivery", "deliveries")
        ));
        print_line(&match (row.revoked_at, row.completed_at) {
            (Some(at), _) => format!("    revoked  {}", at.strftime("%F %T UTC")),
            (None, Some(at)) => format!("    done     {}", at.strftime("%F %T UTC")),
            (None, None) => "    not completed yet: the service continues it".to_owned(),
        });
    }
}
