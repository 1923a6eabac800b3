//! `hookpoint sources`

mod post;
mod trigger;

use clap::Subcommand;

use self::trigger::{TriggerArguments, trigger};
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum SourcesCommand {
    /// Send a signed sample webhook to the service, as the source would. The sample is about an invented person. It is
    /// stored like every other webhook, so the command asks first if it changes the data of the brand
    Trigger(TriggerArguments),
}

pub(super) async fn run(command: SourcesCommand, settings: &Settings) -> anyhow::Result<()> {
    match command {
        SourcesCommand::Trigger(arguments) => trigger(&arguments, settings).await,
    }
}
