//! Simulations of the four systems: servers that behave as their vendors document, for the demo and the tests.
//!
//! All four use one [`World`], which sends webhooks about changes. Behaviour that the documentation leaves open is in
//! [`SystemOptions`], and faults are in [`Fault`].

mod asked;
mod data;
mod endpoint;
mod fault;
mod object_kind;
pub mod omneo;
pub mod omnilab;
pub mod omniotap;
mod options;
mod page;
mod paths;
mod request_log;
mod server;
pub mod syncaroo;
mod table;
mod time_format;
mod token;
mod webhook;
mod webhook_sender;
mod window;

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use parking_lot::RwLock;

pub use self::data::World;
use self::endpoint::SystemEndpoint;
pub use self::fault::{Fault, Part};
pub use self::object_kind::{ObjectKind, PARTICIPANT};
pub use self::options::{Envelope, SystemOptions};
pub use self::request_log::Arrival;
pub use self::token::CLIENT_ID;
pub use self::webhook::{Action, Webhook};
use self::webhook_sender::SystemWebhooks;
use super::http_post::{NotAcknowledged, Sender};
use super::webhook_signer::Secrets;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::jobs::tasks::BackgroundTasks;

/// Four running systems.
pub struct Systems {
    world: Arc<World>,
    desks: Vec<Arc<SystemEndpoint>>,
    servers: Vec<ServerHandle>,
    background: BackgroundTasks,
    secrets: Secrets,
    terms: Arc<RwLock<SystemOptions>>,
    clock: Clock,
    hooks: Option<SystemWebhooks>,
}

impl Systems {
    /// Starts them, each on a free port of this machine. They do not send webhooks yet.
    ///
    /// # Errors
    /// If they cannot listen.
    pub fn start(
        world: Arc<World>,
        secrets: &Secrets,
        terms: SystemOptions,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let background = BackgroundTasks::new();
        let terms = Arc::new(RwLock::new(terms));
        let (mut desks, mut servers) = (Vec::new(), Vec::new());
        for source in Source::ALL {
            let (listener, origin) = listen()?;
            let desk = Arc::new(SystemEndpoint {
                source,
                world: Arc::clone(&world),
                background: background.clone(),
                faults: fault::Faults::default(),
                arrivals: request_log::Arrivals::default(),
                tokens: token::Tokens::default(),
                origin,
                secret: secrets.of_api(source),
                terms: Arc::clone(&terms),
                window: window::Window::default(),
            });
            let server = server::server(&desk, listener)?;
            servers.push(server.handle());
            background.spawn(async move {
                // The server ends when `stop` is called.
                let _ = server.await;
            });
            desks.push(desk);
        }
        Ok(Self {
            world,
            desks,
            servers,
            background,
            secrets: secrets.clone(),
            terms,
            clock,
            hooks: None,
        })
    }

    /// The data of the systems.
    #[must_use]
    pub const fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// The base URL of a system's API, without a slash at the end.
    #[must_use]
    pub fn base_url(&self, source: Source) -> String {
        self.desk(source).map(SystemEndpoint::base_url).unwrap_or_default()
    }

    /// The URL of a system's token endpoint. Empty if it has none.
    #[must_use]
    pub fn token_url(&self, source: Source) -> String {
        let url = |desk: &SystemEndpoint| {
            if desk.tokens_path().is_empty() {
                String::new()
            } else {
                format!("{}{}", desk.origin, desk.tokens_path())
            }
        };
        self.desk(source).map(url).unwrap_or_default()
    }

    /// Sends later webhooks to a service, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn send_webhooks_to(&mut self, service: String) -> Result<(), NotAcknowledged> {
        let hooks = SystemWebhooks::new(
            Sender::new(service)?,
            self.secrets.clone(),
            self.desks.clone(),
            self.background.clone(),
            self.clock.clone(),
        );
        self.world.set_listener(Some(Arc::new(hooks.clone())));
        self.hooks = Some(hooks);
        Ok(())
    }

    /// Loses this many of 1,000 webhooks of a system.
    pub fn lose_webhooks(&self, source: Source, of_1000: u32) {
        if let Some(hooks) = &self.hooks {
            hooks.lose(source, of_1000);
        }
    }

    /// Waits until every webhook so far was acknowledged, lost or given up.
    pub async fn webhooks_settled(&self) {
        if let Some(hooks) = &self.hooks {
            hooks.settled().await;
        }
    }

    /// Changes the behaviour of the systems.
    pub fn change_options(&self, change: impl FnOnce(&mut SystemOptions)) {
        change(&mut self.terms.write());
    }

    /// Sets a permanent fault of a system. `None` ends it.
    pub fn set_fault(&self, source: Source, part: Part, fault: Option<Fault>) {
        if let Some(desk) = self.desk(source) {
            desk.faults.set(part, fault);
        }
    }

    /// Adds a fault for one request: the next one that has no fault yet.
    pub fn add_fault(&self, source: Source, part: Part, fault: Fault) {
        if let Some(desk) = self.desk(source) {
            desk.faults.add_next(part, fault);
        }
    }

    /// Ends all faults of all systems.
    pub fn clear_faults(&self) {
        self.desks.iter().for_each(|desk| desk.faults.clear());
    }

    /// Invalidates all tokens that a system issued.
    pub fn end_tokens(&self, source: Source) {
        if let Some(desk) = self.desk(source) {
            desk.tokens.end_all();
        }
    }

    /// The requests that a system received, the oldest first.
    #[must_use]
    pub fn arrivals(&self, source: Source) -> Vec<Arrival> {
        self.desk(source).map(|desk| desk.arrivals.all()).unwrap_or_default()
    }

    /// Clears the request log.
    pub fn clear_request_log(&self) {
        self.desks.iter().for_each(|desk| desk.arrivals.forget());
    }

    /// Stops the systems and drops their data.
    pub async fn stop(self) {
        self.world.set_listener(None);
        for server in &self.servers {
            server.stop(false).await;
        }
        self.background.end().await;
    }

    fn desk(&self, source: Source) -> Option<&SystemEndpoint> {
        self.desks.iter().find(|desk| desk.source == source).map(AsRef::as_ref)
    }
}

/// Listens on a free port of this machine. Returns the listener and its origin.
fn listen() -> std::io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let origin = format!("http://{}", listener.local_addr()?);
    Ok((listener, origin))
}
