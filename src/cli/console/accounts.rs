//! `hookpoint console accounts`, `invite`, `set-role` and `remove`

use std::io::Write;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::urls::console_urls;
use crate::admin::console_access::{AccessError, AccessSecret};
use crate::admin::console_accounts::manage::{
    self, AccountError, INVITATION_DAYS, account_of_name, accounts, invite_again,
};
use crate::admin::role::Role;
use crate::brand::Brand;
use crate::cli::actor::{Actor, ActorArguments};
use crate::cli::exit::Failure;
use crate::cli::output::{JsonArguments, confirm, plain, print_json, print_line};
use crate::cli::session::Session;
use crate::cli::wrapped::wrap;
use crate::storage::console_accounts::ConsoleAccountRow;

#[derive(Debug, Args)]
pub(in crate::cli) struct InviteArguments {
    /// The person, as the audit log names them
    #[arg(long)]
    name: String,
    /// What the person may do: viewer (see, with values masked), supervisor (also decide, replay and export) or
    /// admin (also keys, erasures and people)
    #[arg(long, required_unless_present = "again", conflicts_with = "again")]
    role: Option<Role>,
    /// The person has an account, and forgot the password: the old one stops working, and the sessions end
    #[arg(long)]
    again: bool,
    /// The brand. Needed if the settings have several brands
    #[arg(long)]
    brand: Option<String>,
    /// Do not ask for confirmation. Only --again asks
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    actor: ActorArguments,
    #[command(flatten)]
    output: JsonArguments,
}

pub(super) async fn list(
    session: &Session,
    slug: Option<&str>,
    now: Timestamp,
    output: JsonArguments,
) -> anyhow::Result<()> {
    let brand = session.choose(slug)?;
    let accounts = accounts(&session.database.pool, brand).await?;
    if output.json {
        let rows = accounts.iter().map(|account| {
            json!({
                "account_id": account.account_id,
                "name": account.name,
                "role": account.role,
                "state": state(account, now),
                "invited_until": account.invited_until,
                "last_log_in_at": account.last_log_in_at,
            })
        });
        return print_json(&rows.collect::<Vec<_>>());
    }
    if accounts.is_empty() {
        print_line("Nobody has an account. Invite somebody with `hookpoint console invite`.");
    }
    for account in accounts {
        let last = account.last_log_in_at.map(|at| at.strftime("%F %T UTC").to_string());
        let line = format!(
            "{:<10}  {:<18}  last log-in {:<23}  {}",
            account.role,
            state(&account, now),
            last.as_deref().unwrap_or("never"),
            account.name
        );
        print_line(&plain(&line));
    }
    Ok(())
}

fn state(account: &ConsoleAccountRow, now: Timestamp) -> &'static str {
    match (account.has_password, account.invited_until) {
        (true, _) => "active",
        (false, Some(until)) if until > now => "invited",
        (false, _) => "invitation expired",
    }
}

pub(super) async fn invite(
    session: &Session,
    arguments: &InviteArguments,
    now: Timestamp,
) -> anyhow::Result<()> {
    let urls = console_urls(session)?;
    let InviteArguments { name, role, yes, actor, output, .. } = arguments;
    let (brand, actor) = (session.choose(arguments.brand.as_deref())?, actor.actor());
    let link = |code: &AccessSecret| urls.invitation(&brand.rules.slug, code.reveal());
    let pool = &session.database.pool;
    if let Some(role) = role {
        let invited = manage::invite(pool, brand, (*role, name), actor.attribution(), now).await;
        return print_invitation(name, &link(&invited.map_err(failure)?), *output);
    }
    output.refuse_question(*yes)?;
    let account_id = id_of(session, brand, name).await?;
    let question =
        "Invite this person again? The old password stops working, and the sessions end.";
    if !yes && !confirm(question, "invite this person again")? {
        print_line("Nothing was changed.");
        return Ok(());
    }
    let renewed = invite_again(pool, brand, account_id, actor.attribution(), now).await;
    let (name, code) = renewed.map_err(failure)?;
    print_invitation(&name, &link(&code), *output)
}

/// Prints an invitation. If that fails, it is lost, so the error says how to make another one.
fn print_invitation(name: &str, url: &str, output: JsonArguments) -> anyhow::Result<()> {
    let text = if output.json {
        serde_json::to_string_pretty(&json!({ "url": url, "days": INVITATION_DAYS }))?
    } else {
        let send = format!(
            "Send this link to the person only. With it, they set a password. It is shown only once, and works once, for {INVITATION_DAYS} days:"
        );
        format!("{}\n\n  {url}", wrap(&send, 0))
    };
    let mut out = std::io::stdout();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    written.with_context(|| {
        format!(
            "the invitation cannot be printed. Make another one with `hookpoint console invite --again --name {}`",
            plain(name)
        )
    })
}

pub(super) async fn set_role(
    session: &Session,
    brand: &Brand,
    (name, role): (&str, Role),
    actor: &Actor,
    now: Timestamp,
    output: JsonArguments,
) -> anyhow::Result<()> {
    let account_id = id_of(session, brand, name).await?;
    let (pool, change) = (&session.database.pool, (account_id, role));
    let changed = manage::set_role(pool, brand, change, actor.attribution(), now).await;
    let outcome = if changed.map_err(failure)? { "changed" } else { "unchanged" };
    if output.json {
        return print_json(
            &json!({ "account_id": account_id, "role": role.as_str(), "outcome": outcome }),
        );
    }
    print_line(match outcome {
        "changed" => "Changed, also for the sessions of this person.",
        _ => "This person has this role already.",
    });
    Ok(())
}

pub(super) async fn remove(
    session: &Session,
    brand: &Brand,
    (name, yes): (&str, bool),
    actor: &Actor,
    now: Timestamp,
    output: JsonArguments,
) -> anyhow::Result<()> {
    let account_id = id_of(session, brand, name).await?;
    let question = "Remove this account? All its sessions end.";
    if !yes && !confirm(question, "remove this account")? {
        print_line("Nothing was removed.");
        return Ok(());
    }
    let pool = &session.database.pool;
    manage::remove(pool, brand, account_id, actor.attribution(), now).await.map_err(failure)?;
    if output.json {
        return print_json(&json!({ "account_id": account_id, "outcome": "removed" }));
    }
    print_line("Removed. All sessions of this person are ended.");
    Ok(())
}

async fn id_of(session: &Session, brand: &Brand, name: &str) -> anyhow::Result<Uuid> {
    account_of_name(&session.database.pool, brand, name).await.map_err(failure)
}

fn failure(error: AccountError) -> anyhow::Error {
    match error {
        AccountError::Unknown => {
            Failure::not_found(format!("{error}; `hookpoint console accounts` lists them")).into()
        }
        AccountError::Exists => {
            Failure::mistake(format!("{error}; add --again to invite that person again")).into()
        }
        AccountError::Access(AccessError::Person) => Failure::mistake(error.to_string()).into(),
        AccountError::Access(AccessError::Storage(error)) => error.into(),
        error => error.into(),
    }
}
