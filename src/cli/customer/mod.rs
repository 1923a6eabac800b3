//! `hookpoint customer`

mod identity;
mod person;
mod privacy;
mod receipt;
mod target;

use clap::Subcommand;

use self::identity::IdentityCommand;
use self::privacy::PrivacyCommand;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum CustomerCommand {
    #[command(flatten)]
    Identity(IdentityCommand),
    #[command(flatten)]
    Privacy(PrivacyCommand),
}

pub(super) async fn run(command: CustomerCommand, settings: Settings) -> anyhow::Result<()> {
    match command {
        CustomerCommand::Identity(command) => identity::run(command, settings).await,
        CustomerCommand::Privacy(command) => privacy::run(command, settings).await,
    }
}
