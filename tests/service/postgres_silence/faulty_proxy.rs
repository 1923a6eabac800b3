//! A TCP proxy to Postgres that can lose its connections: they stay open, and no data passes in either direction. A
//! network does that if the machine at the other end is replaced, or if it vanishes without closing its connections.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hookpoint::storage::database::{Place, Url};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::support::{ENDLESS, socket_directory};

/// A running proxy. Its connections are closed when it is dropped.
pub struct FaultyProxy {
    address: SocketAddr,
    control: ProxyControl,
    task: JoinHandle<()>,
}

/// The response of Postgres that the service waits for when the connections are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisconnectPoint {
    /// The write lock of a brand.
    Locked,
    /// The commit of a write into a brand.
    Written,
    /// Another commit, such as that of a claim.
    Claimed,
}

/// The number for the purpose of the writers' locks, as the service writes it.
const WRITERS: &str = "1752131440";

impl DisconnectPoint {
    /// Whether the moment comes after these bytes, in a transaction that began with `begin`.
    fn is_after(self, words: &str, begin: &str) -> bool {
        match self {
            Self::Locked => words.contains(WRITERS),
            Self::Written => {
                words.to_ascii_uppercase().contains("COMMIT") && begin.contains(WRITERS)
            }
            Self::Claimed => {
                words.to_ascii_uppercase().contains("COMMIT") && !begin.contains(WRITERS)
            }
        }
    }
}

#[derive(Clone)]
struct ProxyControl {
    state: watch::Sender<State>,
    awaited: Arc<Mutex<Option<DisconnectPoint>>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// How many times connections were lost.
    blackholed: u32,
    /// Whether new connections are lost at once.
    is_silent: bool,
}

impl FaultyProxy {
    /// A proxy to the tests' server.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let control =
            ProxyControl { state: watch::Sender::new(State::default()), awaited: Arc::default() };
        let shared = control.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(serve(client, shared.clone()));
            }
        });
        Self { address, control, task }
    }

    /// A database at its other end.
    pub fn to(&self, database: &str) -> Place {
        Place::Server(Url::from_environment(format!(
            "postgres://hookpoint@{}/{database}?sslmode=disable",
            self.address
        )))
    }

    /// Loses the open connections. New ones work.
    pub fn blackhole(&self) {
        self.control.blackhole();
    }

    /// Loses the open connections at a moment. Returns whether the moment came.
    pub async fn blackhole_at(&self, point: DisconnectPoint) -> bool {
        let mut changes = self.control.state.subscribe();
        changes.mark_unchanged();
        *self.control.awaited.lock().unwrap() = Some(point);
        tokio::time::timeout(ENDLESS, changes.changed()).await.is_ok()
    }

    /// Passes no data from now on. New connections are accepted and stay silent.
    pub fn fall_silent(&self) {
        self.control.state.send_modify(|state| {
            *state = State { blackholed: state.blackholed + 1, is_silent: true }
        });
    }

    /// New connections work again from now on.
    pub fn heal(&self) {
        self.control.state.send_modify(|state| state.is_silent = false);
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ProxyControl {
    fn blackhole(&self) {
        self.state.send_modify(|state| state.blackholed += 1);
    }

    /// Observes bytes from the service. They are always passed on.
    fn observe(&self, words: &str, begin: &mut String) {
        if words.contains("begin") || words.contains("BEGIN") {
            words.clone_into(begin);
        }
        let mut awaited = self.awaited.lock().unwrap();
        if awaited.is_some_and(|point| point.is_after(words, begin)) {
            *awaited = None;
            self.blackhole();
        }
    }
}

/// Serves a connection until it is lost, and then keeps it open.
async fn serve(client: TcpStream, control: ProxyControl) {
    let state = control.state.subscribe();
    let opened = *state.borrow();
    if opened.is_silent {
        return std::future::pending().await;
    }
    let server = UnixStream::connect(socket_directory().join(".s.PGSQL.5432")).await.unwrap();
    client.set_nodelay(true).unwrap();
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let until_blackholed = || {
        let mut state = state.clone();
        async move {
            let _ = state.wait_for(|state| state.blackholed > opened.blackholed).await;
        }
    };
    let mut begin = String::new();
    let upwards = pass(from_client, to_server, until_blackholed(), |bytes| {
        control.observe(&String::from_utf8_lossy(bytes), &mut begin);
    });
    tokio::join!(upwards, pass(from_server, to_client, until_blackholed(), |_| ()));
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    until_blackholed: impl Future<Output = ()>,
    mut on_bytes: impl FnMut(&[u8]),
) {
    let mut buffer = vec![0; 1 << 16];
    tokio::pin!(until_blackholed);
    loop {
        let read = tokio::select! {
            biased;
            () = &mut until_blackholed => None,
            read = from.read(&mut buffer) => Some(read),
        };
        // Neither end notices, even if the other one closes its connection.
        let Some(read) = read else { return std::future::pending().await };
        let Ok(read @ 1..) = read else { break };
        on_bytes(&buffer[..read]);
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
