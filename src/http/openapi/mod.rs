//! The API document (OpenAPI 3.1), and the same document as a page. Both are rendered once, at start.
//!
//! `openapi.json.j2` is written by hand. The problems, the names of sources, the examples and the settings are filled in.

mod error;
mod page;

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Serialize;

pub use self::error::DocumentError;
use super::pages::SECURITY_POLICY;
use super::problem::Problem;
use super::route::{ROUTES, Route};
use crate::customer::model::source::Source;
use crate::sources::example_webhooks::example_body;
use crate::sources::webhook::{SECRET_HEADER, SECRET_PARAMETER};

const DOCUMENT: &str = include_str!("openapi.json.j2");

/// The answer to the lookup of the examples. A test compares it with the answer of the service.
const LOOKUP_EXAMPLE: &str = include_str!("../../../fixtures/http/customerlookup.json");

/// The request id in the examples of problems.
const REQUEST_ID: &str = "0198c7a4-6f0e-7c3a-9d51-2b8f4e6a1c07";

/// The settings in the document.
#[derive(Debug, Clone, Copy)]
pub struct DocumentedSettings<'a> {
    /// The path of lookups.
    pub lookup_path: &'a str,
    /// The name of the query parameter with the API key.
    pub key_parameter: &'a str,
    /// The longest query string of a lookup, in bytes.
    pub max_query: usize,
    /// The public base URL, or `""`.
    pub public_url: &'a str,
    /// The port on which the service listens. Commands name it if there is no public URL.
    pub port: u16,
}

/// The document, and its page.
#[derive(Debug)]
pub struct ApiDocument {
    /// The document, as JSON.
    pub json: Bytes,
    page: page::Page,
}

/// A problem, for the templates.
#[derive(Clone, Serialize)]
struct DocumentedProblem {
    code: &'static str,
    status: u16,
    title: &'static str,
    /// Whether the response says how long to wait.
    waits: bool,
    body: String,
}

impl ApiDocument {
    /// Renders the document and its page.
    ///
    /// # Errors
    /// Never, unless the templates or the examples are broken. A test renders them.
    pub fn render(settings: DocumentedSettings<'_>) -> Result<Self, DocumentError> {
        let json = document(settings)?;
        let page = page::Page::render(&json, &paths(settings.lookup_path))?;
        Ok(Self { json: Bytes::from(json), page })
    }
}

/// The paths of the document, in the order of the route table.
fn paths(lookup_path: &str) -> Vec<String> {
    let path = |(route, pattern): (Route, &str)| {
        if route == Route::Lookup { lookup_path.to_owned() } else { documented_path(pattern) }
    };
    ROUTES.map(path).into()
}

/// A path as OpenAPI writes it: a variable without its pattern. In the table, a pattern comes last.
fn documented_path(pattern: &str) -> String {
    let named = pattern.split_once(':');
    named.map_or_else(|| pattern.to_owned(), |(path, _)| format!("{path}}}"))
}

/// The text of the document.
fn document(settings: DocumentedSettings<'_>) -> Result<String, DocumentError> {
    let public_url = settings.public_url.trim_end_matches('/');
    // Without a public URL, the document refers to the host from which it was read.
    let (server, base) = match public_url {
        "" => ("/", format!("http://localhost:{}", settings.port)),
        url => (url, url.to_owned()),
    };
    let problems: Vec<DocumentedProblem> =
        Problem::ALL.iter().map(|problem| documented_problem(*problem, public_url)).collect();
    let problem_of: BTreeMap<&str, DocumentedProblem> =
        problems.iter().map(|problem| (problem.code, problem.clone())).collect();
    let mut webhook_examples = Vec::new();
    for source in Source::ALL {
        webhook_examples.push((source.as_str(), example_body(source)?));
    }
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    // By its name, all values are written as JSON.
    environment.add_template("openapi.json.j2", DOCUMENT)?;
    Ok(environment.get_template("openapi.json.j2")?.render(context! {
        server,
        base,
        version => env!("CARGO_PKG_VERSION"),
        lookup_path => settings.lookup_path,
        key_parameter => settings.key_parameter,
        max_query => settings.max_query,
        all_problems => problems,
        problem_of,
        sources => Source::ALL.map(Source::as_str),
        secret_header => SECRET_HEADER,
        secret_parameter => SECRET_PARAMETER,
        lookup_example => LOOKUP_EXAMPLE.trim_end(),
        webhook_examples,
    })?)
}

fn documented_problem(problem: Problem, public_url: &str) -> DocumentedProblem {
    DocumentedProblem {
        code: problem.code(),
        status: problem.status().as_u16(),
        title: problem.title(),
        waits: problem.retry_after().is_some(),
        body: problem.body(public_url, REQUEST_ID),
    }
}

/// `GET /openapi.json`: the document.
pub async fn openapi(document: Data<ApiDocument>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document.json.clone())
}

/// `GET /docs`: the document as a page. It has no script, and loads nothing.
pub async fn docs(document: Data<ApiDocument>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("content-security-policy", SECURITY_POLICY.as_str()))
        .content_type("text/html; charset=utf-8")
        .body(document.page.html.clone())
}
