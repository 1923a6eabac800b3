//! Pages for people: the first page of the service, and the pages of problems. They have no script and load nothing.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// The style of all pages.
pub(super) const STYLE: &str = include_str!("openapi/docs.css");

/// What browsers may do with a page: use its style, and nothing else.
pub(super) static SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// `GET /`: what this service is, and where to read on. It names neither its version nor a brand.
pub async fn home() -> HttpResponse {
    page(
        "Customer lookup for Omnidesk",
        "<p>This service tells Omnidesk which customer is calling, writing or chatting.</p>\n\
        <p><a href=\"docs\">Documentation of its API</a></p>\n",
    )
}

/// `GET /problems`: all problems, each with a link to its page.
pub async fn problems() -> HttpResponse {
    let row = |problem: &Problem| {
        let (code, status, title) = (problem.code(), problem.status().as_u16(), problem.title());
        format!(
            "<tr><th scope=\"row\"><a href=\"problems/{code}\"><code>{code}</code></a></th><td>{status}</td><td>{title}</td></tr>\n"
        )
    };
    let rows: String = Problem::ALL.iter().map(row).collect();
    page(
        "All problems",
        &format!(
            "<p>Every error of this service has one of these codes. Its page says what to do. <a href=\"docs\">Documentation of the API</a></p>\n\
            <div class=\"table\"><table>\n\
            <thead><tr><th scope=\"col\">Code</th><th scope=\"col\">Status</th><th scope=\"col\">Meaning</th></tr></thead>\n\
            <tbody>\n{rows}</tbody>\n</table></div>\n"
        ),
    )
}

/// `GET /problems/{code}`: the page of a problem, to which its `type` links.
///
/// # Errors
/// When no problem has that code.
pub async fn problem(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let code = request.match_info().query("code");
    let problem =
        Problem::ALL.iter().find(|problem| problem.code() == code).ok_or(Problem::NotFound)?;
    let (status, help, code) = (problem.status(), problem.help(), problem.code());
    let body = format!(
        "<p class=\"faint\">{status}</p>\n<p>{help}</p>\n<p><code>{code}</code></p>\n<p><a href=\"../problems\">All problems</a></p>\n"
    );
    Ok(page(problem.title(), &body))
}

/// A page. The texts are those of this program, so they need no escaping.
fn page(title: &str, body: &str) -> HttpResponse {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
        <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    );
    HttpResponse::Ok()
        .insert_header(("content-security-policy", SECURITY_POLICY.as_str()))
        .content_type("text/html; charset=utf-8")
        .body(html)
}
