//! `hookpoint sync`

mod filter;
mod other_run;
pub(crate) mod results;
pub(crate) mod run;
mod shown;
mod status;
mod stream_line;

use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use self::filter::FilterArguments;
use super::output::{JsonArguments, print_json, print_line};
use super::session::Session;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::counted::counted;
use crate::settings::Settings;
use crate::storage::pool::Pool;
use crate::storage::sync_runs::cancel_streams;

#[derive(Debug, Subcommand)]
pub(crate) enum SyncCommand {
    /// Read all data from the APIs of the sources, or continue an interrupted run
    Run(RunArguments),
    /// Show the API calls and the health of each source, and the progress and drift (share of wrong items) of each
    /// stream
    Status {
        /// Only this brand
        #[arg(long)]
        brand: Option<String>,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// Cancel unfinished runs, on any replica
    Cancel(RunArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    which: FilterArguments,
    #[command(flatten)]
    output: JsonArguments,
}

pub(super) async fn run(command: SyncCommand, settings: Settings) -> anyhow::Result<()> {
    let session = if matches!(command, SyncCommand::Status { .. }) {
        Session::read_only(settings).await?
    } else {
        Session::open(settings).await?
    };
    let done = run_in(&session, &command).await;
    session.close().await;
    done
}

async fn run_in(session: &Session, command: &SyncCommand) -> anyhow::Result<()> {
    let (SyncCommand::Run(RunArguments { which: FilterArguments { brand, .. }, .. })
    | SyncCommand::Status { brand, .. }
    | SyncCommand::Cancel(RunArguments { which: FilterArguments { brand, .. }, .. })) = command;
    let brands = session.select(brand.as_deref())?;
    let pool = &session.database.pool;
    match command {
        SyncCommand::Run(RunArguments { which, output }) => {
            run::run(pool, &brands, (which, *output), &session.file).await
        }
        SyncCommand::Status { output, .. } => status::status(pool, &brands, *output).await,
        SyncCommand::Cancel(RunArguments { which, output }) => {
            cancel(pool, &brands, which, *output).await
        }
    }
}

async fn cancel(
    pool: &Pool,
    brands: &[Arc<Brand>],
    which: &FilterArguments,
    output: JsonArguments,
) -> anyhow::Result<()> {
    which.check()?;
    let (now, stream) = (Clock::system().now(), which.stream.as_deref());
    let mut count: u64 = 0;
    for brand in brands {
        let cancelled = cancel_streams(pool, brand.id(), which.source, stream, now).await?;
        count = count.saturating_add(cancelled);
    }
    if output.json {
        return print_json(&json!({ "outcome": "cancelled", "runs": count }));
    }
    print_line(&match count {
        0 => "There was no unfinished run.".to_owned(),
        count => format!(
            "{} cancelled. `hookpoint sync run` reads all data again.",
            counted(count, "run", "runs")
        ),
    });
    Ok(())
}
