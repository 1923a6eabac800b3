//! The four systems, simulated: servers that behave as their vendors document, for the demo and the tests.
//!
//! All four show one [`World`], which tells by webhook what is changed in it. What the documents leave open is in [`Terms`]; what
//! may go wrong is a [`Fault`].

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
mod request_log;
mod server;
pub mod syncaroo;
mod table;
mod token;
mod webhook_sender;
mod window;

use std::net::TcpListener;
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::dev::ServerHandle;

pub use self::data::World;
use self::endpoint::Desk;
pub use self::fault::{Fault, Part};
pub use self::object_kind::{PARTICIPANT, Thing};
pub use self::options::{Envelope, Terms};
pub use self::request_log::Arrival;
pub use self::token::CLIENT_ID;
use self::webhook_sender::Hooks;
pub use self::webhook_sender::{Action, Webhook};
use super::http_post::{NotTaken, Sender};
use super::webhook_signer::Secrets;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::jobs::tasks::BackgroundTasks;

/// Four running systems.
pub struct Systems {
    world: Arc<World>,
    desks: Vec<Arc<Desk>>,
    servers: Vec<ServerHandle>,
    background: BackgroundTasks,
    secrets: Secrets,
    terms: Arc<RwLock<Terms>>,
    clock: Clock,
    hooks: Option<Hooks>,
}

impl Systems {
    /// Starts them, each on a free port of this machine. They send no webhooks yet.
    ///
    /// # Errors
    /// When they can't listen.
    pub fn start(world: Arc<World>, secrets: &Secrets, terms: Terms, clock: Clock) -> std::io::Result<Self> {
        let background = BackgroundTasks::new();
        let terms = Arc::new(RwLock::new(terms));
        let (mut desks, mut servers) = (Vec::new(), Vec::new());
        for source in Source::ALL {
            let (listener, origin) = listen()?;
            let desk = Arc::new(Desk {
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
                // It ends when it is told to.
                let _ = server.await;
            });
            desks.push(desk);
        }
        Ok(Self { world, desks, servers, background, secrets: secrets.clone(), terms, clock, hooks: None })
    }

    /// What they show.
    #[must_use]
    pub const fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// Where a system's API is, without a slash at the end.
    #[must_use]
    pub fn base_url(&self, source: Source) -> String {
        self.desk(source).map(Desk::base_url).unwrap_or_default()
    }

    /// Where a system gives tokens; empty where it has none.
    #[must_use]
    pub fn token_url(&self, source: Source) -> String {
        let url = |desk: &Desk| if desk.tokens_path().is_empty() { String::new() } else { format!("{}{}", desk.origin, desk.tokens_path()) };
        self.desk(source).map(url).unwrap_or_default()
    }

    /// From now on, webhooks go to a service at an address such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When nothing can be sent.
    pub fn send_webhooks_to(&mut self, service: String) -> Result<(), NotTaken> {
        let hooks = Hooks::new(Sender::new(service)?, self.secrets.clone(), self.desks.clone(), self.background.clone(), self.clock.clone());
        self.world.set_hooks(Some(hooks.clone()));
        self.hooks = Some(hooks);
        Ok(())
    }

    /// So many of 1,000 webhooks of a system get lost.
    pub fn lose_webhooks(&self, source: Source, of_1000: u32) {
        if let Some(hooks) = &self.hooks {
            hooks.lose(source, of_1000);
        }
    }

    /// Waits until every webhook so far was taken, lost or given up.
    pub async fn webhooks_settled(&self) {
        if let Some(hooks) = &self.hooks {
            hooks.settled().await;
        }
    }

    /// Changes how they behave.
    pub fn change_terms(&self, change: impl FnOnce(&mut Terms)) {
        change(&mut self.terms.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// From now on something is wrong with a system; `None`: nothing any more.
    pub fn set_fault(&self, source: Source, part: Part, fault: Option<Fault>) {
        if let Some(desk) = self.desk(source) {
            desk.faults.set(part, fault);
        }
    }

    /// The next request to a system, or the next after those for which the same was said, meets a fault.
    pub fn add_fault(&self, source: Source, part: Part, fault: Fault) {
        if let Some(desk) = self.desk(source) {
            desk.faults.add_next(part, fault);
        }
    }

    /// Nothing is wrong any more, with any system.
    pub fn clear_faults(&self) {
        self.desks.iter().for_each(|desk| desk.faults.clear());
    }

    /// Every token that a system has given out is worth nothing any more.
    pub fn end_tokens(&self, source: Source) {
        if let Some(desk) = self.desk(source) {
            desk.tokens.end_all();
        }
    }

    /// Who came to a system, the first first.
    #[must_use]
    pub fn arrivals(&self, source: Source) -> Vec<Arrival> {
        self.desk(source).map(|desk| desk.arrivals.all()).unwrap_or_default()
    }

    /// Forgets who came so far.
    pub fn forget_arrivals(&self) {
        self.desks.iter().for_each(|desk| desk.arrivals.forget());
    }

    /// Ends them, with everything that they hold.
    pub async fn stop(self) {
        self.world.set_hooks(None);
        for server in &self.servers {
            server.stop(false).await;
        }
        self.background.end().await;
    }

    fn desk(&self, source: Source) -> Option<&Desk> {
        self.desks.iter().find(|desk| desk.source == source).map(AsRef::as_ref)
    }
}

/// Any free port of this machine, and the origin of who listens there.
fn listen() -> std::io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let origin = format!("http://{}", listener.local_addr()?);
    Ok((listener, origin))
}
