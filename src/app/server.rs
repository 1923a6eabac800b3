//! The HTTP server: the route table, and the middleware in its order.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::guard::{GuardContext, fn_guard};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::web::{self, Data, PayloadConfig, ServiceConfig};
use actix_web::{App, FromRequest, Handler, HttpResponse, HttpServer, Resource, Responder};
use rustix::process::{Rlimit, getrlimit, setrlimit};
use socket2::SockRef;
use tokio_util::sync::CancellationToken;
use tracing_actix_web::TracingLogger;

use crate::agent_page::{self, AgentPage, MAX_BODY_BYTES};
use crate::concurrency::short_slices::ask_for_short_slices;
use crate::console::{Console, console_routes, own_error_pages};
use crate::http::client_ip::Proxies;
use crate::http::health;
use crate::http::health::{Gauges, Health};
use crate::http::idle_connections::Connections;
use crate::http::middleware::{HookpointSpan, HttpContext, finish};
use crate::http::openapi::{ApiDocument, docs, openapi};
use crate::http::pages;
use crate::http::problem::Problem;
use crate::http::request_log::RequestLog;
use crate::http::route::{ROUTES, Route};
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::handler::{LookupService, lookup};
use crate::settings::SettingsFile;
use crate::webhooks::handler::{WebhookService, options, receive};

/// How long a client may read nothing of a response before the connection is closed.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The most connections to the metrics server.
const METRICS_CONNECTIONS: usize = 32;

/// The most connections to the console.
const CONSOLE_CONNECTIONS: usize = 256;

/// Raises the limit of open files of this process as far as the system allows. The initial limit is often too low.
pub(super) fn raise_file_limit() {
    const MAX_OPEN_FILES: u64 = 65_536;
    let limit = getrlimit(rustix::process::Resource::Nofile);
    let most = limit.maximum.map_or(MAX_OPEN_FILES, |most| most.min(MAX_OPEN_FILES));
    if limit.current.is_some_and(|current| current < most) {
        let _ = setrlimit(
            rustix::process::Resource::Nofile,
            Rlimit { current: Some(most), maximum: limit.maximum },
        );
    }
}

/// Registers the route table.
fn routes(config: &mut ServiceConfig, lookup_path: &str) {
    for (route, pattern) in ROUTES {
        let resource = Resource::new(if route == Route::Lookup { lookup_path } else { pattern });
        config.service(handled(resource, route, pattern));
    }
    config.default_service(web::to(|| async { Err::<HttpResponse, _>(Problem::NotFound) }));
}

/// A resource with the handlers of its route.
fn handled(resource: Resource, route: Route, pattern: &str) -> Resource {
    if route == Route::Webhook {
        let accepted =
            resource.route(web::post().to(receive)).route(web::method(Method::OPTIONS).to(options));
        return accepted.default_service(web::to(|| async {
            Err::<HttpResponse, _>(Problem::WebhookMethodNotAllowed)
        }));
    }
    if matches!(route, Route::AgentLink | Route::AgentView) {
        let accepted = if route == Route::AgentLink {
            with_get(resource, agent_page::open).route(web::post().to(agent_page::exchange))
        } else {
            with_get(resource, agent_page::view).route(web::post().to(agent_page::report))
        };
        return accepted.app_data(PayloadConfig::new(MAX_BODY_BYTES)).default_service(web::to(
            || async { Err::<HttpResponse, _>(Problem::PageMethodNotAllowed) },
        ));
    }
    let resource = match route {
        Route::Lookup => with_get(resource, lookup),
        Route::Live => with_get(resource, health::live),
        Route::Ready => with_get(resource, health::ready),
        Route::Caller => with_get(resource, health::caller),
        Route::Problem if pattern.contains('{') => with_get(resource, pages::problem),
        Route::Problem => with_get(resource, pages::problems),
        Route::Home => with_get(resource, pages::home),
        Route::OpenApi => with_get(resource, openapi),
        Route::Docs => with_get(resource, docs),
        Route::AgentAsset => with_get(resource, agent_page::asset),
        Route::Webhook | Route::AgentLink | Route::AgentView | Route::Unmatched => resource,
    };
    resource
        .default_service(web::to(|| async { Err::<HttpResponse, _>(Problem::MethodNotAllowed) }))
}

