//! Answers requests to the console.

use std::sync::Arc;
use std::time::Instant;

use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{ErrorHandlerResponse, ErrorHandlers};
use actix_web::web::{self, Bytes, Data, PayloadConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};
use uuid::Uuid;

use super::assets;
use super::cross_site::is_own_form;
use super::form_address::form_in;
use super::log_in::log_in_routes;
use super::members::{brands_of_browser, end_other_sessions, member_of};
use super::pages;
use super::refusals::{refuse, refuse_in, refuse_stranger};
use super::reply::{Refusal, Reply};
use super::route::ConsoleRoute;
use super::state::Console;
use super::visit::Visit;
use super::wanted_page::WantedPage;
use super::way_back::pages_of;
use crate::customer::model::text::MAX_CHARS;
use crate::http::form::{Form, MAX_FORM_BYTES};

/// Registers the pages of the console.
pub fn console_routes(config: &mut ServiceConfig, console: &Data<Console>) {
    let base = console.urls.base();
    config.app_data(console.clone());
    config.app_data(PayloadConfig::new(MAX_FORM_BYTES));
    let at = |pattern: &str| Resource::new(format!("{base}{pattern}"));
    config.service(at("/assets/{version}/{name}").get(asset));
    log_in_routes(config, base);
    config.service(at("/").get(first_page));
    let mut patterns: Vec<&str> = ConsoleRoute::ALL.iter().map(|route| route.pattern()).collect();
    patterns.dedup();
    for pattern in patterns {
        let mut resource = at(&format!("/{{brand}}{pattern}"));
        for route in ConsoleRoute::ALL.iter().copied().filter(|route| route.pattern() == pattern) {
            let method = if route.is_act() { Method::POST } else { Method::GET };
            let handler = move |request: HttpRequest, body: Bytes, console: Data<Console>| {
                respond(route, request, body, console)
            };
            resource = resource.route(web::method(method).to(handler));
        }
        config.service(resource);
    }
    config.service(at("/{brand}/{rest:.*}").to(unknown_page));
    config.default_service(web::to(|console: Data<Console>| async move {
        refuse(&console, &Refusal::NotFound)
    }));
}

/// Gives the refusals of the HTTP library a page of the console.
#[must_use]
pub fn own_error_pages<B: 'static>() -> ErrorHandlers<B> {
    ErrorHandlers::new()
        .handler(StatusCode::METHOD_NOT_ALLOWED, |response| own_page(response, &Refusal::Method))
        .handler(StatusCode::PAYLOAD_TOO_LARGE, |response| own_page(response, &Refusal::TooLarge))
}

fn own_page<B>(
    response: ServiceResponse<B>,
    refusal: &Refusal,
) -> actix_web::Result<ErrorHandlerResponse<B>> {
    let (request, _) = response.into_parts();
    let page = match request.app_data::<Data<Console>>() {
        Some(console) => refuse(console, refusal),
        None => HttpResponse::new(refusal.status()),
    };
    let response = ServiceResponse::new(request, page.map_into_right_body());
    Ok(ErrorHandlerResponse::Response(response))
}

async fn asset(path: web::Path<(String, String)>, console: Data<Console>) -> HttpResponse {
    assets::response(&path.1).unwrap_or_else(|| refuse(&console, &Refusal::NotFound))
}

/// Answers a request, and logs it without anything of its path.
async fn respond(
    route: ConsoleRoute,
    request: HttpRequest,
    body: Bytes,
    console: Data<Console>,
) -> HttpResponse {
    let begun = Instant::now();
    let response = match visit(route, &request, &body, &console).await {
        Ok(mut visit) => match Box::pin(in_turn(route, &visit)).await {
            Ok(reply) if route == ConsoleRoute::LogOut => {
                // The next person at this browser must find no brand open.
                match end_other_sessions(&console, &request, &[]).await {
                    Ok(removed) => reply.response(removed),
                    Err(error) => refuse_in(&visit, &error.into()),
                }
            }
            Ok(reply) => reply.response(Vec::new()),
            Err(refusal) => refused(&mut visit, refusal).await,
        },
        Err(response) => response,
    };
    let (status, duration_us) = (response.status().as_u16(), begun.elapsed().as_micros());
    tracing::info!(route = route.name(), status, duration_us, "console request");
    response
}

/// A page waits for its turn. An act takes no turn: it may take long.
async fn in_turn(route: ConsoleRoute, visit: &Visit) -> Result<Reply, Refusal> {
    let _turn = if route.is_act() { None } else { visit.console.turns.take().await };
    answered(route, visit).await
}

