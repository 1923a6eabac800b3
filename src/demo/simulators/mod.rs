//! Simulations of the four systems: servers that behave as their vendors document, for the demo and the tests.
//!
//! All four use one [`SimulatedData`], which sends webhooks about changes. Behaviour that the documentation leaves open is
//! in [`SimulatorOptions`], and faults are in [`Fault`].

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
mod request;
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

pub use self::data::SimulatedData;
use self::endpoint::SimulatorEndpoint;
pub use self::fault::{Fault, Part};
pub use self::object_kind::{ObjectKind, PARTICIPANT};
pub use self::options::{Envelope, SimulatorOptions};
pub use self::request_log::LoggedRequest;
pub use self::token::CLIENT_ID;
pub use self::webhook::{Action, Webhook};
use self::webhook_sender::WebhookSender;
use super::http_post::{NotAcknowledged, Sender};
use super::webhook_signer::Secrets;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::jobs::tasks::BackgroundTasks;

/// Four running systems.
pub struct Simulators {
    data: Arc<SimulatedData>,
    simulators: Vec<Arc<SimulatorEndpoint>>,
    servers: Vec<ServerHandle>,
    background: BackgroundTasks,
    secrets: Secrets,
    options: Arc<RwLock<SimulatorOptions>>,
    clock: Clock,
    webhook_sender: Option<WebhookSender>,
}

impl Simulators {
    /// Starts them, each on a free port of this machine. They do not send webhooks yet.
    ///
    /// # Errors
    /// If they cannot listen.
    pub fn start(
        data: Arc<SimulatedData>,
        secrets: &Secrets,
        options: SimulatorOptions,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let background = BackgroundTasks::new();
        let options = Arc::new(RwLock::new(options));
        let (mut simulators, mut servers) = (Vec::new(), Vec::new());
        for source in Source::ALL {
            let (listener, origin) = listen()?;
            let simulator = Arc::new(SimulatorEndpoint {
                source,
                data: Arc::clone(&data),
                background: background.clone(),
                faults: fault::Faults::default(),
                request_log: request_log::RequestLog::default(),
                tokens: token::Tokens::default(),
                origin,
                secret: secrets.of_api(source),
                options: Arc::clone(&options),
                window: window::Window::default(),
            });
            let server = server::server(&simulator, listener)?;
            servers.push(server.handle());
            background.spawn(async move {
                // The server ends when `stop` is called.
                let _ = server.await;
            });
            simulators.push(simulator);
        }
        Ok(Self {
            data,
            simulators,
            servers,
            background,
            secrets: secrets.clone(),
            options,
            clock,
            webhook_sender: None,
        })
    }

    /// The data of the systems.
    #[must_use]
    pub const fn data(&self) -> &Arc<SimulatedData> {
        &self.data
    }

    /// The base URL of a system's API, without a slash at the end.
    #[must_use]
    pub fn base_url(&self, source: Source) -> String {
        self.simulator(source).map(SimulatorEndpoint::base_url).unwrap_or_default()
    }

    /// The URL of a system's token endpoint. Empty if it has none.
    #[must_use]
    pub fn token_url(&self, source: Source) -> String {
        let url = |simulator: &SimulatorEndpoint| {
            if simulator.tokens_path().is_empty() {
                String::new()
            } else {
                format!("{}{}", simulator.origin, simulator.tokens_path())
            }
        };
        self.simulator(source).map(url).unwrap_or_default()
    }

    /// Sends later webhooks to a service, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn send_webhooks_to(&mut self, service: String) -> Result<(), NotAcknowledged> {
        let webhook_sender = WebhookSender::new(
            Sender::new(service)?,
            self.secrets.clone(),
            self.simulators.clone(),
            self.background.clone(),
            self.clock.clone(),
        );
        self.data.set_listener(Some(Arc::new(webhook_sender.clone())));
        self.webhook_sender = Some(webhook_sender);
        Ok(())
    }

    /// Loses this many of 1,000 webhooks of a system.
    pub fn lose_webhooks(&self, source: Source, of_1000: u32) {
        if let Some(webhook_sender) = &self.webhook_sender {
            webhook_sender.lose(source, of_1000);
        }
    }

    /// Waits until every webhook so far was acknowledged, lost or given up.
    pub async fn webhooks_settled(&self) {
        if let Some(webhook_sender) = &self.webhook_sender {
            webhook_sender.settled().await;
        }
    }

    /// Changes the behaviour of the systems.
    pub fn change_options(&self, change: impl FnOnce(&mut SimulatorOptions)) {
        change(&mut self.options.write());
    }

    /// Sets a permanent fault of a system. `None` ends it.
    pub fn set_fault(&self, source: Source, part: Part, fault: Option<Fault>) {
        if let Some(simulator) = self.simulator(source) {
            simulator.faults.set(part, fault);
        }
    }

    /// Adds a fault for one request: the next one that has no fault yet.
    pub fn add_fault(&self, source: Source, part: Part, fault: Fault) {
        if let Some(simulator) = self.simulator(source) {
            simulator.faults.add_next(part, fault);
        }
    }

    /// Ends all faults of all systems.
    pub fn clear_faults(&self) {
        self.simulators.iter().for_each(|simulator| simulator.faults.clear());
    }

    /// Invalidates all tokens that a system issued.
    pub fn end_tokens(&self, source: Source) {
        if let Some(simulator) = self.simulator(source) {
            simulator.tokens.end_all();
        }
    }

    /// The requests that a system received, the oldest first.
    #[must_use]
    pub fn logged_requests(&self, source: Source) -> Vec<LoggedRequest> {
        self.simulator(source).map(|simulator| simulator.request_log.all()).unwrap_or_default()
    }

    /// Clears the request log.
    pub fn clear_request_log(&self) {
        self.simulators.iter().for_each(|simulator| simulator.request_log.clear());
    }

    /// Stops the systems and drops their data.
    pub async fn stop(self) {
        self.data.set_listener(None);
        for server in &self.servers {
            server.stop(false).await;
        }
        self.background.end().await;
    }

    fn simulator(&self, source: Source) -> Option<&SimulatorEndpoint> {
        self.simulators.iter().find(|simulator| simulator.source == source).map(AsRef::as_ref)
    }
}

/// Listens on a free port of this machine. Returns the listener and its origin.
fn listen() -> std::io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let origin = format!("http://{}", listener.local_addr()?);
    Ok((listener, origin))
}
