//! Who asks: the cookie of a session.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite, time};

use super::state::Console;
use crate::admin::audit::{Attribution, Via};
use crate::admin::console_access::{Member, SESSION_HOURS, end_session, find_member};
use crate::brand::Brand;
use crate::storage::StorageError;

/// The cookie of a brand. With https, only this host can set it, and it is never sent without https.
fn cookie_name(brand: &Brand, is_https: bool) -> String {
    let prefix = if is_https { "__Host-" } else { "" };
    format!("{prefix}hookpoint-{}", brand.rules.slug)
}

/// The cookie that begins a session.
pub(super) fn session_cookie(console: &Console, brand: &Brand, token: &str) -> Cookie<'static> {
    let is_https = console.urls.is_https();
    Cookie::build(cookie_name(brand, is_https), token.to_owned())
        .path("/")
        .http_only(true)
        .secure(is_https)
        // Strict would not be sent when a link of a ticket leads here.
        .same_site(SameSite::Lax)
        .max_age(time::Duration::hours(SESSION_HOURS))
        .finish()
}

/// The value of the cookie that this browser has of a brand. It may be outdated.
pub(super) fn session_value(
    console: &Console,
    brand: &Brand,
    request: &HttpRequest,
) -> Option<String> {
    let cookie = request.cookie(&cookie_name(brand, console.urls.is_https()))?;
    Some(cookie.value().to_owned())
}

/// The cookie that removes the cookie of a session.
fn removal_cookie(console: &Console, brand: &Brand) -> Cookie<'static> {
    let mut cookie = session_cookie(console, brand, "");
    cookie.make_removal();
    cookie
}

/// The person who asks for a page of a brand.
pub(super) async fn member_of(
    console: &Console,
    brand: &Brand,
    request: &HttpRequest,
) -> Result<Option<Member>, StorageError> {
    let Some(token) = session_value(console, brand, request) else { return Ok(None) };
    // A page that refreshes itself is no sign of a person.
    let is_at_work = !request.headers().contains_key("hx-request");
    find_member(&console.pool, brand, &token, is_at_work, console.clock.now()).await
}

/// Ends the sessions that this browser has in other brands than some. Returns what removes their cookies.
///
/// # Errors
/// If Postgres fails.
pub(super) async fn end_other_sessions(
    console: &Console,
    request: &HttpRequest,
    kept: &[i32],
) -> Result<Vec<Cookie<'static>>, StorageError> {
    let mut removed = Vec::new();
    let brands = brands_of_browser(console, request).into_iter();
    for brand in brands.filter(|brand| !kept.contains(&brand.id())) {
        if let Some(member) = member_of(console, brand, request).await? {
            let by = Attribution { by: &member.person, reason: "", via: Via::Console };
            let now = console.clock.now();
            end_session(&console.pool, brand, member.session_id, by, now).await?;
        }
        removed.push(removal_cookie(console, brand));
    }
    Ok(removed)
}

/// The brands for which this browser has a cookie, by slug. A cookie may be outdated.
pub(super) fn brands_of_browser<'a>(console: &'a Console, request: &HttpRequest) -> Vec<&'a Brand> {
    let is_https = console.urls.is_https();
    let has_cookie = |brand: &&Brand| request.cookie(&cookie_name(brand, is_https)).is_some();
    console.brands.values().map(AsRef::as_ref).filter(has_cookie).collect()
}
