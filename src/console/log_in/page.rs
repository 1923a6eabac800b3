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
use crate::console::reply::{Refusal, Reply, builder};
use crate::console::state::Console;
use crate::http::form::Form;

#[derive(Serialize)]
struct LogInPage {
    /// Whether the person has to say which brand. Strangers do not learn which ones there are.
    asks_for_brand: bool,
    link_minutes: i64,
    /// The text of the button of the login provider, if there is one.
    provider: Option<String>,
    /// What was typed before, if that was not accepted.
    brand: String,
    name: String,
}

impl LogInPage {
    fn new(console: &Console, sent: &Form) -> Self {
        let provider = console.provider.as_ref();
        Self {
            asks_for_brand: console.brands.len() > 1,
            link_minutes: LINK_MINUTES,
            provider: provider.map(|provider| provider.settings().button.clone()),
            brand: sent.value("brand").to_owned(),
            name: sent.value("name").to_owned(),
        }
    }
}

/// The ways in.
pub(super) async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    let query = Form::parse(request.query_string().as_bytes());
    let frame = Frame::without_person(&console.urls, &console.assets_version, "Log in");
    let frame = frame.with_notice(query.value("done"));
    let page = LogInPage::new(&console, &Form::default());
    answer(&console, (StatusCode::OK, "login.html"), &frame, &page)
}

/// The ways in again, with what is wrong in the form that was sent.
///
/// # Errors
/// The refusal, if it is about something else than the form.
pub(super) fn show_again(
    console: &Console,
    sent: &Form,
    refusal: Refusal,
) -> Result<HttpResponse, Refusal> {
    let Some(mistake) = mistake_of(&refusal) else { return Err(refusal) };
    let frame = Frame::without_person(&console.urls, &console.assets_version, "Log in");
    let page = LogInPage::new(console, sent);
    let template = (refusal.status(), "login.html");
    Ok(answer(console, template, &frame.with_mistake(&mistake), &page))
}

/// What is wrong in a form. `None` if the refusal is about something else.
pub(super) fn mistake_of(refusal: &Refusal) -> Option<String> {
    let (title, text) = refusal.texts();
    match refusal {
        Refusal::Mistake(_) => Some(text),
        Refusal::TooMany(_) => Some(format!("{title}. {text}")),
        _ => None,
    }
}

/// A page without a person.
pub(super) fn answer(
    console: &Console,
    (status, template): (StatusCode, &str),
    frame: &Frame,
    page: &impl Serialize,
) -> HttpResponse {
    match render(&console.environment, template, frame, page) {
        Ok(html) => builder(status).body(html),
        Err(refusal) => refuse(console, &refusal),
    }
}

/// Goes to the first page of a brand, with the cookie of a new session.
pub(super) fn enter(console: &Console, brand: &Brand, token: &AccessSecret) -> HttpResponse {
    let path = format!("{}/{}/?done=logged-in", console.urls.base(), brand.rules.slug);
    let cookie = session_cookie(console, brand, token.reveal());
    Reply::Redirect(path).response(vec![cookie])
}
