//! What the console answers: a page, another page to go to, a file; or a refusal.

use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::storage::StorageError;

/// Only our own files are loaded, and nothing embeds a page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// An answer of the console.
pub(super) enum Reply {
    /// A page.
    Page(String),
    /// The page of a form again, with what is wrong in the form.
    FormAgain(String),
    /// Go to another page. After an act, so that a reload does not repeat it.
    Redirect(String),
    /// A file to save.
    File {
        /// Its name. It names no person.
        name: String,
        /// Its type.
        media_type: &'static str,
        content: String,
    },
}

impl Reply {
    /// The response, with cookies.
    pub(super) fn response(self, cookies: Vec<Cookie<'static>>) -> HttpResponse {
        let status = match self {
            Self::Redirect(_) => StatusCode::SEE_OTHER,
            Self::Page(_) | Self::File { .. } => StatusCode::OK,
            Self::FormAgain(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let mut response = builder(status);
        for cookie in cookies {
            response.cookie(cookie);
        }
        match self {
            Self::Page(html) | Self::FormAgain(html) => response.body(html),
            Self::Redirect(path) => response.insert_header((LOCATION, path)).finish(),
            Self::File { name, media_type, content } => response
                .insert_header((CONTENT_TYPE, media_type))
                .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
                .body(content),
        }
    }
}

/// A response with the headers of all pages. Nothing keeps a page, and no other site learns its address. (Without any
/// referrer, browsers would send forms with the origin `null`.)
pub(super) fn builder(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("content-security-policy", CONTENT_SECURITY_POLICY))
        .insert_header(("x-content-type-options", "nosniff"))
        .insert_header(("x-frame-options", "DENY"))
        .insert_header(("referrer-policy", "same-origin"))
        .insert_header(("cross-origin-opener-policy", "same-origin"))
        .insert_header(("x-robots-tag", "noindex"))
        .insert_header(("vary", "Cookie, Sec-Fetch-Site, Origin"));
    response
}

/// Why a page is not shown or an act is not done.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is no such page, or what it was about is gone.
    NotFound,
    /// The page does not accept the method.
    Method,
    /// The form is too large.
    TooLarge,
    /// The person has no session.
    LoggedOut,
    /// The person has no session, and sent a form.
    LoggedOutAct,
    /// The person's role may not do this.
    Forbidden,
    /// The form comes from another site.
    CrossSite,
    /// Too many attempts. The value is the seconds to wait.
    TooMany(u64),
    /// The form has a mistake, in words for the person.
    Mistake(String),
    /// The login provider did not let the person in, in words for the person.
    LogIn(String),
    /// The login provider knows the person, but no group of theirs has a role.
    NoRole,
    /// What the person saw has changed since.
    Changed(String),
    /// A template of the console failed.
    Template,
    /// Postgres failed.
    Storage(StorageError),
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl Refusal {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::LoggedOut | Self::LoggedOutAct => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::CrossSite | Self::NoRole => StatusCode::FORBIDDEN,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Mistake(_) | Self::LogIn(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Changed(_) => StatusCode::CONFLICT,
            Self::Template | Self::Storage(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A title, and what the person can do.
    pub(super) fn texts(&self) -> (&'static str, String) {
        let (title, text) = match self {
            Self::NotFound => {
                ("Not found", "This page does not exist, or what it was about is gone.")
            }
            Self::Method => (
                "Not a page",
                "This address belongs to a form. Open the console, and go on from there.",
            ),
            Self::TooLarge => {
                ("Too large", "This form has more text than the console accepts. Shorten it.")
            }
            Self::LoggedOut => (
                "Please log in",
                "Your session is over, or you have none. Log in, or ask an admin of your brand for a link.",
            ),
            Self::LoggedOutAct => (
                "Nothing was stored",
                "Your session is over, or you have none. So what you just sent was not stored, and nothing was done. Log in, and do it again.",
            ),
            Self::Forbidden => {
                ("Not allowed", "Your role may not do this. Ask an admin of your brand.")
            }
            Self::CrossSite => (
                "Not accepted",
                "This form was sent by another site. Open the console, and try again.",
            ),
            Self::TooMany(seconds) => {
                return ("Too many attempts", format!("Try again in {seconds} seconds."));
            }
            Self::Mistake(text) => return ("This was not accepted", text.clone()),
            Self::LogIn(text) => return ("You are not logged in", text.clone()),
            Self::NoRole => (
                "No role here",
                "Your login provider knows you, but none of your groups has a role in this console. Ask an admin of your brand: they can add a group of yours to the settings, or invite you.",
            ),
            Self::Changed(text) => return ("Something has changed", text.clone()),
            Self::Template | Self::Storage(_) => (
                "An error",
                "The console could not make this page. The log of the service says why. Try again soon.",
            ),
        };
        (title, text.to_owned())
    }
}
