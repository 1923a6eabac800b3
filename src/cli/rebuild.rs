//! `hookpoint rebuild`

use clap::Args;

use super::output::{print_line, progress_bar};
use super::session::Session;
use crate::brand::Brand;
use crate::ingest::rebuild::rebuild;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(super) struct RebuildArguments {
    /// Only this brand
    #[arg(long)]
    brand: Option<String>,
}

pub(super) async fn run(arguments: RebuildArguments, settings: Settings) -> anyhow::Result<()> {
    let session = Session::open(settings).await?;
    let done = rebuild_brands(&session, arguments.brand.as_deref()).await;
    session.close().await;
    done
}

async fn rebuild_brands(session: &Session, slug: Option<&str>) -> anyhow::Result<()> {
    for brand in session.brands_of(slug)? {
        rebuild_brand(session, &brand).await?;
    }
    Ok(())
}

async fn rebuild_brand(session: &Session, brand: &Brand) -> anyhow::Result<()> {
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
            print_line(&format!("{slug}: {} of {} records", progress.done, progress.total));
        }
    })
    .await?;
    bar.finish_and_clear();
    print_line(&format!(
        "{slug}: {} records processed, {} customers new or changed.",
        made.done, made.customers
    ));
    Ok(())
}
