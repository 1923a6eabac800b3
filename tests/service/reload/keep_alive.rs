//! A client that sends one request after the other on one connection, as Omnidesk's proxy may do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::task::JoinHandle;

use crate::support::{ENDLESS, until};

/// A running client.
pub struct KeepAlive {
    answered: Arc<AtomicU64>,
    is_stopping: Arc<AtomicBool>,
    client: JoinHandle<Vec<String>>,
}

impl KeepAlive {
    pub fn start(address: SocketAddr, target: String) -> Self {
        let (answered, is_stopping) = (Arc::default(), Arc::default());
        let (count, stop) = (Arc::clone(&answered), Arc::clone(&is_stopping));
        let client = tokio::task::spawn_blocking(move || run(address, &target, &count, &stop));
        Self { answered, is_stopping, client }
    }

    /// Waits for further answers.
    pub async fn until_answered(&self, more: u64) {
        let wanted = self.answered.load(Ordering::SeqCst) + more;
        until("lookups are answered", async || self.answered.load(Ordering::SeqCst) >= wanted)
            .await;
    }

    /// Stops, and returns what went wrong.
    pub async fn stop(self) -> Vec<String> {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.client.await.unwrap()
    }
}

/// The pause between two requests.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(2);

fn run(address: SocketAddr, target: &str, count: &AtomicU64, stop: &AtomicBool) -> Vec<String> {
    let mut failures = Vec::new();
    let mut open: Option<BufReader<TcpStream>> = None;
    while !stop.load(Ordering::SeqCst) {
        let mut connection = open.take().unwrap_or_else(|| connect(address));
        match exchange(&mut connection, address, target) {
            Ok((200, stays_open)) => open = stays_open.then_some(connection),
            Ok((status, _)) => failures.push(format!("status {status}")),
            Err(error) => failures.push(error.to_string()),
        }
        count.fetch_add(1, Ordering::SeqCst);
        // Without a pause, the clients leave Postgres and the service no processor.
        std::thread::sleep(PAUSE);
    }
    failures
}

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(ENDLESS)).unwrap();
    BufReader::new(stream)
}

/// Sends a request and reads its answer: the status, and whether the connection stays open.
fn exchange(
    connection: &mut BufReader<TcpStream>,
    address: SocketAddr,
    target: &str,
) -> std::io::Result<(u16, bool)> {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    connection.get_mut().write_all(request.as_bytes())?;
    let (mut status, mut length, mut stays_open) = (0, 0, true);
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest[..3].parse().unwrap();
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        stays_open &= line != "connection: close";
    }
    connection.read_exact(&mut vec![0; length])?;
    Ok((status, stays_open))
}
