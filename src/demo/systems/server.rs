//! A system's HTTP server: logs the request, applies a fault if one is set, and otherwise returns the system's
//! response.

use std::any::Any;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{Extensions, Server};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer};
use futures_util::{StreamExt, stream};

use super::asked::{Answer, SystemRequest};
use super::endpoint::SystemEndpoint;
use super::fault::{Fault, Part};
use super::request_log::Arrival;

/// The server of a system.
pub(super) fn server(desk: &Arc<SystemEndpoint>, listener: TcpListener) -> std::io::Result<Server> {
    let desk = Data::from(Arc::clone(desk));
    let app = move || App::new().app_data(desk.clone()).default_service(web::to(serve));
    Ok(HttpServer::new(app)
        .workers(1)
        .on_connect(remember_line)
        .disable_signals()
        .listen(listener)?
        .run())
}

/// The connection of a request, so that a fault can close it.
struct Line(TcpStream);

fn remember_line(connection: &dyn Any, data: &mut Extensions) {
    let stream = connection.downcast_ref::<actix_web::rt::net::TcpStream>();
    if let Some(Ok(descriptor)) = stream.map(|stream| stream.as_fd().try_clone_to_owned()) {
        data.insert(Line(TcpStream::from(descriptor)));
    }
}

async fn serve(request: HttpRequest, body: Bytes, desk: Data<SystemEndpoint>) -> HttpResponse {
    let asked = asked(&request, &body);
    let fault = desk.faults.next_fault(desk.part_of(&asked));
    let mut arrival = Arrival {
        at: desk.world.now(),
        method: asked.method.clone(),
        path: asked.path.clone(),
        has_credential: desk.has_credential(&asked),
        status: 0,
    };
    let is_orderly = matches!(fault, None | Some(Fault::Slow(_) | Fault::ExpiredTokens));
    if fault == Some(Fault::ExpiredTokens) {
        desk.tokens.end_all();
    }
    let answer = if fault == Some(Fault::ExpiredTokens) && desk.part_of(&asked) == Part::Api {
        Answer::unauthorized()
    } else {
        desk.answer(&asked)
    };
    if is_orderly {
        arrival.status = answer.status;
    }
    desk.arrivals.add(arrival);
    match fault {
        Some(Fault::Slow(delay)) => {
            tokio::time::sleep(delay).await;
            orderly(answer)
        }
        None | Some(Fault::ExpiredTokens) => orderly(answer),
        Some(fault) => broken(&fault, answer, &request, &desk).await,
    }
}

fn asked(request: &HttpRequest, body: &Bytes) -> SystemRequest {
    let header = |(name, value): (
        &actix_web::http::header::HeaderName,
        &actix_web::http::header::HeaderValue,
    )| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    SystemRequest {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query: request.query_string().to_owned(),
        headers: request.headers().iter().map(header).collect(),
        body: body.to_vec(),
    }
}

fn builder(answer: &Answer) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    );
    response.insert_header((CONTENT_TYPE, "application/json"));
    for (name, value) in &answer.headers {
        response.insert_header((*name, value.as_str()));
    }
    response
}

fn orderly(answer: Answer) -> HttpResponse {
    builder(&answer).body(answer.body)
}

/// The first part of a response. Then nothing follows, or the connection closes.
fn begun(answer: &Answer) -> Bytes {
    let half = answer.body.len() / 2;
    Bytes::copy_from_slice(answer.body.as_bytes().get(..half).unwrap_or_default())
}

fn too_many(after: Option<u32>) -> HttpResponse {
    let mut response = HttpResponse::TooManyRequests();
    if let Some(seconds) = after {
        response.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    response.finish()
}

fn cut(answer: &Answer) -> HttpResponse {
    let whole = u64::try_from(answer.body.len()).unwrap_or_default();
    let end = stream::once(async {
        // Lets the server send the first part.
        tokio::task::yield_now().await;
        Err(actix_web::error::ErrorInternalServerError("cut"))
    });
    builder(answer).no_chunking(whole).streaming(stream::iter([Ok(begun(answer))]).chain(end))
}

async fn broken(
    fault: &Fault,
    answer: Answer,
    request: &HttpRequest,
    desk: &SystemEndpoint,
) -> HttpResponse<BoxBody> {
    match fault {
        Fault::Slow(_) | Fault::ExpiredTokens => orderly(answer),
        Fault::Silent => {
            desk.background.until_ending().await;
            HttpResponse::ServiceUnavailable().finish()
        }
        Fault::Unfinished => {
            let begun = stream::iter([Ok::<_, actix_web::Error>(begun(&answer))]);
            builder(&answer).streaming(begun.chain(stream::pending()))
        }
        Fault::Endless => builder(&answer).streaming(stream::repeat_with(|| {
            Ok::<_, actix_web::Error>(Bytes::from_static(&[b' '; 16 * 1024]))
        })),
        Fault::TooMany(after) => too_many(*after),
        Fault::Status(status) => orderly(Answer::error(*status, "Something is wrong")),
        Fault::Garbage => {
            builder(&answer).body(Bytes::from_static(&[0, 159, 146, 150, 255, 254, 0, 1]))
        }
        Fault::Truncated => builder(&answer).body(begun(&answer)),
        Fault::Cut => cut(&answer),
        Fault::Html => HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .body("<!doctype html><title>Maintenance</title><h1>Back soon</h1>"),
        Fault::Redirect(url) => {
            HttpResponse::Found().insert_header((LOCATION, url.as_str())).finish()
        }
        Fault::Closed => {
            if let Some(line) = request.conn_data::<Line>() {
                let _ = line.0.shutdown(std::net::Shutdown::Both);
            }
            HttpResponse::ServiceUnavailable().finish()
        }
    }
}
