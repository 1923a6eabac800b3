//! Answers requests to the console.

use std::sync::Arc;
use std::time::Instant;

use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{ErrorHandlerResponse, ErrorHandlers};
use actix_web::web::{self, Bytes, Data, PayloadConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};

use super::assets;
use super::cross_site::is_own_form;
use super::log_in::log_in_routes;
use super::members::{brands_of_browser, end_other_sessions, member_of};
use super::pages;
use super::refusals::{refuse, refuse_in};
use super::reply::{Refusal, Reply};
use super::route::ConsoleRoute;
use super::state::Console;
use super::visit::Visit;
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
        Ok(visit) => match Box::pin(pages::answer(route, &visit)).await {
            Ok(reply) if route == ConsoleRoute::LogOut => {
                // The next person at this browser must find no brand open.
                match end_other_sessions(&console, &request, &[]).await {
                    Ok(removed) => reply.response(removed),
                    Err(error) => refuse_in(&visit, &error.into()),
                }
            }
            Ok(reply) => reply.response(Vec::new()),
            Err(refusal) => refuse_in(&visit, &refusal),
        },
        Err(refusal) => refuse(&console, &refusal),
    };
    let (status, duration_us) = (response.status().as_u16(), begun.elapsed().as_micros());
    tracing::info!(route = route.name(), status, duration_us, "console request");
    response
}

/// Finds out who asks, and whether they may.
async fn visit(
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
    if member.role < route.role() {
        return Err(Refusal::Forbidden);
    }
    let variable = request.match_info().iter().find(|(name, _)| *name != "brand");
    let brands = brands_of_browser(console, request);
    Ok(Visit {
        console: console.clone(),
        brand: Arc::clone(brand),
        member,
        other_brands: brands.iter().map(|brand| brand.rules.slug.clone()).collect(),
        id: variable.map(|(_, value)| value.to_owned()).unwrap_or_default(),
        query: Form::parse(request.query_string().as_bytes()),
        form: Form::parse(body),
    })
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
