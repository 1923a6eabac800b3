//! THE client of everything that goes out over HTTP: bounded in time and size, without redirects and proxies. Nothing of a
//! request or a reply is logged, and no error of the library leaves this file: they show the URL.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, RequestBuilder, Response, Url, Version};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connect_timing::{ConnectState, ConnectTiming, watched};
use super::{CallError, lock, tls_error};
use crate::settings::file::CallSettings;
use crate::sources::weight::weight;
use crate::sources::{Unreadable, json};

/// Of an answer that isn't wanted so much is read, in the hope that the connection can be used again.
const MOST_UNWANTED: usize = 64 * 1024;

/// For so long.
const UNWANTED: Duration = Duration::from_millis(250);

/// Pooled connections, and how long everything may take.
#[derive(Clone)]
pub(super) struct Client {
    http: Option<reqwest::Client>,
    first_byte: Duration,
    whole: Duration,
    max_bytes: usize,
    // Memory for answers that are read and not yet taken in, of all accounts together.
    room: Arc<Semaphore>,
}

/// The memory for answers of all accounts, and how much of it one may take, once it is read.
const ROOM: usize = 64 * 1024 * 1024;
const MOST_OF_ONE: usize = 48 * 1024 * 1024;

/// Memory is handed out in pieces of so many bytes.
const PIECE: usize = 64 * 1024;

/// What is sent, besides where to.
pub(super) enum Body<'a> {
    /// Nothing: a GET.
    Nothing,
    /// JSON: a POST.
    Json(&'a Value),
    /// A form: a POST.
    Form(&'a [(&'a str, &'a str)]),
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// What it says, of 2xx only; else null.
    pub(super) body: Result<Value, CallError>,
    /// The memory that it takes.
    pub(super) room: Option<OwnedSemaphorePermit>,
    /// When the request was sent, at the latest.
    pub(super) sent_by: Instant,
}

/// Nothing came back.
pub(super) struct TransportError {
    pub(super) error: CallError,
    /// There was a connection, and it broke: perhaps only this one.
    pub(super) is_broken: bool,
    /// When the request was sent, at the latest; `None` if it wasn't.
    pub(super) sent_by: Option<Instant>,
}

impl Client {
    /// Connects to nobody yet. A machine without certificates of authorities can only call without TLS. The authorities that are
    /// given are trusted besides the machine's.
    pub(super) fn new(settings: &CallSettings, authorities: &[Certificate]) -> Self {
        // Fails where there is one already, which will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = build(settings, |builder| builder.tls_certs_merge(authorities.iter().cloned())).or_else(|_| {
            tracing::warn!("no certificates of authorities are found: sources can't be called over https");
            build(settings, |builder| builder.tls_certs_only([]))
        });
        Self {
            http: http.ok(),
            first_byte: Duration::from_millis(settings.response_timeout_ms),
            whole: Duration::from_millis(settings.total_timeout_ms),
            max_bytes: usize::try_from(settings.max_response_kilobytes.saturating_mul(1024)).unwrap_or(usize::MAX),
            room: Arc::new(Semaphore::new(ROOM / PIECE)),
        }
    }

    /// How long a call may take.
    pub(super) const fn whole(&self) -> Duration {
        self.whole
    }

    /// Sends one request and reads what comes back.
    pub(super) async fn send(&self, url: Url, body: Body<'_>, proof: Option<(HeaderName, HeaderValue)>) -> Result<Answer, TransportError> {
        let http = self.http.as_ref().ok_or(TransportError { error: CallError::Unreachable, is_broken: false, sent_by: None })?;
        let may_be_empty = !matches!(body, Body::Nothing);
        let request = match body {
            Body::Nothing => http.get(url),
            Body::Json(value) => http.post(url).header(CONTENT_TYPE, "application/json").body(value.to_string()),
            Body::Form(fields) => http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form(fields)),
        };
        let request = proof.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let dialled = Arc::default();
        let exchanged = tokio::time::timeout(self.whole, self.exchange(request, &dialled, may_be_empty)).await;
        // Without an answer nobody knows whether it waited for its turn.
        let lost = |Failure { error, was_sent, is_broken }| TransportError { error, is_broken, sent_by: was_sent.then(Instant::now) };
        exchanged.unwrap_or(Err(Failure::TIMED_OUT)).map_err(lost)
    }

    async fn exchange(&self, request: RequestBuilder, dialled: &Arc<Mutex<ConnectState>>, may_be_empty: bool) -> Result<Answer, Failure> {
        let began = Instant::now();
        let sending = watched(dialled, request.header(ACCEPT, "application/json").send());
        let sent = tokio::time::timeout(self.first_byte, sending).await.map_err(|_| Failure::TIMED_OUT)?;
        let mut response = sent.map_err(|error| failure(&error))?;
        // Over HTTP/2 it may have waited for its turn on a connection that was there, and nobody tells.
        let sent_by = if response.version() == Version::HTTP_2 { Instant::now() } else { lock(dialled).sent_by(began) };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let (body, room) = if !response.status().is_success() {
            let _ = tokio::time::timeout(UNWANTED, read(&mut response, MOST_UNWANTED)).await;
            (Ok(Value::Null), None)
        } else {
            self.read_json(&mut response, may_be_empty || status == 204).await?
        };
        Ok(Answer { status, headers, body, room, sent_by })
    }

    async fn read_json(&self, response: &mut Response, may_be_empty: bool) -> Result<Read, Failure> {
        let Some(bytes) = read(response, self.max_bytes).await? else { return Ok((Err(CallError::TooLarge), None)) };
        if bytes.is_empty() && may_be_empty {
            return Ok((Ok(Value::Null), None));
        }
        // Small ones at once: to go elsewhere takes longer.
        if bytes.len() <= SMALL {
            return Ok((parse(&bytes), None));
        }
        let room = Arc::clone(&self.room);
        let (weighed, bytes) = elsewhere(move || (weight(&bytes, MOST_OF_ONE), bytes)).await?;
        let Some(weight) = weighed else { return Ok((Err(CallError::TooLarge), None)) };
        let pieces = u32::try_from(weight.div_ceil(PIECE)).unwrap_or(u32::MAX);
        // As long as the call may take: others give their room back when what they heard is taken in.
        let room = room.acquire_many_owned(pieces).await.map_err(|_| Failure::TIMED_OUT)?;
        Ok((elsewhere(move || parse(&bytes)).await?, Some(room)))
    }
}

