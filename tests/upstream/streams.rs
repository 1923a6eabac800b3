//! A source that speaks HTTP/2. It handles each request as a test wants, and records when and on which connection each
//! arrived.

use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Request, Response};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    pub at: Instant,
    /// The number of earlier requests.
    pub number: usize,
    /// The number of earlier connections.
    pub connection: usize,
    pub path: String,
    pub authorization: String,
}

/// The handling of a request.
#[derive(Clone)]
pub enum StreamAction {
    /// Respond with JSON.
    Answer(u16, &'static str),
    /// Respond with JSON and one more header.
    Headed(u16, &'static str, &'static str),
    /// Respond after a delay.
    After(Duration, &'static str),
    /// Never respond, and keep the connection open.
    Hang,
    /// Reset the stream.
    Reset(Reason),
    /// Respond, and accept no more requests on the connection.
    Leave(&'static str),
    /// Abort the connection with all its streams.
    Break,
    /// Read and write nothing more on the connection.
    Freeze,
}

type Behaviour = Arc<dyn Fn(&ReceivedRequest) -> StreamAction + Send + Sync>;

/// A server on a port of its own, until it is dropped.
pub struct Streams {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<ReceivedRequest>>>,
    behaviour: Arc<Mutex<Behaviour>>,
    task: AbortHandle,
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Seen = (Arc<Mutex<Vec<ReceivedRequest>>>, Arc<Mutex<Behaviour>>);

impl Streams {
    /// Accepts this many requests at once on a connection.
    pub async fn start(
        greeting: Arc<ServerConfig>,
        at_once: u32,
        behaviour: impl Fn(&ReceivedRequest) -> StreamAction + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let behaviour: Arc<Mutex<Behaviour>> = Arc::new(Mutex::new(Arc::new(behaviour)));
        let seen = (Arc::clone(&requests), Arc::clone(&behaviour));
        let task = tokio::spawn(async move {
            let mut tasks = JoinSet::new();
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tasks.spawn(serve(
                    stream,
                    TlsAcceptor::from(Arc::clone(&greeting)),
                    at_once,
                    connection,
                    seen.clone(),
                ));
            }
        });
        Self { address, requests, behaviour, task: task.abort_handle() }
    }

    /// Sets the handling of later requests.
    pub fn behave(
        &self,
        behaviour: impl Fn(&ReceivedRequest) -> StreamAction + Send + Sync + 'static,
    ) {
        *self.behaviour.lock().unwrap() = Arc::new(behaviour);
    }

    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.requests.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    at_once: u32,
    connection: usize,
    (requests, behaviour): Seen,
) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let handshake = h2::server::Builder::new()
        .max_concurrent_streams(at_once)
        .handshake::<_, Cursor<Vec<u8>>>(stream);
    let Ok(mut streams) = handshake.await else { return };
    let mut tasks = JoinSet::new();
    while let Some(Ok((request, respond))) = streams.accept().await {
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
                .unwrap_or_default()
        };
        let (path, authorization) = (request.uri().path().to_owned(), header("authorization"));
        let received = {
            let mut requests = requests.lock().unwrap();
            let received = ReceivedRequest {
                at: Instant::now(),
                number: requests.len(),
                connection,
                path,
                authorization,
            };
            requests.push(received.clone());
            received
        };
        let behave = Arc::clone(&behaviour.lock().unwrap());
        match behave(&received) {
            StreamAction::Freeze => std::future::pending().await,
            StreamAction::Break => return,
            StreamAction::Leave(body) => {
                streams.graceful_shutdown();
                tasks.spawn(answer(request, respond, StreamAction::Answer(200, body)));
            }
            deed => drop(tasks.spawn(answer(request, respond, deed))),
        }
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Cursor<Vec<u8>>>,
    deed: StreamAction,
) {
    let response = Response::builder().header("content-type", "application/json");
    let (response, body) = match deed {
        StreamAction::Answer(status, body) => (response.status(status), body),
        StreamAction::Headed(status, name, value) => {
            (response.status(status).header(name, value), "1")
        }
        StreamAction::After(time, body) => {
            tokio::time::sleep(time).await;
            (response, body)
        }
        StreamAction::Reset(reason) => return respond.send_reset(reason),
        StreamAction::Hang
        | StreamAction::Leave(_)
        | StreamAction::Break
        | StreamAction::Freeze => return std::future::pending().await,
    };
    // A request with an unread body would be reset.
    let mut said = request.into_body();
    while let Some(Ok(bytes)) = said.data().await {
        let _ = said.flow_control().release_capacity(bytes.len());
    }
    if let Ok(mut stream) = respond.send_response(response.body(()).unwrap(), false) {
        let _ = stream.send_data(Cursor::new(body.as_bytes().to_vec()), true);
    }
}
