//! A wire to a server that can fall silent: nothing passes, nothing is lost, and every connection stays open. A network that
//! is cut in two is like that, until it is whole again and what was on its way arrives.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How long the server has a connection that was forgotten on the way: Postgres is told to look after so long whether the other end
/// is there. The client's end stays open.
const KEEPALIVE: Duration = Duration::from_secs(11);

/// What a wire leads to.
#[derive(Clone)]
pub enum End {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A running wire; its connections are closed when it is dropped.
pub struct Wire {
    /// Where it is reached.
    pub address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    task: JoinHandle<()>,
}

/// How it is with a wire. Connections have numbers, in the order in which they were opened.
#[derive(Clone, Copy, Default)]
struct State {
    is_silent: bool,
    /// How long everything takes to pass.
    delay: Duration,
    opened: u64,
    /// Connections before this one pass nothing any more, and nobody is told.
    forgotten: u64,
    /// Connections before this one are closed.
    cut: u64,
}

impl Wire {
    /// A wire with a server at its other end, which need not be there yet.
    pub async fn lay(to: End) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(State::default()));
        let of_all = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let mut number = 0;
                of_all.send_modify(|state| (number, state.opened) = (state.opened, state.opened + 1));
                connections.spawn(serve(client, to.clone(), number, of_all.subscribe()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, state, task }
    }

    /// From now on nothing passes, on the connections that there are and on those that are opened.
    pub fn fall_silent(&self) {
        self.state.send_modify(|state| state.is_silent = true);
    }

    /// From now on all passes at once, and first what was on its way.
    pub fn heal(&self) {
        self.state.send_modify(|state| (state.is_silent, state.delay) = (false, Duration::ZERO));
    }

    /// From now on everything takes so long to pass.
    pub fn slow_down(&self, delay: Duration) {
        self.state.send_modify(|state| state.delay = delay);
    }

    /// The connections that there are pass nothing any more, and nobody is told; those that are opened do.
    pub fn forget(&self) {
        self.state.send_modify(|state| state.forgotten = state.opened);
    }

    /// The connections that there are are closed.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cut = state.opened);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(client: TcpStream, to: End, number: u64, mut state: watch::Receiver<State>) {
    until_whole(&mut state).await;
    if client.set_nodelay(true).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    match to {
        End::Tcp(to) => {
            let Ok(server) = TcpStream::connect(to).await else { return };
            if server.set_nodelay(true).is_ok() {
                let (from_server, to_server) = server.into_split();
                join((from_client, to_client), (from_server, to_server), number, state).await;
            }
        }
        End::Unix(to) => {
            let Ok(server) = UnixStream::connect(to).await else { return };
            let (from_server, to_server) = server.into_split();
            join((from_client, to_client), (from_server, to_server), number, state).await;
        }
    }
}

/// Passes what comes from either side to the other, until both have ended or the connection is closed or forgotten on the way.
async fn join(
    (mut from_client, mut to_client): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    (mut from_server, mut to_server): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    number: u64,
    state: watch::Receiver<State>,
) {
    let [mut of_forgotten, mut of_cut] = [state.clone(), state.clone()];
    {
        let passing = async {
            tokio::join!(pass(&mut from_client, &mut to_server, state.clone()), pass(&mut from_server, &mut to_client, state.clone()));
        };
        tokio::select! {
            () = passing => return,
            _ = of_cut.wait_for(|state| state.cut > number) => return,
            _ = of_forgotten.wait_for(|state| state.forgotten > number) => {}
        }
    }
    tokio::time::sleep(KEEPALIVE).await;
    drop((from_server, to_server));
    // What still comes goes nowhere.
    let mut buffer = vec![0; 1 << 16];
    while from_client.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    drop(to_client);
}

async fn until_whole(state: &mut watch::Receiver<State>) {
    let _ = state.wait_for(|state| !state.is_silent).await;
}

async fn pass(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer).await;
        let delay = state.borrow().delay;
        tokio::time::sleep(delay).await;
        // That one end hung up is no more heard than anything else.
        until_whole(&mut state).await;
        let Ok(read @ 1..) = read else { break };
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
