//! `hookpoint console link`, `sessions`, `end` and `revoke-agent-links`

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::urls::console_urls;
use crate::admin::agent_links::revoke_agent_links;
use crate::admin::console_access::{AccessError, LINK_MINUTES, create_link, end_session, sessions};
use crate::admin::role::Role;
use crate::cli::actor::Actor;
use crate::cli::exit::Failure;
use crate::cli::open_browser::open_browser;
use crate::cli::output::{JsonArguments, confirm, plain, print_error, print_json, print_line};
use crate::cli::session::Session;
use crate::cli::wrapped::print_wrapped;

/// Creates a link.
pub(super) async fn link(
    session: &Session,
    slug: Option<&str>,
    (role, person): (Role, Option<String>),
    actor: &Actor,
    now: Timestamp,
) -> anyhow::Result<String> {
    let urls = console_urls(session)?;
    let brand = session.choose(slug)?;
    let attribution = actor.attribution();
    let person = person.as_deref().or(actor.name()).ok_or_else(|| {
        Failure::mistake(
            "the login name is unknown; name the person that the link is for with --for NAME",
        )
    })?;
    let pool = &session.database.pool;
    let code = create_link(pool, brand, (role, person), attribution, now).await;
    let code = code.map_err(|error| match error {
        AccessError::Person => Failure::mistake(error.to_string()).into(),
        error => anyhow::Error::from(error),
    })?;
    Ok(urls.link(&brand.rules.slug, code.reveal()))
}

/// Opens or prints a link.
pub(super) async fn show_link(
    url: &str,
    role: Role,
    is_opened: bool,
    output: JsonArguments,
) -> anyhow::Result<()> {
    if output.json {
        return print_json(&json!({ "url": url, "role": role.as_str(), "minutes": LINK_MINUTES }));
    }
    if is_opened {
        match open_browser(url).await {
            Ok(()) => {
                print_wrapped("The console is open in your browser. Click on Log in there.", 0);
                return Ok(());
            }
            Err(reason) => print_error(&format!("No browser was opened: {reason}.")),
        }
    }
    print_wrapped(
        &format!("Open this link in a browser. It works once, for {LINK_MINUTES} minutes:"),
        0,
    );
    print_line(&format!("\n  {url}"));
    Ok(())
}

pub(super) async fn list(
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
                "came_by": session.came_by,
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

/// Revokes all links to the agent page.
pub(super) async fn revoke_links(
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

pub(super) async fn end(
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
