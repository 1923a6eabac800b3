//! The page for people who are not in yet, and where they go when they are.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use crate::admin::console_access::{AccessSecret, LINK_MINUTES};
use crate::brand::Brand;
use crate::console::frame::Frame;
use crate::console::members::session_cookie;
use crate::console::refusals::refuse;
use crate::console::render::render;
use crate::console::reply::{Reply, builder};
use crate::console::state::Console;
use crate::http::form::Form;

#[derive(Serialize)]
struct LogInPage {
    /// Whether the person has to say which brand. Strangers do not learn which ones there are.
    asks_for_brand: bool,
    link_minutes: i64,
    /// The text of the button of the login provider, if there is one.
    provider: Option<String>,
}

/// The ways in.
pub(super) async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    let page = LogInPage {
        asks_for_brand: console.brands.len() > 1,
        link_minutes: LINK_MINUTES,
        provider: console.provider.as_ref().map(|provider| provider.settings().button.clone()),
    };
    let query = Form::parse(request.query_string().as_bytes());
    let frame = Frame::without_person(&console.urls, &console.assets_version, "Log in");
    answer(&console, "login.html", &frame.with_notice(query.value("done")), &page)
}

/// A page without a person.
pub(super) fn answer(
    console: &Console,
    template: &str,
    frame: &Frame,
    page: &impl Serialize,
) -> HttpResponse {
    match render(&console.environment, template, frame, page) {
        Ok(html) => builder(StatusCode::OK).body(html),
        Err(refusal) => refuse(console, &refusal),
    }
}

/// Goes to the first page of a brand, with the cookie of a new session.
pub(super) fn enter(console: &Console, brand: &Brand, token: &AccessSecret) -> HttpResponse {
    let path = format!("{}/{}/?done=logged-in", console.urls.base(), brand.rules.slug);
    let cookie = session_cookie(console, brand, token.reveal());
    Reply::Redirect(path).response(vec![cookie])
}
