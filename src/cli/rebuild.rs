//! `hookpoint rebuild`

use std::io::IsTerminal;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{open, print_line};
use crate::app::open_brands;
use crate::ingest::rebuild::rebuild;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(super) struct RebuildArguments {
    /// Only this brand
    #[arg(long)]
    brand: Option<String>,
}

pub(super) async fn run(arguments: RebuildArguments, settings: Settings) -> anyhow::Result<()> {
    let names = crate::cli::names_of(&settings.brands);
    let database = open(&settings).await?;
    let brands = open_brands(&database, settings.brands).await?;
    let mut wanted: Vec<_> = brands
        .values()
        .filter(|brand| arguments.brand.as_ref().is_none_or(|slug| *slug == brand.rules.slug))
        .collect();
    wanted.sort_by_key(|brand| &brand.rules.slug);
    anyhow::ensure!(
        !wanted.is_empty() || arguments.brand.is_none(),
        "there is no such brand in the settings; brands: {names}"
    );
    for brand in wanted {
        let bar = bar(&brand.rules.slug, "records");
        let mut lines = 0;
        let made = rebuild(&database.pool, brand, &mut |progress| {
            bar.set_length(progress.total.max(progress.done));
            bar.set_position(progress.done);
            // Without a terminal, print a line after each 10 %.
            let tenth =
                progress.done.saturating_mul(10).checked_div(progress.total).unwrap_or_default();
            if bar.is_hidden() && tenth > lines {
                lines = tenth;
                print_line(&format!(
                    "{}: {} of {} records",
                    brand.rules.slug, progress.done, progress.total
                ));
            }
        })
        .await?;
        bar.finish_and_clear();
        print_line(&format!(
            "{}: {} records processed, {} customers new or changed.",
            brand.rules.slug, made.done, made.customers
        ));
    }
    database.close().await;
    Ok(())
}

/// A progress bar; hidden if there is no terminal.
pub(super) fn bar(name: &str, things: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(&format!(
        "{{msg}}  {{wide_bar}}  {{human_pos}} of {{human_len}} {things}  {{eta}} left"
    ));
    let bar = ProgressBar::new(0).with_message(name.to_owned());
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
