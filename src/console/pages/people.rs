//! Who is in the console, who has an account, and links for others.

use serde::Serialize;

use crate::admin::agent_links::revoke_agent_links;
use crate::admin::console_access::{
    AccessError, CameBy, IDLE_MINUTES, LINK_MINUTES, SESSION_HOURS, create_link, end_session,
    sessions,
};
use crate::admin::console_accounts::manage::{INVITATION_DAYS, accounts};
use crate::admin::role::{Role, UnknownRole};
use crate::agent_page::links::AgentLinks;
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::storage::console_access::SessionRow;
use crate::storage::console_accounts::ConsoleAccountRow;

#[derive(Serialize)]
struct PeoplePage {
    sessions: Vec<Session>,
    accounts: Vec<ShownAccount>,
    roles: Vec<(&'static str, &'static str)>,
    link_minutes: i64,
    invitation_days: i64,
    session_hours: i64,
    idle_minutes: i64,
    /// Whether answers link to the agent page.
    has_agent_page: bool,
    /// Whether only this machine can open the console.
    is_local: bool,
    /// A link that was just made.
    made: Option<MadeLink>,
}

/// A link that was just made. It is shown once.
#[derive(Serialize)]
pub(super) struct MadeLink {
    /// Whom it is for.
    pub(super) person: String,
    pub(super) link: String,
    /// How long it works, in words.
    pub(super) works_for: String,
}

#[derive(Serialize)]
struct Session {
    id: String,
    person: String,
    role: String,
    came_by: String,
    began: ShownTime,
    used: ShownTime,
    is_own: bool,
}

#[derive(Serialize)]
struct ShownAccount {
    id: String,
    name: String,
    role: String,
    /// The state in words, and its tone.
    state: (&'static str, &'static str),
    /// Until when an open invitation works.
    invited_until: Option<ShownTime>,
    last_log_in: Option<ShownTime>,
    is_own: bool,
}

/// Who is in the console, and who has an account.
pub(super) async fn list(visit: &Visit) -> Result<Reply, Refusal> {
    page(visit, None).await
}

pub(super) async fn page(visit: &Visit, made: Option<MadeLink>) -> Result<Reply, Refusal> {
    let sessions = sessions(visit.pool(), &visit.brand, visit.now()).await?;
    let accounts = accounts(visit.pool(), &visit.brand).await?;
    let page = PeoplePage {
        sessions: sessions.into_iter().map(|session| shown_session(visit, session)).collect(),
        accounts: accounts.into_iter().map(|account| shown_account(visit, account)).collect(),
        roles: Role::ALL.iter().map(|(role, may)| (role.as_str(), *may)).collect(),
        link_minutes: LINK_MINUTES,
        invitation_days: INVITATION_DAYS,
        session_hours: SESSION_HOURS,
        idle_minutes: IDLE_MINUTES,
        is_local: visit.console.file.has_console_for_this_machine_only(),
        has_agent_page: visit.brand.agent_links.as_ref().is_some_and(AgentLinks::open_agent_page),
        made,
    };
    visit.page("people.html", ("/people", "People"), &page)
}

fn shown_session(visit: &Visit, session: SessionRow) -> Session {
    Session {
        id: session.session_id.to_string(),
        began: visit.time(session.created_at),
        used: visit.time(session.last_used_at),
        is_own: session.session_id == visit.member.session_id,
        person: session.person,
        role: session.role,
        came_by: session.came_by,
    }
}

fn shown_account(visit: &Visit, account: ConsoleAccountRow) -> ShownAccount {
    let is_open = account.invited_until.is_some_and(|until| until > visit.now());
    let state = match (account.has_password, is_open) {
        (true, _) => ("active", "good"),
        (false, true) => ("invited", "neutral"),
        (false, false) => ("invitation expired", "warn"),
    };
    let until = account.invited_until.filter(|_| is_open);
    ShownAccount {
        id: account.account_id.to_string(),
        name: account.name,
        role: account.role,
        state,
        invited_until: until.map(|until| visit.time(until)),
        last_log_in: account.last_log_in_at.map(|at| visit.time(at)),
        is_own: visit.member.account_id == Some(account.account_id),
    }
}

/// The role in a form.
pub(super) fn role(visit: &Visit) -> Result<Role, Refusal> {
    let role = visit.form.value("role").parse();
    role.map_err(|error: UnknownRole| Refusal::Mistake(error.to_string()))
}

/// Makes a link, and shows it once.
pub(super) async fn invite(visit: &Visit) -> Result<Reply, Refusal> {
    let (role, person) = (role(visit)?, visit.form.value("person"));
    let (attribution, now) = (visit.attribution(), visit.now());
    let code = create_link(visit.pool(), &visit.brand, (role, person), attribution, now).await;
    let code = code.map_err(access_refusal)?;
    let made = MadeLink {
        person: person.to_owned(),
        link: visit.console.urls.link(&visit.brand.rules.slug, code.reveal()),
        works_for: format!("{LINK_MINUTES} minutes"),
    };
    page(visit, Some(made)).await
}

pub(super) fn access_refusal(error: AccessError) -> Refusal {
    match error {
        AccessError::Storage(error) => error.into(),
        error => Refusal::Mistake(error.to_string()),
    }
}

/// Ends the session of somebody.
pub(super) async fn end(visit: &Visit) -> Result<Reply, Refusal> {
    let (attribution, now) = (visit.attribution(), visit.now());
    let ended = end_session(visit.pool(), &visit.brand, visit.uuid()?, attribution, now).await?;
    Ok(visit.redirect(&visit.path("/people"), if ended { "ended" } else { "nothing" }))
}

/// Revokes all links to the agent page.
pub(super) async fn revoke_links(visit: &Visit) -> Result<Reply, Refusal> {
    revoke_agent_links(visit.pool(), &visit.brand, visit.attribution(), visit.now()).await?;
    Ok(visit.redirect(&visit.path("/people"), "links-revoked"))
}

/// Ends the own session.
pub(super) async fn log_out(visit: &Visit) -> Result<Reply, Refusal> {
    let (session, attribution, now) = (visit.member.session_id, visit.attribution(), visit.now());
    end_session(visit.pool(), &visit.brand, session, attribution, now).await?;
    let done = match visit.member.came_by {
        CameBy::Provider => "logged-out-here",
        CameBy::Link | CameBy::Password => "logged-out",
    };
    Ok(Reply::Redirect(format!("{}/login?done={done}", visit.console.urls.base())))
}
