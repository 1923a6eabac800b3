//! A wire to a server that can fall silent: nothing passes, nothing is lost, and every connection stays open. A network that
//! is cut in two is like that, until it is whole again and what was on its way arrives.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// A running wire; its connections are closed when it is dropped.
pub struct Wire {
    /// Where it is reached.
    pub address: SocketAddr,
    is_silent: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Wire {
    /// A wire with a server at its other end, which need not be there yet.
    pub async fn lay(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let is_silent = watch::Sender::new(false);
        let silence = is_silent.subscribe();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(serve(client, to, silence.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, is_silent, task }
    }

    /// From now on nothing passes, on the connections that there are and on those that are opened.
    pub fn fall_silent(&self) {
        self.is_silent.send_replace(true);
    }

    /// From now on all passes, and first what was on its way.
    pub fn heal(&self) {
        self.is_silent.send_replace(false);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(client: TcpStream, to: SocketAddr, mut silence: watch::Receiver<bool>) {
    until_whole(&mut silence).await;
    let Ok(server) = TcpStream::connect(to).await else { return };
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return;
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::join!(pass(from_client, to_server, silence.clone()), pass(from_server, to_client, silence));
}

async fn until_whole(silence: &mut watch::Receiver<bool>) {
    let _ = silence.wait_for(|is_silent| !is_silent).await;
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut silence: watch::Receiver<bool>) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer).await;
        // That one end hung up is no more heard than anything else.
        until_whole(&mut silence).await;
        let Ok(read @ 1..) = read else { break };
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
