//! `hookpoint identity`

pub(super) mod shown;

use clap::{Args, Subcommand};
use serde_json::Value;

use self::shown::{preview_as_json, print_preview};
use super::output::{JsonArguments, print_json};
use super::records_progress::RecordsProgress;
use super::session::Session;
use crate::admin::rules_preview::{RulesPreview, preview_rules};
use crate::brand::Brand;
use crate::settings::Settings;
use crate::storage::pool::Pool;

/// Where the old and the new rules come from.
const WHICH_RULES: &str = "\
The new rules are those in the settings file of --settings. The customers now
are those in the database, whatever settings they were computed with. So the
old settings file is not needed. The new file must lead to the same database:
DATABASE_URL, else the URL or the data directory in it.

The command computes all customers on a private copy in the database. It needs
some disk space there, and the privilege to create temporary tables. A running
service goes on meanwhile.

To apply just what was shown, put the new settings in place, and then:
  hookpoint rebuild --state STATE
  hookpoint reload";

#[derive(Debug, Subcommand)]
pub(super) enum IdentityCommand {
    /// Show which customers would join or part with the rules of a settings file, and change nothing
    #[command(after_help = WHICH_RULES)]
    Preview(PreviewArguments),
}

#[derive(Debug, Args)]
pub(super) struct PreviewArguments {
    /// Only this brand
    #[arg(long)]
    brand: Option<String>,
    /// Show at most this many of the customers that join, and of those that part
    #[arg(long, default_value_t = 20, value_name = "N")]
    sample: u32,
    #[command(flatten)]
    output: JsonArguments,
}

pub(super) async fn run(command: IdentityCommand, settings: Settings) -> anyhow::Result<()> {
    let IdentityCommand::Preview(arguments) = command;
    let session = Session::read_only(settings).await?;
    let done = preview_brands(&session, &arguments).await;
    session.close().await;
    done
}

async fn preview_brands(session: &Session, arguments: &PreviewArguments) -> anyhow::Result<()> {
    let PreviewArguments { brand, sample, output } = arguments;
    let mut all: Vec<Value> = Vec::new();
    for brand in session.select(brand.as_deref())? {
        let preview = preview(&session.database.pool, &brand, *sample, *output).await?;
        if output.json {
            all.push(preview_as_json(&brand, &preview));
        } else {
            print_preview(&brand, &preview);
        }
    }
    if output.json { print_json(&all) } else { Ok(()) }
}

/// Previews the rules of a brand, with a progress bar.
pub(super) async fn preview(
    pool: &Pool,
    brand: &Brand,
    samples: u32,
    output: JsonArguments,
) -> anyhow::Result<RulesPreview> {
    let mut progress = RecordsProgress::new(&brand.rules.slug, output);
    let preview = preview_rules(pool, brand, samples, &mut |now| progress.show(now)).await;
    progress.clear();
    Ok(preview?)
}
