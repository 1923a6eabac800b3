//! `hookpoint rebuild`

use clap::Args;
use serde_json::{Value, json};

use super::output::{JsonArguments, print_error, print_json, print_line, progress_bar};
use super::session::Session;
use crate::brand::Brand;
use crate::counted::counted;
use crate::ingest::rebuild::rebuild;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(super) struct RebuildArguments {
    /// Only this brand
    #[arg(long)]
    brand: Option<String>,
    #[command(flatten)]
    output: JsonArguments,
}

pub(super) async fn run(arguments: RebuildArguments, settings: Settings) -> anyhow::Result<()> {
    let session = Session::open(settings).await?;
    let done = rebuild_brands(&session, &arguments).await;
    session.close().await;
    done
}

async fn rebuild_brands(session: &Session, arguments: &RebuildArguments) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for brand in session.brands_of(arguments.brand.as_deref())? {
        all.push(rebuild_brand(session, &brand, arguments.output).await?);
    }
    if arguments.output.json { print_json(&all) } else { Ok(()) }
}

/// Rebuilds a brand. Returns the result for scripts.
async fn rebuild_brand(
    session: &Session,
    brand: &Brand,
    output: JsonArguments,
) -> anyhow::Result<Value> {
    let print_progress: fn(&str) = if output.json { print_error } else { print_line };
    let slug = &brand.rules.slug;
    let bar = progress_bar(slug, "records");
    let mut lines = 0;
    let made = rebuild(&session.database.pool, brand, &mut |progress| {
        bar.set_length(progress.total.max(progress.done));
        bar.set_position(progress.done);
        // Without a terminal, print a line after each 10 %.
        let tenth =
            progress.done.saturating_mul(10).checked_div(progress.total).unwrap_or_default();
        if bar.is_hidden() && tenth > lines {
            lines = tenth;
            let total = counted(progress.total, "record", "records");
            print_progress(&format!("{slug}: {} of {total}", progress.done));
        }
    })
    .await?;
    bar.finish_and_clear();
    if !output.json {
        let records = counted(made.done, "record", "records");
        let customers = counted(made.customers, "customer", "customers");
        print_line(&format!("{slug}: {records} processed, {customers} new or changed."));
    }
    Ok(json!({ "brand": slug, "read": made.done, "changed": made.customers }))
}
