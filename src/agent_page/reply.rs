//! What the agent page answers: a page, another page to go to, or a refusal.

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use actix_web::{HttpResponse, HttpResponseBuilder};
use minijinja::context;
use serde::Serialize;

use super::state::AgentPage;
use super::words::{Words, words};
use crate::customer::answer::filters::Locale;
use crate::http::problem::{OwnBody, Problem};
use crate::storage::StorageError;

/// Only our own files are loaded, and nothing embeds a page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Why a page is not shown. The text names no brand and no person, and does not tell an old token from a forged one.
#[derive(Debug)]
pub(super) enum Refusal {
    /// No brand has an agent page.
    Off,
    /// The link is old, revoked or forged, or its customer is gone.
    Gone,
    /// The form comes from another site.
    CrossSite,
    /// Too many wrong tokens from one network. The value is the seconds to wait.
    TooMany(u64),
    /// The form has a mistake.
    Ticket,
    /// The page could not be made.
    Failed,
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        tracing::error!(%error, "the agent page could not read or write");
        Self::Failed
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        StorageError::from(error).into()
    }
}

impl Refusal {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Off => StatusCode::NOT_FOUND,
            Self::Gone => StatusCode::GONE,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Ticket => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The names of the title and of the text.
    const fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Off | Self::Gone => ("gone_title", "gone"),
            Self::CrossSite => ("not_accepted", "cross_site"),
            Self::TooMany(_) => ("too_many_title", "too_many"),
            Self::Ticket => ("not_accepted", "wrong_ticket"),
            Self::Failed => ("failed_title", "failed"),
        }
    }
}

/// A response with the headers of all pages. Nothing keeps a page, and no other site learns its address.
pub(super) fn builder(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header(("content-security-policy", CONTENT_SECURITY_POLICY))
        .insert_header(("x-frame-options", "DENY"))
        .insert_header(("referrer-policy", "no-referrer"))
        .insert_header(("cross-origin-opener-policy", "same-origin"))
        .insert_header(("x-robots-tag", "noindex"))
        .insert_header(("vary", "Cookie, Accept-Language, Sec-Fetch-Site"));
    response
}

impl AgentPage {
    /// Makes a page.
    pub(super) fn render(
        &self,
        template: &str,
        words: &Words,
        content: &impl Serialize,
    ) -> Result<String, Refusal> {
        let values = context! { base => self.path(), words, page => content };
        let rendered = self.environment.get_template(template);
        rendered.and_then(|template| template.render(values)).map_err(|error| {
            // The text of an error may contain what was to be shown.
            tracing::error!(template, kind = %error.kind(), line = error.line(), "the agent page failed");
            Refusal::Failed
        })
    }

    /// The response to a refused request, in the language of the browser: it says nothing of a brand.
    pub(super) fn refuse(
        &self,
        headers: &HeaderMap,
        refusal: &Refusal,
    ) -> Result<HttpResponse, Problem> {
        if matches!(refusal, Refusal::Off) {
            return Err(Problem::NotFound);
        }
        let words = words(language(headers));
        let (title, text) = refusal.names();
        let (title, mut text) = (words.get(title), words.get(text).to_owned());
        let mut response = builder(refusal.status());
        if let Refusal::TooMany(seconds) = refusal {
            text = text.replace("{seconds}", &seconds.to_string());
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        let html = self.render("refusal.html", words, &context! { title, text => &text });
        let mut response = response.body(html.unwrap_or(text));
        response.extensions_mut().insert(OwnBody);
        Ok(response)
    }
}

/// The language of the browser: the one that it names first.
pub(super) fn language(headers: &HeaderMap) -> Locale {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let first = accepted.and_then(|value| value.trim_start().get(..2)).unwrap_or_default();
    if first.eq_ignore_ascii_case("nl") { Locale::Dutch } else { Locale::English }
}
