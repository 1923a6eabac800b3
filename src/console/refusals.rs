//! The page of a refusal.

use actix_web::HttpResponse;

use super::frame::Frame;
use super::render::render;
use super::reply::{Refusal, builder};
use super::state::Console;
use super::visit::Visit;

/// The page of a refusal, without a person.
pub(super) fn refuse(console: &Console, refusal: &Refusal) -> HttpResponse {
    let (title, text) = refusal.texts();
    let frame = Frame::without_person(&console.urls, &console.assets_version, title);
    refusal_page(console, &frame, refusal, &text)
}

/// The page of a refusal, with the navigation.
pub(super) fn refuse_in(visit: &Visit, refusal: &Refusal) -> HttpResponse {
    let (title, text) = refusal.texts();
    refusal_page(&visit.console, &Frame::new(visit, "", title), refusal, &text)
}

fn refusal_page(console: &Console, frame: &Frame, refusal: &Refusal, text: &str) -> HttpResponse {
    if let Refusal::Storage(error) = refusal {
        tracing::error!(%error, "the console could not read or write");
    }
    let html = render(&console.environment, "refusal.html", frame, &text);
    builder(refusal.status()).body(html.unwrap_or_else(|_| text.to_owned()))
}
