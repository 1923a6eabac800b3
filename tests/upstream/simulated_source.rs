//! A source whose API responds exactly as a test wants, and records which requests arrived.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// The number of earlier requests.
    pub number: usize,
    pub method: String,
    pub target: String,
    pub head: String,
    pub body: String,
}

impl ReceivedRequest {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

/// The handling of a request.
pub enum SourceAction {
    /// Respond with these bytes. The connection stays open for the next request.
    Answer(Vec<u8>),
    /// Send these bytes, and close the connection.
    Close(Vec<u8>),
    /// Send these bytes, and then nothing more.
    Hang(Vec<u8>),
    /// Send these bytes, then the last piece repeatedly, until the client stops reading.
    Endless(Vec<u8>, Vec<u8>),
    /// Wait first.
    After(Duration, Box<SourceAction>),
    /// Wait until the test opens a gate.
    Gated(watch::Receiver<bool>, Box<SourceAction>),
}

/// A response with a body.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> SourceAction {
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head =
        format!("HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    SourceAction::Answer([head.as_bytes(), body].concat())
}

pub fn json(status: u16, body: &str) -> SourceAction {
    answer(status, &[("Content-Type", "application/json")], body.as_bytes())
}

type Behaviour = Arc<dyn Fn(&ReceivedRequest) -> SourceAction + Send + Sync>;

/// A server on a port of its own, until it is dropped.
pub struct SimulatedSource {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<ReceivedRequest>>>,
    behaviour: Arc<Mutex<Behaviour>>,
    connections: Arc<AtomicUsize>,
    scheme: &'static str,
    task: AbortHandle,
}

impl Drop for SimulatedSource {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SimulatedSource {
    pub async fn start(
        behaviour: impl Fn(&ReceivedRequest) -> SourceAction + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(None, behaviour).await
    }

    /// A server with TLS, which may delay the handshake.
    pub async fn secure(
        greeting: &Arc<ServerConfig>,
        takes: Duration,
        behaviour: impl Fn(&ReceivedRequest) -> SourceAction + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(Some((TlsAcceptor::from(Arc::clone(greeting)), takes)), behaviour).await
    }

    async fn start_with(
        greeting: Option<(TlsAcceptor, Duration)>,
        behaviour: impl Fn(&ReceivedRequest) -> SourceAction + Send + Sync + 'static,
    ) -> Self {
        let scheme = if greeting.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let behaviour: Arc<Mutex<Behaviour>> = Arc::new(Mutex::new(Arc::new(behaviour)));
        let connections = Arc::new(AtomicUsize::new(0));
        let (kept, acts, open) =
            (Arc::clone(&requests), Arc::clone(&behaviour), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (kept, acts, open, greeting) =
                    (Arc::clone(&kept), Arc::clone(&acts), Arc::clone(&open), greeting.clone());
                tasks.spawn(async move {
                    open.fetch_add(1, Ordering::SeqCst);
                    match greeting {
                        None => serve(stream, kept, acts).await,
                        Some((acceptor, takes)) => {
                            tokio::time::sleep(takes).await;
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, kept, acts).await;
                            }
                        }
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, requests, behaviour, connections, scheme, task: task.abort_handle() }
    }

    /// Sets the handling of later requests.
    pub fn behave(
        &self,
        behaviour: impl Fn(&ReceivedRequest) -> SourceAction + Send + Sync + 'static,
    ) {
        *self.behaviour.lock().unwrap() = Arc::new(behaviour);
    }

    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    requests: Arc<Mutex<Vec<ReceivedRequest>>>,
    behaviour: Arc<Mutex<Behaviour>>,
) {
    let mut unread = Vec::new();
    while let Some(request) = receive(&mut stream, &mut unread).await {
        let request = {
            let mut requests = requests.lock().unwrap();
            let request = ReceivedRequest { number: requests.len(), ..request };
            requests.push(request.clone());
            request
        };
        let behave = Arc::clone(&behaviour.lock().unwrap());
        let mut act = behave(&request);
        let act = loop {
            act = match act {
                SourceAction::After(time, then) => {
                    tokio::time::sleep(time).await;
                    *then
                }
                SourceAction::Gated(mut gate, then) => {
                    let _ = gate.wait_for(|is_open| *is_open).await;
                    *then
                }
                act => break act,
            };
        };
        match act {
            SourceAction::Answer(bytes) => stream.write_all(&bytes).await.unwrap_or_default(),
            SourceAction::Close(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            SourceAction::Hang(bytes) => {
                let _ = stream.write_all(&bytes).await;
                // Until the other side closes.
                let _ = stream.read(&mut [0]).await;
                return;
            }
            SourceAction::Endless(head, piece) => {
                let mut sent = stream.write_all(&head).await;
                while sent.is_ok() {
                    sent = stream.write_all(&piece).await;
                }
                return;
            }
            SourceAction::After(..) | SourceAction::Gated(..) => unreachable!(),
        }
    }
}

async fn receive(
    stream: &mut (impl AsyncRead + Unpin),
    unread: &mut Vec<u8>,
) -> Option<ReceivedRequest> {
    let end = loop {
        if let Some(end) = unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        more(stream, unread).await?;
    };
    let head = String::from_utf8(unread[..end].to_vec()).unwrap();
    let mut words = head.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let mut request = ReceivedRequest { number: 0, method, target, head, body: String::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while unread.len() < end + length {
        more(stream, unread).await?;
    }
    request.body = String::from_utf8(unread[end..end + length].to_vec()).unwrap();
    unread.drain(..end + length);
    Some(request)
}

async fn more(stream: &mut (impl AsyncRead + Unpin), unread: &mut Vec<u8>) -> Option<()> {
    let mut bytes = [0; 8192];
    let count = stream.read(&mut bytes).await.ok().filter(|count| *count > 0)?;
    unread.extend_from_slice(&bytes[..count]);
    Some(())
}
