//! Logging in with the login provider: the browser goes there, and comes back with a code.

use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::attempts::count_attempt;
use crate::admin::console_access::AccessError;
use crate::admin::console_provider::{
    LOG_IN_MINUTES, ProvidedRole, begin_provider_log_in, end_provider_log_in, enter_from_provider,
};
use crate::console::members::{end_other_sessions, session_cookie, session_value};
use crate::console::reply::{Refusal, Reply};
use crate::console::state::Console;
use crate::console::wanted_page::{FIELD, WantedPage, first_page_of};
use crate::http::form::Form;
use crate::oidc::{Identity, LogInSecrets, OidcProblem, Provider};

/// No brand's cookie has this name: they have a hyphen there.
fn cookie_name(console: &Console) -> &'static str {
    if console.urls.is_https() { "__Host-hookpoint_log_in" } else { "hookpoint_log_in" }
}

fn cookie(console: &Console, value: &str) -> Cookie<'static> {
    Cookie::build(cookie_name(console), value.to_owned())
        .path("/")
        .http_only(true)
        .secure(console.urls.is_https())
        // Strict would not be sent when the provider sends the browser back.
        .same_site(SameSite::Lax)
        .max_age(time::Duration::minutes(LOG_IN_MINUTES))
        .finish()
}

/// The name of the cookie with the page that the person asked for: the login provider does not learn it.
fn page_cookie_name(console: &Console) -> &'static str {
    if console.urls.is_https() { "__Host-hookpoint_log_in_page" } else { "hookpoint_log_in_page" }
}

/// What keeps the page that the person asked for, or removes it.
fn page_cookie(console: &Console, wanted: Option<&WantedPage>) -> Cookie<'static> {
    let value = wanted.map(|page| URL_SAFE_NO_PAD.encode(page.to_text())).unwrap_or_default();
    let mut cookie = cookie(console, &value);
    cookie.set_name(page_cookie_name(console));
    if wanted.is_none() {
        cookie.make_removal();
    }
    cookie
}

/// The page that the person asked for before they went to the login provider.
fn wanted_of(request: &HttpRequest, console: &Console) -> Option<WantedPage> {
    let cookie = request.cookie(page_cookie_name(console))?;
    let text = URL_SAFE_NO_PAD.decode(cookie.value()).ok()?;
    WantedPage::parse(std::str::from_utf8(&text).ok()?)
}

/// Sends the browser to the login provider.
pub(super) async fn begin(
    request: &HttpRequest,
    console: &Console,
) -> Result<HttpResponse, Refusal> {
    let provider = console.provider.as_ref().ok_or(Refusal::NotFound)?;
    if is_from_elsewhere(request) {
        return Ok(Reply::Redirect(format!("{}/login", console.urls.base())).response(Vec::new()));
    }
    count_attempt(console, request)?;
    let now = console.clock.now();
    let value = begin_provider_log_in(&console.pool, now).await.map_err(access_refusal)?;
    let secrets = LogInSecrets::of_cookie(value.reveal());
    let url = provider.authorization_url(&secrets, now).await.map_err(refusal)?;
    let wanted = Form::parse(request.query_string().as_bytes());
    let wanted = WantedPage::parse(wanted.value(FIELD));
    let cookies = vec![cookie(console, value.reveal()), page_cookie(console, wanted.as_ref())];
    Ok(Reply::Redirect(url.into()).response(cookies))
}

/// Whether another site, or a picture on any page, leads here: nobody asked to log in.
fn is_from_elsewhere(request: &HttpRequest) -> bool {
    let says = |name: &str, good: &[&str]| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| !good.contains(&value))
    };
    says("sec-fetch-site", &["same-origin", "none"]) || says("sec-fetch-dest", &["document"])
}

