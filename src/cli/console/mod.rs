//! `hookpoint console`

mod accounts;
mod sessions;
mod urls;

use clap::Subcommand;
use jiff::Timestamp;
use uuid::Uuid;

use super::actor::ActorArguments;
use super::output::JsonArguments;
use super::session::Session;
use crate::admin::role::Role;
use crate::clock::Clock;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum ConsoleCommand {
    /// Print a link to the console. It works once, for 15 minutes
    Link {
        /// The brand. Needed if the settings have several brands
        #[arg(long)]
        brand: Option<String>,
        /// What the person may do: viewer (see, with values masked), supervisor (also decide, replay and export) or
        /// admin (also keys, erasures and people)
        #[arg(long)]
        role: Role,
        /// The person that the link is for, as the audit log names them. Default: you
        #[arg(long = "for", value_name = "NAME")]
        person: Option<String>,
        /// Open the link in the browser of this machine, instead of printing it
        #[arg(long, conflicts_with = "json")]
        open: bool,
        #[command(flatten)]
        actor: ActorArguments,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// List who is in the console
    Sessions {
        /// The brand. Needed if the settings have several brands
        #[arg(long)]
        brand: Option<String>,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// Revoke all links to the agent page that were given out, and end the pages that they opened. Asks first
    RevokeAgentLinks {
        /// The brand. Needed if the settings have several brands
        #[arg(long)]
        brand: Option<String>,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        actor: ActorArguments,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// End a session at once
    End {
        /// Id of the session, from `console sessions`
        id: Uuid,
        /// The brand. Needed if the settings have several brands
        #[arg(long)]
        brand: Option<String>,
        #[command(flatten)]
        actor: ActorArguments,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// List the accounts: who they are, what they may do, and when they last logged in
    #[command(name = "accounts")]
    ListAccounts {
        /// The brand. Needed if the settings have several brands
        #[arg(long)]
        brand: Option<String>,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// Invite a person to an account. Prints a link, once, with which they set a password within 3 days
    Invite(accounts::InviteArguments),
    /// Change what a person with an account may do; takes effect at once
    SetRole {
        /// The person, from `console accounts`
        name: String,
        /// The new role: viewer, supervisor or admin
        #[arg(long)]
        role: Role,
        /// The brand. Needed if the settings have several brands
        #[arg(long)]
        brand: Option<String>,
        #[command(flatten)]
        actor: ActorArguments,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// Remove an account. All its sessions end at once
    Remove {
        /// The person, from `console accounts`
        name: String,
        /// The brand. Needed if the settings have several brands
        #[arg(long)]
        brand: Option<String>,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        actor: ActorArguments,
        #[command(flatten)]
        output: JsonArguments,
    },
}

pub(super) async fn run(command: ConsoleCommand, settings: Settings) -> anyhow::Result<()> {
    let only_reads =
        matches!(command, ConsoleCommand::Sessions { .. } | ConsoleCommand::ListAccounts { .. });
    let session = if only_reads {
        Session::read_only(settings).await?
    } else {
        Session::open(settings).await?
    };
    let done = Box::pin(run_in(&session, command, Clock::system().now())).await;
    session.close().await;
    done
}

async fn run_in(session: &Session, command: ConsoleCommand, now: Timestamp) -> anyhow::Result<()> {
    match command {
        ConsoleCommand::Link { brand, role, person, open, actor, output } => {
            let (actor, brand) = (actor.actor(), brand.as_deref());
            let url = sessions::link(session, brand, (role, person), &actor, now).await?;
            sessions::show_link(&url, role, open, output).await
        }
        ConsoleCommand::Sessions { brand, output } => {
            sessions::list(session, brand.as_deref(), now, output).await
        }
        ConsoleCommand::RevokeAgentLinks { brand, yes, actor, output } => {
            output.refuse_question(yes)?;
            let brand = brand.as_deref();
            sessions::revoke_links(session, brand, yes, &actor.actor(), now, output).await
        }
        ConsoleCommand::End { id, brand, actor, output } => {
            sessions::end(session, brand.as_deref(), id, &actor.actor(), now, output).await
        }
        ConsoleCommand::ListAccounts { brand, output } => {
            accounts::list(session, brand.as_deref(), now, output).await
        }
        ConsoleCommand::Invite(arguments) => accounts::invite(session, &arguments, now).await,
        ConsoleCommand::SetRole { name, role, brand, actor, output } => {
            let brand = session.choose(brand.as_deref())?;
            accounts::set_role(session, brand, (&name, role), &actor.actor(), now, output).await
        }
        ConsoleCommand::Remove { name, brand, yes, actor, output } => {
            output.refuse_question(yes)?;
            let brand = session.choose(brand.as_deref())?;
            accounts::remove(session, brand, (&name, yes), &actor.actor(), now, output).await
        }
    }
}
