//! The page of a refusal, with links to go on from it.

use actix_web::HttpResponse;
use serde::Serialize;

use super::frame::Frame;
use super::render::render;
use super::reply::{Refusal, builder};
use super::state::Console;
use super::visit::Visit;
use super::wanted_page::WantedPage;
use super::way_back::{Link, links_back, main_links};
use crate::http::form::Form;

#[derive(Serialize)]
struct RefusalPage {
    text: String,
    /// Links to the pages that the request belongs to, the nearest first.
    back: Vec<Link>,
    /// Links to the main pages. Empty without a person.
    main: Vec<Link>,
    /// Whether the person has to log in first.
    asks_to_log_in: bool,
    /// The query of the page for logging in: where the person wanted to go.
    wanted: String,
    /// The reason in a form that was not accepted without a session: the person can copy it.
    unsent_reason: String,
}

impl RefusalPage {
    fn new(refusal: &Refusal, text: String) -> Self {
        let asks_to_log_in = matches!(
            refusal,
            Refusal::LoggedOut | Refusal::LoggedOutAct | Refusal::LogIn(_) | Refusal::NoRole
        );
        Self {
            text,
            back: Vec::new(),
            main: Vec::new(),
            asks_to_log_in,
            wanted: String::new(),
            unsent_reason: String::new(),
        }
    }
}

/// The page of a refusal, without a person.
pub(super) fn refuse(console: &Console, refusal: &Refusal) -> HttpResponse {
    let (title, text) = refusal.texts();
    let frame = Frame::without_person(&console.urls, &console.assets_version, title);
    refusal_page(console, &frame, refusal, RefusalPage::new(refusal, text))
}

/// The page for somebody without a session. From there they come back to the page that they asked for. `sent` is the
/// form that they sent, if they sent one.
pub(super) fn refuse_stranger(
    console: &Console,
    wanted: Option<&WantedPage>,
    sent: Option<&Form>,
) -> HttpResponse {
    let refusal = sent.map_or(Refusal::LoggedOut, |_| Refusal::LoggedOutAct);
    let (title, text) = refusal.texts();
    let page = RefusalPage {
        wanted: wanted.map(WantedPage::as_query).unwrap_or_default(),
        unsent_reason: sent.map(|form| form.value("reason").to_owned()).unwrap_or_default(),
        ..RefusalPage::new(&refusal, text)
    };
    let frame = Frame::without_person(&console.urls, &console.assets_version, title);
    refusal_page(console, &frame, &refusal, page)
}

/// The page of a refusal, with the navigation.
pub(super) fn refuse_in(visit: &Visit, refusal: &Refusal) -> HttpResponse {
    let (title, text) = refusal.texts();
    let page = RefusalPage {
        back: links_back(visit, refusal),
        main: main_links(visit),
        ..RefusalPage::new(refusal, text)
    };
    refusal_page(&visit.console, &Frame::new(visit, "", title), refusal, page)
}

fn refusal_page(
    console: &Console,
    frame: &Frame,
    refusal: &Refusal,
    page: RefusalPage,
) -> HttpResponse {
    if let Refusal::Storage(error) = refusal {
        tracing::error!(%error, "the console could not read or write");
    }
    let html = render(&console.environment, "refusal.html", frame, &page);
    builder(refusal.status()).body(html.unwrap_or(page.text))
}