/// Begins the sessions of the person whom the login provider sent back.
pub(super) async fn end(request: &HttpRequest, console: &Console) -> Result<HttpResponse, Refusal> {
    let provider = console.provider.as_ref().ok_or(Refusal::NotFound)?;
    let query = Form::parse(request.query_string().as_bytes());
    let secrets = log_in_of(request, console, &query).await?;
    if let Some(refused) = refused(&query) {
        return Err(Refusal::LogIn(refused.to_owned()));
    }
    let now = console.clock.now();
    let identity = provider.identify(query.value("code"), &secrets, now).await.map_err(refusal)?;
    let roles = roles_of(&identity, provider, request, console);
    if roles.is_empty() {
        tracing::warn!("somebody without a role logged in with the login provider");
        return Err(Refusal::NoRole);
    }
    let who = (identity.name.as_str(), identity.subject.as_str());
    let tokens = enter_from_provider(&console.pool, who, &roles, now).await;
    let tokens = tokens.map_err(access_refusal)?;
    let sessions = roles.iter().zip(&tokens);
    let mut cookies: Vec<Cookie<'static>> =
        sessions.map(|(role, token)| session_cookie(console, role.brand, token.reveal())).collect();
    // Whoever had this browser before may be somebody else.
    let kept: Vec<i32> = roles.iter().map(|role| role.brand.id()).collect();
    cookies.extend(end_other_sessions(console, request, &kept).await?);
    let mut done = cookie(console, "");
    done.make_removal();
    cookies.extend([done, page_cookie(console, None)]);
    let path = first_path(&roles, wanted_of(request, console).as_ref(), console);
    Ok(Reply::Redirect(path).response(cookies))
}

/// Where the person goes: to the page that they asked for, if they have a role in its brand.
fn first_path(
    roles: &[ProvidedRole<'_>],
    wanted: Option<&WantedPage>,
    console: &Console,
) -> String {
    let slugs = || roles.iter().map(|role| role.brand.rules.slug.as_str());
    let asked = slugs().find(|slug| wanted.is_some_and(|page| page.brand() == *slug));
    let slug = asked.or_else(|| slugs().next()).unwrap_or_default();
    format!("{}{}", console.urls.base(), first_page_of(slug, wanted))
}

/// The log-in that this browser began, if the answer is about it, and if it is still open. It is not open a second time.
async fn log_in_of(
    request: &HttpRequest,
    console: &Console,
    query: &Form,
) -> Result<LogInSecrets, Refusal> {
    let unknown = || {
        tracing::warn!("an answer of the login provider belongs to no log-in of this browser");
        Refusal::LogIn(format!(
            "This log-in was begun in another browser, was used before, or took longer than {LOG_IN_MINUTES} minutes. Begin again."
        ))
    };
    let value = request.cookie(cookie_name(console)).ok_or_else(unknown)?;
    let secrets = LogInSecrets::of_cookie(value.value());
    if !secrets.is_state(query.value("state")) {
        return Err(unknown());
    }
    let now = console.clock.now();
    if !end_provider_log_in(&console.pool, value.value(), now).await? {
        return Err(unknown());
    }
    Ok(secrets)
}

/// Why the login provider sent no code, in our words.
fn refused(query: &Form) -> Option<&'static str> {
    match (query.value("error"), query.value("code")) {
        ("", code) if !code.is_empty() => None,
        ("access_denied", _) => Some(
            "The login provider did not let you in, or you cancelled. If that is wrong, ask those who run it.",
        ),
        ("temporarily_unavailable" | "server_error", _) => {
            Some("The login provider has a problem now. Try again soon.")
        }
        _ => Some(
            "The login provider did not log you in. Try again. If it stays so, ask an admin: the settings of the provider and of this service may not fit.",
        ),
    }
}

/// What the person may do, in the brands of this service.
fn roles_of<'a>(
    identity: &Identity,
    provider: &Provider,
    request: &HttpRequest,
    console: &'a Console,
) -> Vec<ProvidedRole<'a>> {
    let roles = identity.roles(provider.settings()).into_iter();
    let roles = roles.filter_map(|(slug, role)| {
        let brand = console.brands.get(&slug)?;
        Some(ProvidedRole { brand, role, replaces: session_value(console, brand, request) })
    });
    roles.collect()
}

fn refusal(problem: OidcProblem) -> Refusal {
    tracing::warn!(reason = %problem, "a log-in with the login provider failed");
    let text = match problem {
        OidcProblem::Unreachable | OidcProblem::TimedOut => {
            "The login provider does not answer. Try again soon, or ask an admin of your brand for a link."
        }
        OidcProblem::CodeRejected => {
            "The login provider did not confirm your log-in. Begin again. If it stays so, ask an admin."
        }
        _ => {
            "The login provider sent an answer that this service does not accept. Ask an admin: the log of the service says why."
        }
    };
    Refusal::LogIn(text.to_owned())
}

fn access_refusal(error: AccessError) -> Refusal {
    match error {
        AccessError::Storage(error) => error.into(),
        error => Refusal::Mistake(error.to_string()),
    }
}
