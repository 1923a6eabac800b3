//! Who asks: the cookie of a session.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite, time};

use super::state::Console;
use crate::admin::console_access::{Member, SESSION_HOURS, find_member};
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
pub(super) fn removal_cookie(console: &Console, brand: &Brand) -> Cookie<'static> {
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

/// The brands for which this browser has a cookie, by slug. A cookie may be outdated.
pub(super) fn brands_of_browser<'a>(console: &'a Console, request: &HttpRequest) -> Vec<&'a Brand> {
    let is_https = console.urls.is_https();
    let has_cookie = |brand: &&Brand| request.cookie(&cookie_name(brand, is_https)).is_some();
    console.brands.values().map(AsRef::as_ref).filter(has_cookie).collect()
}
