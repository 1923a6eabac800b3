//! A minimal load balancer: it sends requests in turn to replicas whose `/health/ready` is 200, over kept connections.
//! It never retries a request, so that every failure of a replica is visible.

use std::io::Result;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::connection::{Connection, header};

/// The interval of the health checks.
pub const CHECK: Duration = Duration::from_millis(100);

/// A running balancer. It stops when it is dropped.
pub struct Balancer {
    pub address: SocketAddr,
    replicas: Arc<Replicas>,
    _tasks: JoinSet<()>,
}

struct Replicas {
    addresses: Vec<SocketAddr>,
    are_ready: Vec<AtomicBool>,
    turn: AtomicUsize,
}

impl Balancer {
    pub async fn start(addresses: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let are_ready = addresses.iter().map(|_| AtomicBool::new(false)).collect();
        let replicas = Arc::new(Replicas { addresses, are_ready, turn: AtomicUsize::new(0) });
        let mut tasks = JoinSet::new();
        for replica in 0..replicas.addresses.len() {
            let replicas = Arc::clone(&replicas);
            tasks.spawn(async move { replicas.check(replica).await });
        }
        let serving = Arc::clone(&replicas);
        tasks.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let replicas = Arc::clone(&serving);
                clients.spawn(async move { drop(replicas.serve(client).await) });
            }
        });
        Self { address, replicas, _tasks: tasks }
    }

    /// Whether a replica passed its last health check.
    pub fn is_ready(&self, replica: usize) -> bool {
        self.replicas.are_ready[replica].load(Ordering::SeqCst)
    }
}

impl Replicas {
    async fn check(&self, replica: usize) {
        loop {
            let mut connection = Connection::new(self.addresses[replica]);
            let request =
                b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            let asked = tokio::time::timeout(Duration::from_secs(2), connection.ask(request)).await;
            let is_ready = matches!(asked, Ok(Ok(response)) if response.status == 200);
            self.are_ready[replica].store(is_ready, Ordering::SeqCst);
            tokio::time::sleep(CHECK).await;
        }
    }

    fn next(&self) -> Option<usize> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let of = self.addresses.len();
        (0..of)
            .map(|more| (turn + more) % of)
            .find(|replica| self.are_ready[*replica].load(Ordering::SeqCst))
    }

    /// Serves a client until the client closes its connection.
    async fn serve(&self, mut client: TcpStream) -> Result<()> {
        client.set_nodelay(true)?;
        let mut connections: Vec<Connection> =
            self.addresses.iter().map(|address| Connection::new(*address)).collect();
        let (mut request, mut answer) = (Vec::new(), Vec::new());
        loop {
            request.clear();
            // Lookups have no body.
            while !request.ends_with(b"\r\n\r\n") {
                if client.read_buf(&mut request).await? == 0 {
                    return Ok(());
                }
            }
            answer.clear();
            let response = match self.next() {
                Some(replica) => connections[replica].ask(&request).await.ok(),
                None => None,
            };
            match response {
                // A closed connection to the replica does not affect the client.
                Some(response) => {
                    let lines = response.head.split_inclusive(|byte| *byte == b'\n');
                    lines
                        .filter(|line| header(line, b"connection:").is_none())
                        .for_each(|line| answer.extend_from_slice(line));
                    answer.extend_from_slice(response.body);
                }
                None => answer
                    .extend_from_slice(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
            }
            client.write_all(&answer).await?;
        }
    }
}
