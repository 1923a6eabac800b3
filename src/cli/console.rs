//! `hookpoint console`

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::actor::{Actor, ActorArguments};
use super::exit::Failure;
use super::output::{JsonArguments, confirm, plain, print_json, print_line};
use super::session::Session;
use super::wrapped::print_wrapped;
use crate::admin::agent_links::revoke_agent_links;
use crate::admin::console_access::{AccessError, LINK_MINUTES, create_link, end_session, sessions};
use crate::admin::role::Role;
use crate::clock::Clock;
use crate::console::ConsoleUrls;
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
}

pub(super) async fn run(command: ConsoleCommand, settings: Settings) -> anyhow::Result<()> {
    if let ConsoleCommand::RevokeAgentLinks { yes, output, .. } = &command {
        output.refuse_question(*yes)?;
    }
    let session = if matches!(command, ConsoleCommand::Sessions { .. }) {
        Session::read_only(settings).await?
    } else {
        Session::open(settings).await?
    };
    let now = Clock::system().now();
    let done = match command {
        ConsoleCommand::Link { brand, role, person, actor, output } => {
            let actor = actor.actor();
            link(&session, brand.as_deref(), (role, person), &actor, now, output).await
        }
        ConsoleCommand::Sessions { brand, output } => {
            list(&session, brand.as_deref(), now, output).await
        }
        ConsoleCommand::RevokeAgentLinks { brand, yes, actor, output } => {
            revoke_links(&session, brand.as_deref(), yes, &actor.actor(), now, output).await
        }
        ConsoleCommand::End { id, brand, actor, output } => {
            end(&session, brand.as_deref(), id, &actor.actor(), now, output).await
        }
    };
    session.close().await;
    done
}

async fn link(
    session: &Session,
    slug: Option<&str>,
    (role, person): (Role, Option<String>),
    actor: &Actor,
    now: Timestamp,
    output: JsonArguments,
) -> anyhow::Result<()> {
    let console = &session.file.console;
    if console.listen.is_empty() {
        return Err(Failure::mistake(
            "the console is off: console.listen is empty in the settings".to_owned(),
        )
        .into());
    }
    let brand = session.choose(slug)?;
    let attribution = actor.attribution();
    let person = person.as_deref().unwrap_or(attribution.by);
    let pool = &session.database.pool;
    let code = create_link(pool, brand, (role, person), attribution, now).await;
    let code = code.map_err(|error| match error {
        AccessError::Person => Failure::mistake(error.to_string()).into(),
        error => anyhow::Error::from(error),
    })?;
    let url = ConsoleUrls::new(console, &console.listen).link(&brand.rules.slug, code.reveal());
    if output.json {
        return print_json(&json!({ "url": url, "role": role.as_str(), "minutes": LINK_MINUTES }));
    }
    print_wrapped(
        &format!("Open this link in a browser. It works once, for {LINK_MINUTES} minutes:"),
        0,
    );
    print_line(&format!("\n  {url}"));
    Ok(())
}

async fn list(
    session: &Session,
    slug: Option<&str>,
    now: Timestamp,
    output: JsonArguments,
) -> anyhow::Result<()> {
    let brand = session.choose(slug)?;
    let sessions = sessions(&session.database.pool, brand, now).await?;
    if output.json {
        let rows = sessions.iter().map(|session| {
            json!({
                "session_id": session.session_id,
                "person": session.person,
                "role": session.role,
                "created_at": session.created_at,
                "last_used_at": session.last_used_at,
            })
        });
        return print_json(&rows.collect::<Vec<_>>());
    }
    if sessions.is_empty() {
        print_line("Nobody is in the console.");
    }
    for session in sessions {
        let used = session.last_used_at.strftime("%F %T");
        let line = format!(
            "{}  {:<10}  last page {used} UTC  {}",
            session.session_id, session.role, session.person
        );
        print_line(&plain(&line));
    }
    Ok(())
}

async fn revoke_links(
    session: &Session,
    slug: Option<&str>,
    is_confirmed: bool,
    actor: &Actor,
    now: Timestamp,
    output: JsonArguments,
) -> anyhow::Result<()> {
    let brand = session.choose(slug)?;
    let question = "Revoke all links to the agent page that were given out?";
    if !is_confirmed && !confirm(question, "revoke all links")? {
        print_line("Nothing was revoked.");
        return Ok(());
    }
    revoke_agent_links(&session.database.pool, brand, actor.attribution(), now).await?;
    if output.json {
        return print_json(&json!({ "brand": brand.rules.slug, "outcome": "revoked" }));
    }
    print_line("Revoked. Tickets that are opened from now on get new links.");
    Ok(())
}

async fn end(
    session: &Session,
    slug: Option<&str>,
    id: Uuid,
    actor: &Actor,
    now: Timestamp,
    output: JsonArguments,
) -> anyhow::Result<()> {
    let brand = session.choose(slug)?;
    let pool = &session.database.pool;
    if !end_session(pool, brand, id, actor.attribution(), now).await? {
        return Err(Failure::not_found("there is no session with this id".to_owned()).into());
    }
    if output.json {
        return print_json(&json!({ "session_id": id, "outcome": "ended" }));
    }
    print_line("Ended.");
    Ok(())
}
