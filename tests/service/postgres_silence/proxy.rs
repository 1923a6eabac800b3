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
pub struct Wire {
    address: SocketAddr,
    switch: Switch,
    task: JoinHandle<()>,
}

/// The response of Postgres that the service waits for when the connections are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The write lock of a brand.
    Locked,
    /// The commit of a write into a brand.
    Written,
    /// Another commit, such as that of a claim.
    Claimed,
}

/// The number for the purpose of the writers' locks, as the service writes it.
const WRITERS: &str = "1752131440";

impl Moment {
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
struct Switch {
    state: watch::Sender<State>,
    awaited: Arc<Mutex<Option<Moment>>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// How many times connections were lost.
    forgotten: u32,
    /// Whether new connections are lost at once.
    is_silent: bool,
}

impl Wire {
    /// A proxy to the tests' server.
    pub async fn lay() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let switch =
            Switch { state: watch::Sender::new(State::default()), awaited: Arc::default() };
        let shared = switch.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(serve(client, shared.clone()));
            }
        });
        Self { address, switch, task }
    }

    /// A database at its other end.
    pub fn to(&self, database: &str) -> Place {
        Place::Server(Url(format!(
            "postgres://hookpoint@{}/{database}?sslmode=disable",
            self.address
        )))
    }

    /// Loses the open connections. New ones work.
    pub fn forget(&self) {
        self.switch.forget();
    }

    /// Loses the open connections at a moment. Returns whether the moment came.
    pub async fn forget_at(&self, moment: Moment) -> bool {
        let mut told = self.switch.state.subscribe();
        told.mark_unchanged();
        *self.switch.awaited.lock().unwrap() = Some(moment);
        tokio::time::timeout(ENDLESS, told.changed()).await.is_ok()
    }

    /// Passes no data from now on. New connections are accepted and stay silent.
    pub fn fall_silent(&self) {
        self.switch.state.send_modify(|state| {
            *state = State { forgotten: state.forgotten + 1, is_silent: true }
        });
    }

    /// New connections work again from now on.
    pub fn heal(&self) {
        self.switch.state.send_modify(|state| state.is_silent = false);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Switch {
    fn forget(&self) {
        self.state.send_modify(|state| state.forgotten += 1);
    }

    /// Observes bytes from the service. They are always passed on.
    fn hear(&self, words: &str, begin: &mut String) {
        if words.contains("begin") || words.contains("BEGIN") {
            words.clone_into(begin);
        }
        let mut awaited = self.awaited.lock().unwrap();
        if awaited.is_some_and(|moment| moment.is_after(words, begin)) {
            *awaited = None;
            self.forget();
        }
    }
}

/// Serves a connection until it is lost, and then keeps it open.
async fn serve(client: TcpStream, switch: Switch) {
    let state = switch.state.subscribe();
    let opened = *state.borrow();
    if opened.is_silent {
        return std::future::pending().await;
    }
    let server = UnixStream::connect(socket_directory().join(".s.PGSQL.5432")).await.unwrap();
    client.set_nodelay(true).unwrap();
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let until_forgotten = || {
        let mut state = state.clone();
        async move {
            let _ = state.wait_for(|state| state.forgotten > opened.forgotten).await;
        }
    };
    let mut begin = String::new();
    let upwards = pass(from_client, to_server, until_forgotten(), |bytes| {
        switch.hear(&String::from_utf8_lossy(bytes), &mut begin);
    });
    tokio::join!(upwards, pass(from_server, to_client, until_forgotten(), |_| ()));
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    until_forgotten: impl Future<Output = ()>,
    mut on_bytes: impl FnMut(&[u8]),
) {
    let mut buffer = vec![0; 1 << 16];
    tokio::pin!(until_forgotten);
    loop {
        let read = tokio::select! {
            biased;
            () = &mut until_forgotten => None,
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
