//! `hookpoint sync`

pub(crate) mod run;
mod shown;
mod status;

use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::{open, open_read_only, print_line};
use crate::app::{find_brands, open_brands};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::settings::Settings;
use crate::sources::api::Stream;
use crate::storage::pool::Pool;
use crate::storage::sync_runs::cancel_streams;

#[derive(Debug, Subcommand)]
pub(crate) enum SyncCommand {
    /// Read all data from the APIs of the sources, or continue an interrupted run
    Run(FilterArguments),
    /// Show the API calls and the health of each source, and the progress and drift of each stream
    Status {
        /// Only this brand
        #[arg(long)]
        brand: Option<String>,
    },
    /// Cancel unfinished runs, on any replica
    Cancel(FilterArguments),
}

#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Only this brand
    #[arg(long)]
    brand: Option<String>,
    /// Only this source
    #[arg(long, value_name = "SOURCE")]
    source: Option<Source>,
    /// Only this stream, as `sync status` shows it
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
}

impl FilterArguments {
    fn means(&self, source: Source) -> bool {
        self.source.is_none_or(|wanted| wanted == source)
    }

    /// The selected streams of a source.
    fn streams(&self, brand: &Brand, source: Source) -> Vec<Stream> {
        let all = brand.rules.sources.api(source).streams().iter();
        all.filter(|stream| self.stream.as_deref().is_none_or(|wanted| wanted == stream.name))
            .copied()
            .collect()
    }

    /// Refuses the name of a stream that no selected source has.
    fn check(&self) -> anyhow::Result<()> {
        let sources = crate::sources::SourceSettings::default();
        let Some(wanted) = &self.stream else { return Ok(()) };
        let names: std::collections::BTreeSet<&str> = Source::ALL
            .into_iter()
            .filter(|source| self.means(*source))
            .flat_map(|source| sources.api(source).streams())
            .map(|stream| stream.name)
            .collect();
        anyhow::ensure!(
            names.contains(wanted.as_str()),
            "there is no such stream; the streams are {}",
            names.into_iter().collect::<Vec<_>>().join(", ")
        );
        Ok(())
    }
}

pub(super) async fn run(command: SyncCommand, settings: Settings) -> anyhow::Result<()> {
    let is_read_only = matches!(command, SyncCommand::Status { .. });
    let database =
        if is_read_only { open_read_only(&settings).await? } else { open(&settings).await? };
    let brands = if is_read_only {
        find_brands(&database, settings.brands).await?
    } else {
        open_brands(&database, settings.brands).await?
    };
    let brands: Vec<Arc<Brand>> = brands.into_values().collect();
    let done = match command {
        SyncCommand::Run(which) => {
            run::run(
                &database.pool,
                &wanted(&brands, which.brand.as_deref())?,
                &which,
                &settings.file,
            )
            .await
        }
        SyncCommand::Status { brand } => {
            status::status(&database.pool, &wanted(&brands, brand.as_deref())?).await
        }
        SyncCommand::Cancel(which) => {
            cancel(&database.pool, &wanted(&brands, which.brand.as_deref())?, &which).await
        }
    };
    database.close().await;
    done
}

fn wanted(brands: &[Arc<Brand>], name: Option<&str>) -> anyhow::Result<Vec<Arc<Brand>>> {
    let mut wanted: Vec<Arc<Brand>> = brands
        .iter()
        .filter(|brand| name.is_none_or(|name| name == brand.rules.slug))
        .cloned()
        .collect();
    wanted.sort_by(|one, other| one.rules.slug.cmp(&other.rules.slug));
    (!wanted.is_empty()).then_some(wanted).context("there is no such brand in the settings")
}

async fn cancel(pool: &Pool, brands: &[Arc<Brand>], which: &FilterArguments) -> anyhow::Result<()> {
    which.check()?;
    let mut count: u64 = 0;
    for brand in brands {
        count = count.saturating_add(
            cancel_streams(
                pool,
                brand.id(),
                which.source,
                which.stream.as_deref(),
                Clock::system().now(),
            )
            .await?,
        );
    }
    match count {
        0 => print_line("There was no unfinished run."),
        1 => print_line("1 run cancelled. `hookpoint sync run` starts a new one."),
        count => {
            print_line(&format!("{count} runs cancelled. `hookpoint sync run` starts new ones."))
        }
    }
    Ok(())
}
