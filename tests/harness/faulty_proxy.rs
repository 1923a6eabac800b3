//! A TCP proxy to a server that simulates network faults. Silent: no data passes, no data is lost, and every connection
//! stays open, as in a network partition. Afterwards the delayed data arrives.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How long the server keeps a connection that was lost on the way: Postgres checks after this time whether the client
/// still exists. The client's end stays open.
const KEEPALIVE: Duration = Duration::from_secs(11);

/// The target of a proxy.
#[derive(Clone)]
pub enum ProxyTarget {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A running proxy. Its connections are closed when it is dropped.
pub struct FaultyProxy {
    /// Its listening address.
    pub address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    task: JoinHandle<()>,
}

/// The faults of a proxy. Connections have numbers, in the order in which they were opened.
#[derive(Clone, Copy, Default)]
struct State {
    is_silent: bool,
    /// The delay of all data.
    delay: Duration,
    opened: u64,
    /// Connections before this one pass no data, and are not closed.
    blackholed: u64,
    /// Connections before this one are closed.
    cut: u64,
}

impl FaultyProxy {
    /// A proxy to a server, which need not run yet.
    pub async fn start(to: ProxyTarget) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(State::default()));
        let of_all = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let mut number = 0;
                of_all
                    .send_modify(|state| (number, state.opened) = (state.opened, state.opened + 1));
                connections.spawn(serve(client, to.clone(), number, of_all.subscribe()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, state, task }
    }

    /// Stops all data, on open and new connections.
    pub fn fall_silent(&self) {
        self.state.send_modify(|state| state.is_silent = true);
    }

    /// Lets all data pass again, the delayed data first.
    pub fn heal(&self) {
        self.state.send_modify(|state| (state.is_silent, state.delay) = (false, Duration::ZERO));
    }

    /// Delays all data by this time.
    pub fn slow_down(&self, delay: Duration) {
        self.state.send_modify(|state| state.delay = delay);
    }

    /// Open connections pass no data any more, without being closed. New connections work.
    pub fn blackhole(&self) {
        self.state.send_modify(|state| state.blackholed = state.opened);
    }

    /// Closes the open connections.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cut = state.opened);
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(client: TcpStream, to: ProxyTarget, number: u64, mut state: watch::Receiver<State>) {
    until_passing(&mut state).await;
    if client.set_nodelay(true).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    match to {
        ProxyTarget::Tcp(to) => {
            let Ok(server) = TcpStream::connect(to).await else { return };
            if server.set_nodelay(true).is_ok() {
                let (from_server, to_server) = server.into_split();
                join((from_client, to_client), (from_server, to_server), number, state).await;
            }
        }
        ProxyTarget::Unix(to) => {
            let Ok(server) = UnixStream::connect(to).await else { return };
            let (from_server, to_server) = server.into_split();
            join((from_client, to_client), (from_server, to_server), number, state).await;
        }
    }
}

/// Copies data in both directions, until both sides have closed or the proxy drops the connection.
async fn join(
    (mut from_client, mut to_client): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    (mut from_server, mut to_server): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    number: u64,
    state: watch::Receiver<State>,
) {
    let [mut of_blackholed, mut of_cut] = [state.clone(), state.clone()];
    {
        let passing = async {
            tokio::join!(
                pass(&mut from_client, &mut to_server, state.clone()),
                pass(&mut from_server, &mut to_client, state.clone())
            );
        };
        tokio::select! {
            () = passing => return,
            _ = of_cut.wait_for(|state| state.cut > number) => return,
            _ = of_blackholed.wait_for(|state| state.blackholed > number) => {}
        }
    }
    tokio::time::sleep(KEEPALIVE).await;
    drop((from_server, to_server));
    // Further data is discarded.
    let mut buffer = vec![0; 1 << 16];
    while from_client.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    drop(to_client);
}

async fn until_passing(state: &mut watch::Receiver<State>) {
    let _ = state.wait_for(|state| !state.is_silent).await;
}

async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut state: watch::Receiver<State>,
) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer).await;
        let delay = state.borrow().delay;
        tokio::time::sleep(delay).await;
        // A closed end is not passed on while the proxy is silent.
        until_passing(&mut state).await;
        let Ok(read @ 1..) = read else { break };
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
