//! `hookpoint inbox rejected`

use clap::Args;
use serde_json::{Value, json};

use crate::brand::Brand;
use crate::cli::output::{JsonArguments, plain, print_json, print_line, print_plain};
use crate::cli::session::Session;
use crate::cli::wrapped::print_wrapped;
use crate::customer::model::source::Source;
use crate::storage::rejected_webhooks::{RejectedRow, list_rejected};

#[derive(Debug, Args)]
pub(crate) struct RejectedArguments {
    /// Only this brand
    #[arg(long)]
    brand: Option<String>,
    /// Only this source
    #[arg(long)]
    source: Option<Source>,
    /// Show at most this many webhooks for each brand
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u32,
    #[command(flatten)]
    output: JsonArguments,
}

/// Lists the last webhooks that could not be verified, the newest first.
pub(super) async fn rejected(
    session: &Session,
    arguments: &RejectedArguments,
) -> anyhow::Result<()> {
    let pool = &session.database.pool;
    let mut all = Vec::new();
    for brand in session.select(arguments.brand.as_deref())? {
        let rows = list_rejected(pool, brand.id(), arguments.source, arguments.limit).await?;
        if arguments.output.json {
            all.extend(rows.iter().map(|row| as_json(&brand, row)));
        } else {
            print_rows(&brand, &rows);
        }
    }
    if arguments.output.json { print_json(&all) } else { Ok(()) }
}

fn print_rows(brand: &Brand, rows: &[RejectedRow]) {
    let slug = &brand.rules.slug;
    if rows.is_empty() {
        print_line(&format!("{slug}: no webhook was rejected lately"));
    }
    for RejectedRow { source, rejected_at, reason, caller } in rows {
        let from = if caller.is_empty() { "an unknown address" } else { caller };
        let at = rejected_at.strftime("%F %T UTC");
        print_plain(&format!("{at}  {slug}/{source}  from {from}"));
        print_wrapped(&plain(&format!("    {reason}")), 4);
    }
}

fn as_json(brand: &Brand, row: &RejectedRow) -> Value {
    json!({
        "brand": brand.rules.slug,
        "source": row.source.as_str(),
        "rejected_at": row.rejected_at,
        "reason": row.reason,
        "caller": row.caller,
    })
}
