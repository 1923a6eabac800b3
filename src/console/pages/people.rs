//! Who is in the console, and links for others.

use serde::Serialize;

use crate::admin::agent_links::revoke_agent_links;
use crate::admin::console_access::{
    AccessError, IDLE_MINUTES, LINK_MINUTES, SESSION_HOURS, create_link, end_session, sessions,
};
use crate::admin::role::{Role, UnknownRole};
use crate::agent_page::links::AgentLinks;
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;

#[derive(Serialize)]
struct PeoplePage {
    sessions: Vec<Session>,
    roles: Vec<(&'static str, &'static str)>,
    link_minutes: i64,
    session_hours: i64,
    idle_minutes: i64,
    /// Whether answers link to the agent page.
    has_agent_page: bool,
    /// A link that was just made: for whom, and the link.
    made: Option<(String, String)>,
}

#[derive(Serialize)]
struct Session {
    id: String,
    person: String,
    role: String,
    began: ShownTime,
    used: ShownTime,
    is_own: bool,
}

/// Who is in the console.
pub(super) async fn list(visit: &Visit) -> Result<Reply, Refusal> {
    page(visit, None).await
}

async fn page(visit: &Visit, made: Option<(String, String)>) -> Result<Reply, Refusal> {
    let sessions = sessions(visit.pool(), &visit.brand, visit.now()).await?;
    let shown = sessions.into_iter().map(|session| Session {
        id: session.session_id.to_string(),
        began: visit.time(session.created_at),
        used: visit.time(session.last_used_at),
        is_own: session.session_id == visit.member.session_id,
        person: session.person,
        role: session.role,
    });
    let page = PeoplePage {
        sessions: shown.collect(),
        roles: Role::ALL.iter().map(|(role, may)| (role.as_str(), *may)).collect(),
        link_minutes: LINK_MINUTES,
        session_hours: SESSION_HOURS,
        idle_minutes: IDLE_MINUTES,
        has_agent_page: visit.brand.agent_links.as_ref().is_some_and(AgentLinks::open_agent_page),
        made,
    };
    visit.page("people.html", ("/people", "People"), &page)
}

/// Makes a link, and shows it once.
pub(super) async fn invite(visit: &Visit) -> Result<Reply, Refusal> {
    let role: Role = visit
        .form
        .value("role")
        .parse()
        .map_err(|error: UnknownRole| Refusal::Mistake(error.to_string()))?;
    let person = visit.form.value("person");
    let (attribution, now) = (visit.attribution(), visit.now());
    let code = create_link(visit.pool(), &visit.brand, (role, person), attribution, now).await;
    let code = code.map_err(|error| match error {
        AccessError::Storage(error) => error.into(),
        error => Refusal::Mistake(error.to_string()),
    })?;
    let link = visit.console.urls.link(&visit.brand.rules.slug, code.reveal());
    page(visit, Some((person.to_owned(), link))).await
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
    Ok(Reply::Redirect(format!("{}/login?done=logged-out", visit.console.urls.base())))
}
