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

use super::endpoint::SimulatorEndpoint;
use super::fault::{Fault, Part};
use super::request::{Answer, SimulatorRequest};
use super::request_log::LoggedRequest;

/// The server of a system.
pub(super) fn server(
    simulator: &Arc<SimulatorEndpoint>,
    listener: TcpListener,
) -> std::io::Result<Server> {
    let simulator = Data::from(Arc::clone(simulator));
    let app = move || App::new().app_data(simulator.clone()).default_service(web::to(serve));
    Ok(HttpServer::new(app)
        .workers(1)
        .on_connect(store_connection)
        .disable_signals()
        .listen(listener)?
        .run())
}

/// The connection of a request, so that a fault can close it.
struct ConnectionSocket(TcpStream);

fn store_connection(connection: &dyn Any, data: &mut Extensions) {
    let stream = connection.downcast_ref::<actix_web::rt::net::TcpStream>();
    if let Some(Ok(descriptor)) = stream.map(|stream| stream.as_fd().try_clone_to_owned()) {
        data.insert(ConnectionSocket(TcpStream::from(descriptor)));
    }
}

async fn serve(
    http_request: HttpRequest,
    body: Bytes,
    simulator: Data<SimulatorEndpoint>,
) -> HttpResponse {
    let request = simulator_request(&http_request, &body);
    let fault = simulator.faults.next_fault(simulator.part_of(&request));
    let mut logged = LoggedRequest {
        at: simulator.data.now(),
        method: request.method.clone(),
        path: request.path.clone(),
        has_credential: simulator.has_credential(&request),
        status: 0,
    };
    let is_orderly = matches!(fault, None | Some(Fault::Slow(_) | Fault::ExpiredTokens));
    if fault == Some(Fault::ExpiredTokens) {
        simulator.tokens.end_all();
    }
    let answer = if fault == Some(Fault::ExpiredTokens) && simulator.part_of(&request) == Part::Api
    {
        Answer::unauthorized()
    } else {
        simulator.answer(&request)
    };
    if is_orderly {
        logged.status = answer.status;
    }
    simulator.request_log.add(logged);
    match fault {
        Some(Fault::Slow(delay)) => {
            tokio::time::sleep(delay).await;
            orderly(answer)
        }
        None | Some(Fault::ExpiredTokens) => orderly(answer),
        Some(fault) => broken(&fault, answer, &http_request, &simulator).await,
    }
}

fn simulator_request(http_request: &HttpRequest, body: &Bytes) -> SimulatorRequest {
    let header = |(name, value): (
        &actix_web::http::header::HeaderName,
        &actix_web::http::header::HeaderValue,
    )| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    SimulatorRequest {
        method: http_request.method().as_str().to_owned(),
        path: http_request.uri().path().to_owned(),
        query: http_request.query_string().to_owned(),
        headers: http_request.headers().iter().map(header).collect(),
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
fn first_half(answer: &Answer) -> Bytes {
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
    builder(answer).no_chunking(whole).streaming(stream::iter([Ok(first_half(answer))]).chain(end))
}

async fn broken(
    fault: &Fault,
    answer: Answer,
    http_request: &HttpRequest,
    simulator: &SimulatorEndpoint,
) -> HttpResponse<BoxBody> {
    match fault {
        Fault::Slow(_) | Fault::ExpiredTokens => orderly(answer),
        Fault::Silent => {
            simulator.background.until_ending().await;
            HttpResponse::ServiceUnavailable().finish()
        }
        Fault::Unfinished => {
            let first_half = stream::iter([Ok::<_, actix_web::Error>(first_half(&answer))]);
            builder(&answer).streaming(first_half.chain(stream::pending()))
        }
        Fault::Endless => builder(&answer).streaming(stream::repeat_with(|| {
            Ok::<_, actix_web::Error>(Bytes::from_static(&[b' '; 16 * 1024]))
        })),
        Fault::TooMany(after) => too_many(*after),
        Fault::Status(status) => orderly(Answer::error(*status, "Something is wrong")),
        Fault::Garbage => {
            builder(&answer).body(Bytes::from_static(&[0, 159, 146, 150, 255, 254, 0, 1]))
        }
        Fault::Truncated => builder(&answer).body(first_half(&answer)),
        Fault::Cut => cut(&answer),
        Fault::Html => HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .body("<!doctype html><title>Maintenance</title><h1>Back soon</h1>"),
        Fault::Redirect(url) => {
            HttpResponse::Found().insert_header((LOCATION, url.as_str())).finish()
        }
        Fault::Closed => {
            if let Some(socket) = http_request.conn_data::<ConnectionSocket>() {
                let _ = socket.0.shutdown(std::net::Shutdown::Both);
            }
            HttpResponse::ServiceUnavailable().finish()
        }
    }
}
