//! `hookpoint value`: addresses that belong to several people.

use clap::{Args, Subcommand};

use super::decision::act::{ActArguments, ActWords, run_act};
use super::exit::Failure;
use super::question::address;
use super::session::Session;
use crate::admin::decisions::{Act, find_shared};
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum ValueCommand {
    /// Decide that an address belongs to several people: it still finds them, but joins no records
    Share(ValueArguments),
    /// Undo the decision that an address is shared
    Unshare(ValueArguments),
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("value").required(true)))]
pub(super) struct ValueArguments {
    /// The e-mail address
    #[arg(long, group = "value", value_name = "ADDRESS")]
    email: Option<String>,
    /// The phone number, in any usual spelling
    #[arg(long, group = "value", value_name = "NUMBER")]
    phone: Option<String>,
    #[command(flatten)]
    act: ActArguments,
}

pub(super) async fn run(command: ValueCommand, settings: Settings) -> anyhow::Result<()> {
    let session = Session::open(settings).await?;
    let done = run_in(&session, &command).await;
    session.close().await;
    done
}

async fn run_in(session: &Session, command: &ValueCommand) -> anyhow::Result<()> {
    let (ValueCommand::Share(arguments) | ValueCommand::Unshare(arguments)) = command;
    let ValueArguments { email, phone, act } = arguments;
    let brand = act.brand(session)?;
    let address = address(brand, email.as_deref(), phone.as_deref())?;
    if let ValueCommand::Share(_) = command {
        let words = ActWords {
            question: "Does this address belong to several people?",
            action: "decide that this address is shared",
        };
        return run_act(session, brand, &Act::Share(address), act, words).await;
    }
    let mut connection = session.database.pool.acquire().await?;
    let Some(id) = find_shared(&mut connection, brand, &address).await? else {
        let what = "no decision in force says that this address is shared";
        return Err(Failure::not_found(what).into());
    };
    drop(connection);
    let words = ActWords { question: "Undo this decision?", action: "undo this decision" };
    run_act(session, brand, &Act::Undo(id), act, words).await
}
