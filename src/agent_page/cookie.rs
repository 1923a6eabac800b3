//! The cookie of a browser that opened a link. It is a token of its own kind, for one customer and a short time.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite, time};

use super::state::AgentPage;
use super::token::{COOKIE_MINUTES, Opened, Purpose, open, seal, view_id};

/// The name. With https, a cookie with this prefix is never sent without https.
const fn name(is_https: bool) -> &'static str {
    if is_https { "__Secure-hookpoint-agent" } else { "hookpoint-agent" }
}

/// The cookie for the customer of an opened link.
pub(super) fn cookie(page: &AgentPage, opened: &Opened) -> Cookie<'static> {
    let seconds = COOKIE_MINUTES.saturating_mul(60);
    let expires_at = page.clock.now().as_second().saturating_add(seconds);
    let (brand, record) = (&opened.brand, opened.record.to_string());
    let value = seal(brand, Purpose::Cookie, &record, (opened.generation, expires_at));
    Cookie::build(name(page.url.is_https()), value)
        .path(page.view_path(&view_id(brand, &opened.record)))
        .http_only(true)
        .secure(page.url.is_https())
        .same_site(SameSite::Strict)
        .max_age(time::Duration::minutes(COOKIE_MINUTES))
        .finish()
}

/// What the cookie of a request opens. `None` if it is over, or of another page.
pub(super) fn opened(page: &AgentPage, request: &HttpRequest, id: &str) -> Option<Opened> {
    let cookie = request.cookie(name(page.url.is_https()))?;
    let opened = open(&page.brands, Purpose::Cookie, cookie.value(), page.clock.now()).ok()?;
    (view_id(&opened.brand, &opened.record) == id).then_some(opened)
}