/// Makes a page, or does an act. A reason that would be cut is refused first.
async fn answered(route: ConsoleRoute, visit: &Visit) -> Result<Reply, Refusal> {
    if route.is_act() && visit.form.value("reason").chars().count() > MAX_CHARS {
        let text = format!(
            "Nothing was done: the reason has more than {MAX_CHARS} characters. Shorten it."
        );
        return Err(Refusal::Mistake(text));
    }
    pages::answer(route, visit).await
}

/// The page of a refusal. If a form has a mistake, it is the page of the form again, with what was sent.
async fn refused(visit: &mut Visit, refusal: Refusal) -> HttpResponse {
    if let Refusal::Mistake(text) = &refusal {
        text.clone_into(&mut visit.mistake);
        if !visit.route.is_act() {
            visit.query = Form::default();
        }
        // The page of a delivery sends the forms of the inbox.
        if let Ok(id) = visit.form.value("from").parse::<Uuid>() {
            (visit.route, visit.id) = (ConsoleRoute::RevealDelivery, id.to_string());
        }
        // These two have no form that could be shown again, and a preview would be made twice.
        let without_form = [ConsoleRoute::Overview, ConsoleRoute::CustomerActPreview];
        let has_form = |page: &ConsoleRoute| !without_form.contains(page) && visit.may(page.role());
        for page in pages_of(visit.route).into_iter().filter(has_form) {
            if let Ok(reply @ Reply::FormAgain(_)) = Box::pin(pages::answer(page, visit)).await {
                return reply.response(Vec::new());
            }
        }
        visit.mistake.clear();
    }
    refuse_in(visit, &refusal)
}

/// The page for an address below a brand that is none of the console.
async fn unknown_page(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    match person(ConsoleRoute::Overview, &request, &Bytes::new(), &console).await {
        Ok(visit) => refuse_in(&visit, &Refusal::NotFound),
        Err(error @ Refusal::Storage(_)) => refuse(&console, &error),
        Err(_) => refuse(&console, &Refusal::NotFound),
    }
}

/// Finds out who asks, and whether they may. Otherwise, the response says why not.
async fn visit(
    route: ConsoleRoute,
    request: &HttpRequest,
    body: &Bytes,
    console: &Data<Console>,
) -> Result<Visit, HttpResponse> {
    match person(route, request, body, console).await {
        Ok(visit) if visit.may(route.role()) => Ok(visit),
        Ok(visit) => Err(refuse_in(&visit, &Refusal::Forbidden)),
        Err(Refusal::LoggedOut) => {
            let brand = request.match_info().query("brand");
            let asked = (brand, id_in(request), request.query_string());
            let wanted = WantedPage::of(route, asked);
            let sent = (route.is_act() && route != ConsoleRoute::LogOut).then(|| Form::parse(body));
            Err(refuse_stranger(console, wanted.as_ref(), sent.as_ref()))
        }
        Err(refusal) => Err(refuse(console, &refusal)),
    }
}

/// Finds out who asks.
async fn person(
    route: ConsoleRoute,
    request: &HttpRequest,
    body: &Bytes,
    console: &Data<Console>,
) -> Result<Visit, Refusal> {
    if route.is_act() && !is_own_form(request.headers(), console.urls.origin()) {
        return Err(Refusal::CrossSite);
    }
    let slug = request.match_info().query("brand");
    // A stranger does not learn which brands there are.
    let brand = console.brands.get(slug).ok_or(Refusal::LoggedOut)?;
    let member = member_of(console, brand, request).await?.ok_or(Refusal::LoggedOut)?;
    let brands = brands_of_browser(console, request);
    let query = Form::parse(request.query_string().as_bytes());
    Ok(Visit {
        console: console.clone(),
        route,
        form: if route.is_act() {
            Form::parse(body)
        } else {
            form_in(brand, route, member.session_id, &query)
        },
        brand: Arc::clone(brand),
        member,
        other_brands: brands.iter().map(|brand| brand.rules.slug.clone()).collect(),
        // As in forms: no text in Postgres has the character NUL.
        id: id_in(request).replace('\0', ""),
        query,
        mistake: String::new(),
    })
}

/// The part of the path that varies. Empty if none does.
fn id_in(request: &HttpRequest) -> &str {
    let variable = request.match_info().iter().find(|(name, _)| *name != "brand");
    variable.map(|(_, value)| value).unwrap_or_default()
}

/// Goes to the first brand of the person.
async fn first_page(request: HttpRequest, console: Data<Console>) -> HttpResponse {
    for brand in brands_of_browser(&console, &request) {
        match member_of(&console, brand, &request).await {
            Ok(Some(_)) => {
                let path = format!("{}/{}/", console.urls.base(), brand.rules.slug);
                return Reply::Redirect(path).response(Vec::new());
            }
            Ok(None) => {}
            Err(error) => return refuse(&console, &error.into()),
        }
    }
    Reply::Redirect(format!("{}/login", console.urls.base())).response(Vec::new())
}
