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
use crate::console::wanted_page::{FIELD, WantedPage, first_page_of};
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
    /// The page that the person asked for, and the same as a query. Empty if there is none.
    wanted: String,
    wanted_query: String,
}

impl LogInPage {
    fn new(console: &Console, sent: &Form) -> Self {
        let provider = console.provider.as_ref();
        let wanted = WantedPage::parse(sent.value(FIELD));
        Self {
            asks_for_brand: console.brands.len() > 1,
            link_minutes: LINK_MINUTES,
            provider: provider.map(|provider| provider.settings().button.clone()),
            brand: sent.value("brand").to_owned(),
            wanted: wanted.as_ref().map(WantedPage::to_text).unwrap_or_default(),
            wanted_query: wanted.as_ref().map(WantedPage::as_query).unwrap_or_default(),
            name: sent.value("name").to_owned(),
        }
    }
}

/// The ways in.
pub(super) async fn show(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    let query = Form::parse(request.query_string().as_bytes());
    let frame = Frame::without_person(&console.urls, &console.assets_version, "Log in");
    let frame = frame.with_notice(query.value("done"));
    // A name or a brand is only taken from a form.
    let wanted = Form::of(vec![(FIELD.to_owned(), query.value(FIELD).to_owned())]);
    let page = LogInPage::new(&console, &wanted);
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

/// Goes to the page of a brand that the person asked for, or to the first one, with the cookie of a new session.
pub(super) fn enter(
    console: &Console,
    brand: &Brand,
    token: &AccessSecret,
    form: &Form,
) -> HttpResponse {
    let wanted = WantedPage::parse(form.value(FIELD));
    let page = first_page_of(&brand.rules.slug, wanted.as_ref());
    let path = format!("{}{page}", console.urls.base());
    let cookie = session_cookie(console, brand, token.reveal());
    Reply::Redirect(path).response(vec![cookie])
}