/// What was read, and the memory that it takes.
type Read = (Result<Value, CallError>, Option<OwnedSemaphorePermit>);

/// An answer of so many bytes can't take much memory, nor long to be read.
const SMALL: usize = 16 * 1024;

/// Does something on a thread that nobody waits for.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Failure::TIMED_OUT)
}

/// Whatever it is called: JSON is JSON.
fn parse(bytes: &[u8]) -> Result<Value, CallError> {
    json(bytes).map_err(|unreadable| match unreadable {
        Unreadable::NotJson(fault) => CallError::NotJson(Some(fault)),
        other => CallError::Unreadable(other),
    })
}

/// Why nothing came back.
struct Failure {
    error: CallError,
    /// As far as is known: there may have been a connection.
    was_sent: bool,
    /// There was one, and it broke.
    is_broken: bool,
}

impl Failure {
    const TIMED_OUT: Self = Self { error: CallError::TimedOut, was_sent: true, is_broken: false };
}

fn build(settings: &CallSettings, adapt: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> reqwest::Result<reqwest::Client> {
    let unheard = Duration::from_millis(settings.response_timeout_ms) / 2;
    let builder = reqwest::Client::builder()
        .user_agent(concat!("omnidesk-hookpoint/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connector_layer(ConnectTiming)
        // All calls share a connection of HTTP/2, and one that times out doesn't end it: if nothing is heard there, not even
        // the answer to a ping, the next one has another.
        .http2_keep_alive_interval(unheard)
        .http2_keep_alive_timeout(unheard)
        // What the environment says of proxies is not in the settings.
        .no_proxy();
    adapt(builder).build()
}

/// Only what kind of error it is.
fn failure(error: &reqwest::Error) -> Failure {
    let was_sent = !error.is_connect() && !error.is_builder();
    let (error, is_broken) = if error.is_timeout() {
        (CallError::TimedOut, false)
    } else if error.is_decode() {
        (CallError::NotJson(None), false)
    } else if let Some(fault) = tls_error::fault(error) {
        (fault, false)
    } else {
        (CallError::Unreachable, was_sent)
    };
    Failure { error, was_sent, is_broken }
}

/// The body, unpacked, piece by piece; `None` if it has more bytes than that.
async fn read(response: &mut Response, most: usize) -> Result<Option<Vec<u8>>, Failure> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| failure(&error))? {
        if bytes.len().saturating_add(piece.len()) > most {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(bytes))
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