/// A resource that answers GET, and HEAD in the same way.
fn with_get<F, Args>(resource: Resource, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let is_read =
        |request: &GuardContext<'_>| matches!(request.head().method, Method::GET | Method::HEAD);
    resource.route(web::route().guard(fn_guard(is_read)).to(handler))
}

/// The state of the handlers of the public server.
pub(super) struct PublicState {
    pub lookup_service: Data<LookupService>,
    pub webhook_service: Data<WebhookService>,
    pub health: Data<Health>,
    pub document: Data<ApiDocument>,
    pub agent_page: Data<AgentPage>,
}

/// Builds the server of lookups, webhooks and the agent page.
pub(super) fn public_server(
    file: &SettingsFile,
    listener: TcpListener,
    state: PublicState,
) -> std::io::Result<Server> {
    let PublicState { lookup_service, webhook_service, health, document, agent_page } = state;
    let public_url = file.server.public_url.trim_end_matches('/').to_owned();
    let http_context = Data::new(HttpContext {
        lookup_path: file.lookup.path.clone(),
        public_url,
        background: health.background.clone(),
        log: RequestLog {
            lookups_percent: file.telemetry.logged_lookups_percent,
            proxies: Proxies::from(&file.server),
        },
        tracer: lookup_service.tracer.clone(),
        history: lookup_service.history.clone(),
    });
    let path = file.lookup.path.clone();
    let workers = if file.server.workers == 0 {
        std::thread::available_parallelism().map_or(1, usize::from)
    } else {
        file.server.workers
    };
    let connections = Connections::default();
    health.background.spawn_endless(connections.clone().close_idle());
    let server = HttpServer::new(move || {
        // Each worker calls this in its own thread.
        ask_for_short_slices();
        let path = path.clone();
        App::new()
            .app_data(http_context.clone())
            .app_data(lookup_service.clone())
            .app_data(webhook_service.clone())
            .app_data(health.clone())
            .app_data(document.clone())
            .app_data(agent_page.clone())
            .wrap(from_fn(finish))
            .wrap(TracingLogger::<HookpointSpan>::new())
            .configure(move |config| routes(config, &path))
    });
    let server = server
        .workers(workers)
        .max_connections((file.server.max_connections / workers).max(1))
        .on_connect(move |connection, data| {
            // Closes a connection whose client reads nothing for that long.
            if let Some(stream) = connection.downcast_ref::<TcpStream>() {
                let _ = SockRef::from(stream).set_tcp_user_timeout(Some(UNREAD_TIMEOUT));
                connections.add(stream, data);
            }
        });
    let server = server.shutdown_timeout(file.server.shutdown_timeout_seconds).disable_signals();
    Ok(server.listen(listener)?.run())
}

/// A server that runs in the background.
pub(super) struct RunningServer {
    pub handle: ServerHandle,
    /// Cancelled when the server has ended.
    pub stopped: CancellationToken,
}

/// Runs a server in the background.
pub(super) fn run(server: Server, background: &BackgroundTasks) -> RunningServer {
    let (handle, stopped) = (server.handle(), CancellationToken::new());
    let ended = stopped.clone().drop_guard();
    background.spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(kind = %error.kind(), "HTTP server failed");
        }
        drop(ended);
    });
    RunningServer { handle, stopped }
}

/// Builds the server of the metrics.
pub(super) fn metrics_server(
    listener: TcpListener,
    gauges: Data<Gauges>,
) -> std::io::Result<Server> {
    let app = move || {
        App::new().app_data(gauges.clone()).service(Resource::new("/metrics").get(health::metrics))
    };
    Ok(HttpServer::new(app)
        .workers(1)
        .max_connections(METRICS_CONNECTIONS)
        .disable_signals()
        .listen(listener)?
        .run())
}

/// Builds the server of the console. People click less often than Omnidesk asks: one thread is enough.
pub(super) fn console_server(
    listener: TcpListener,
    console: Data<Console>,
) -> std::io::Result<Server> {
    let app = move || {
        App::new().wrap(own_error_pages()).configure(|config| console_routes(config, &console))
    };
    Ok(HttpServer::new(app)
        .workers(1)
        .max_connections(CONSOLE_CONNECTIONS)
        .disable_signals()
        .listen(listener)?
        .run())
}
