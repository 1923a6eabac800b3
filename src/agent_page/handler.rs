//! Answers the requests to the agent page.
//!
//! The networks of Omnidesk do not matter here: the requests come from the browsers of agents.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{Error, HttpRequest, HttpResponse};

use super::cookie::{cookie, opened};
use super::page::{Query, view_page};
use super::reply::{Refusal, builder, language};
use super::report::send_report;
use super::state::AgentPage;
use super::token::{Invalid, Opened, Purpose, view_id};
use super::words::words;
use super::{assets, token};
use crate::admin::agent_links::{find_generation, log_agent_view};
use crate::http::form::Form;
use crate::http::problem::Problem;
use crate::storage::invalidation::LookupHash;

/// The most bytes of a form: a token, or the number of a ticket.
pub const MAX_BODY_BYTES: usize = 4 * 1_024;

/// `GET /agent`: the page that a link opens. It is the same for every link, because the token is in no request for it.
///
/// # Errors
/// If no brand has an agent page.
pub async fn open(request: HttpRequest, page: Data<AgentPage>) -> Result<HttpResponse, Problem> {
    if !page.is_on() {
        return Err(Problem::NotFound);
    }
    match page.render("open.html", words(language(request.headers())), &()) {
        Ok(html) => Ok(builder(StatusCode::OK).body(html)),
        Err(refusal) => page.refuse(request.headers(), &refusal),
    }
}

/// `POST /agent`: takes the token of a link, and sends the browser to the page of its customer, with a cookie.
///
/// # Errors
/// If no brand has an agent page.
pub async fn exchange(
    request: HttpRequest,
    body: Result<Bytes, Error>,
    page: Data<AgentPage>,
) -> Result<HttpResponse, Problem> {
    // A body that is too long has no token.
    let body = body.unwrap_or_default();
    match Box::pin(exchanged(&request, &body, &page)).await {
        Ok(response) => Ok(response),
        Err(refusal) => page.refuse(request.headers(), &refusal),
    }
}

async fn exchanged(
    request: &HttpRequest,
    body: &[u8],
    page: &AgentPage,
) -> Result<HttpResponse, Refusal> {
    check_origin(page, request.headers())?;
    let form = Form::parse(body);
    let opened = token::open(&page.brands, Purpose::Link, form.value("token"), page.clock.now());
    let opened = opened.map_err(|invalid| refusal_of(page, request, invalid))?;
    count_visit(page, &opened)?;
    check_generation(page, &opened).await?;
    let seen = log_agent_view(&page.pool, &opened.brand, &opened.record, page.clock.now()).await?;
    if !seen {
        return Err(Refusal::Gone);
    }
    let path = page.view_path(&view_id(&opened.brand, &opened.record));
    let mut response = builder(StatusCode::SEE_OTHER);
    Ok(response.cookie(cookie(page, &opened)).insert_header((LOCATION, path)).finish())
}

/// Only a token that nobody made counts as an attempt: agents open old tickets, all of them from one network.
fn refusal_of(page: &AgentPage, request: &HttpRequest, invalid: Invalid) -> Refusal {
    let peer = request.peer_addr().filter(|_| invalid == Invalid::Forged);
    let caller = peer.map(|peer| page.proxies.caller(peer.ip(), request.headers()).for_limits());
    match caller.map(|caller| page.wrong_tokens.take(caller)) {
        Some(Err(seconds)) => Refusal::TooMany(seconds),
        _ => Refusal::Gone,
    }
}

/// `GET /agent/view/{id}`: the page of a customer.
///
/// # Errors
/// If no brand has an agent page.
pub async fn view(
    request: HttpRequest,
    id: Path<String>,
    page: Data<AgentPage>,
) -> Result<HttpResponse, Problem> {
    let shown = async {
        let opened = visitor(&page, &request, &id).await?;
        let query = Query::parse(&opened.brand, request.query_string()).ok_or(Refusal::Gone)?;
        Box::pin(view_page(&page, &opened, &id, &query)).await
    };
    match shown.await {
        Ok(html) => Ok(builder(StatusCode::OK).body(html)),
        Err(refusal) => page.refuse(request.headers(), &refusal),
    }
}

/// `POST /agent/view/{id}`: an agent reports that the customer is not, or not only, one person.
///
/// # Errors
/// If no brand has an agent page.
pub async fn report(
    request: HttpRequest,
    id: Path<String>,
    body: Result<Bytes, Error>,
    page: Data<AgentPage>,
) -> Result<HttpResponse, Problem> {
    let reported = async {
        let body = body.map_err(|_| Refusal::Ticket)?;
        check_origin(&page, request.headers())?;
        let opened = visitor(&page, &request, &id).await?;
        let done = send_report(&page, &opened, &Form::parse(&body)).await?;
        Ok::<_, Refusal>(format!("{}?done={done}", page.view_path(&id)))
    };
    match reported.await {
        Ok(path) => Ok(builder(StatusCode::SEE_OTHER).insert_header((LOCATION, path)).finish()),
        Err(refusal) => page.refuse(request.headers(), &refusal),
    }
}

/// `GET /agent/assets/{name}`: a file that the page loads.
///
/// # Errors
/// If there is no such file, or no brand has an agent page.
pub async fn asset(name: Path<String>, page: Data<AgentPage>) -> Result<HttpResponse, Problem> {
    let found = assets::find(&name).filter(|_| page.is_on()).ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, found.0)).body(found.1))
}

/// Who asks for the page of a customer: a browser with the cookie of this customer, whose link was not revoked since.
async fn visitor(page: &AgentPage, request: &HttpRequest, id: &str) -> Result<Opened, Refusal> {
    if !page.is_on() {
        return Err(Refusal::Off);
    }
    let opened = opened(page, request, id).ok_or(Refusal::Gone)?;
    count_visit(page, &opened)?;
    check_generation(page, &opened).await?;
    Ok(opened)
}

/// Counts a request about a customer.
fn count_visit(page: &AgentPage, opened: &Opened) -> Result<(), Refusal> {
    let LookupHash(customer) =
        LookupHash::new(&opened.brand.secret, "agent page", &opened.record.to_string());
    page.visits.take(customer).map_err(Refusal::TooMany)
}

async fn check_generation(page: &AgentPage, opened: &Opened) -> Result<(), Refusal> {
    let current = find_generation(&page.pool, &opened.brand).await?;
    if current == opened.generation { Ok(()) } else { Err(Refusal::Gone) }
}

/// Refuses forms of other sites. Browsers say where a form comes from; one that does not say it sends the cookie only with
/// forms of our own pages (`SameSite=Strict`).
fn check_origin(page: &AgentPage, headers: &HeaderMap) -> Result<(), Refusal> {
    if !page.is_on() {
        return Err(Refusal::Off);
    }
    let is_own = headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin");
    if is_own { Ok(()) } else { Err(Refusal::CrossSite) }
}
