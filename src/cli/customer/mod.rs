//! `hookpoint customer`

mod erasures;
mod identity;
mod person;
mod privacy;
mod receipt;
mod target;

use clap::Subcommand;

use self::erasures::ErasuresArguments;
use self::identity::IdentityCommand;
use self::privacy::PrivacyCommand;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum CustomerCommand {
    #[command(flatten)]
    Identity(IdentityCommand),
    #[command(flatten)]
    Privacy(PrivacyCommand),
    /// List the erasures: when, by whom, and how much was deleted
    Erasures(ErasuresArguments),
}

pub(super) async fn run(command: CustomerCommand, settings: Settings) -> anyhow::Result<()> {
    match command {
        CustomerCommand::Identity(command) => identity::run(command, settings).await,
        CustomerCommand::Privacy(command) => privacy::run(command, settings).await,
        CustomerCommand::Erasures(arguments) => erasures::run(arguments, settings).await,
    }
}
