//! The one HTTP client of the service. It has limits of time and size, and uses no redirects and no proxies. It logs no
//! part of a request or a reply. Errors of the library do not leave this file, because they contain the URL.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, RequestBuilder, Response, Url, Version};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connect_timing::{ConnectState, ConnectTiming, watched};
use super::error::CallError;
use super::tls_error;
use crate::settings::file::CallSettings;
use crate::sources::weight::weight;
use crate::sources::{MAX_INLINE_JSON_BYTES, Unreadable, json};

/// The most bytes that are read of an answer whose body is not needed, so that the connection can be used again.
const MAX_DISCARDED_BYTES: usize = 64 * 1024;

/// How long such a body is read.
const DISCARD_TIMEOUT: Duration = Duration::from_millis(250);

/// Pooled connections, with the limits of time and size.
#[derive(Clone)]
pub(super) struct Client {
    http: Option<reqwest::Client>,
    first_byte: Duration,
    whole: Duration,
    max_bytes: usize,
    // The memory for answers that are parsed but not applied yet, of all accounts.
    memory: Arc<Semaphore>,
}

/// The memory for answers of all accounts, and the most that one parsed answer may use.
const MAX_PARSED_BYTES: usize = 64 * 1024 * 1024;
const MAX_PARSED_BYTES_EACH: usize = 48 * 1024 * 1024;

/// Memory is counted in units of this many bytes.
const MEMORY_UNIT: usize = 64 * 1024;

/// The body of a request.
pub(super) enum Body<'a> {
    /// No body: a GET.
    Nothing,
    /// A POST with JSON.
    Json(&'a Value),
    /// A POST with a form.
    Form(&'a [(&'a str, &'a str)]),
}

/// An answer of the source.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// The body of a 2xx. For other statuses it is null.
    pub(super) body: Result<Value, CallError>,
    /// The share of the memory that the body holds.
    pub(super) memory: Option<OwnedSemaphorePermit>,
    /// The latest time at which the request was sent.
    pub(super) sent_by: Instant,
}

/// Why there is no answer.
pub(super) struct TransportError {
    pub(super) error: CallError,
    /// The connection broke. Another one may work.
    pub(super) is_broken: bool,
    /// The latest time at which the request was sent. `None` if it was not sent.
    pub(super) sent_by: Option<Instant>,
}

impl Client {
    /// Creates the client. It makes no connection yet. If the machine has no root certificates, only calls without TLS
    /// are possible. The given authorities are trusted besides those of the machine.
    pub(super) fn new(settings: &CallSettings, authorities: &[Certificate]) -> Self {
        // Fails if a provider is already installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = build(settings, |builder| builder.tls_certs_merge(authorities.iter().cloned()))
            .or_else(|_| {
                tracing::warn!(
                    "no trusted certificate authorities found, so sources cannot be called over https; install the package ca-certificates"
                );
                build(settings, |builder| builder.tls_certs_only([]))
            });
        Self {
            http: http.ok(),
            first_byte: Duration::from_millis(settings.response_timeout_ms),
            whole: Duration::from_millis(settings.total_timeout_ms),
            max_bytes: usize::try_from(settings.max_response_kilobytes.saturating_mul(1024))
                .unwrap_or(usize::MAX),
            memory: Arc::new(Semaphore::new(MAX_PARSED_BYTES / MEMORY_UNIT)),
        }
    }

    /// The timeout of a whole call.
    pub(super) const fn whole(&self) -> Duration {
        self.whole
    }

    /// Sends one request and reads the answer.
    pub(super) async fn send(
        &self,
        url: Url,
        body: Body<'_>,
        auth_header: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Answer, TransportError> {
        let http = self.http.as_ref().ok_or(TransportError {
            error: CallError::Unreachable,
            is_broken: false,
            sent_by: None,
        })?;
        let may_be_empty = !matches!(body, Body::Nothing);
        let request = match body {
            Body::Nothing => http.get(url),
            Body::Json(value) => {
                http.post(url).header(CONTENT_TYPE, "application/json").body(value.to_string())
            }
            Body::Form(fields) => http
                .post(url)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form(fields)),
        };
        let request = auth_header
            .into_iter()
            .fold(request, |request, (name, value)| request.header(name, value));
        let connect_state = Arc::default();
        let exchanged =
            tokio::time::timeout(self.whole, self.exchange(request, &connect_state, may_be_empty))
                .await;
        // Without an answer, it is unknown whether the request waited before it was sent.
        let lost = |Failure { error, was_sent, is_broken }| TransportError {
            error,
            is_broken,
            sent_by: was_sent.then(Instant::now),
        };
        exchanged.unwrap_or(Err(Failure::TIMED_OUT)).map_err(lost)
    }

    async fn exchange(
        &self,
        request: RequestBuilder,
        connect_state: &Arc<Mutex<ConnectState>>,
        may_be_empty: bool,
    ) -> Result<Answer, Failure> {
        let began = Instant::now();
        let sending = watched(connect_state, request.header(ACCEPT, "application/json").send());
        let sent =
            tokio::time::timeout(self.first_byte, sending).await.map_err(|_| Failure::TIMED_OUT)?;
        let mut response = sent.map_err(|error| failure(&error))?;
        // Over HTTP/2, a request may wait for its turn on an existing connection, and the library does not report that.
        let sent_by = if response.version() == Version::HTTP_2 {
            Instant::now()
        } else {
            connect_state.lock().sent_by(began)
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let (body, memory) = if !response.status().is_success() {
            let _ = tokio::time::timeout(DISCARD_TIMEOUT, read(&mut response, MAX_DISCARDED_BYTES))
                .await;
            (Ok(Value::Null), None)
        } else {
            self.read_json(&mut response, may_be_empty || status == 204).await?
        };
        Ok(Answer { status, headers, body, memory, sent_by })
    }

    async fn read_json(
        &self,
        response: &mut Response,
        may_be_empty: bool,
    ) -> Result<Read, Failure> {
        let Some(bytes) = read(response, self.max_bytes).await? else {
            return Ok((Err(CallError::TooLarge), None));
        };
        if bytes.is_empty() && may_be_empty {
            return Ok((Ok(Value::Null), None));
        }
        if bytes.len() <= MAX_INLINE_JSON_BYTES {
            return Ok((parse(&bytes), None));
        }
        let memory = Arc::clone(&self.memory);
        let (weighed, bytes) =
            on_blocking_thread(move || (weight(&bytes, MAX_PARSED_BYTES_EACH), bytes)).await?;
        let Some(weight) = weighed else { return Ok((Err(CallError::TooLarge), None)) };
        let units = u32::try_from(weight.div_ceil(MEMORY_UNIT)).unwrap_or(u32::MAX);
        // This waits within the timeout of the call. Other calls release their memory when their answers are applied.
        let memory = memory.acquire_many_owned(units).await.map_err(|_| Failure::TIMED_OUT)?;
        Ok((on_blocking_thread(move || parse(&bytes)).await?, Some(memory)))
    }
}

/// The parsed body, and the memory that it holds.
type Read = (Result<Value, CallError>, Option<OwnedSemaphorePermit>);

/// Runs work on a thread for blocking tasks.
async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Failure::TIMED_OUT)
}

/// Parses the body as JSON, whatever its content type.
fn parse(bytes: &[u8]) -> Result<Value, CallError> {
    json(bytes).map_err(|unreadable| match unreadable {
        Unreadable::NotJson(fault) => CallError::NotJson(Some(fault)),
        other => CallError::Unreadable(other),
    })
}

/// Why there is no answer.
struct Failure {
    error: CallError,
    /// Whether the request may have been sent.
    was_sent: bool,
    /// Whether the connection broke.
    is_broken: bool,
}

impl Failure {
    const TIMED_OUT: Self = Self { error: CallError::TimedOut, was_sent: true, is_broken: false };
}

fn build(
    settings: &CallSettings,
    adapt: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> reqwest::Result<reqwest::Client> {
    let keep_alive = Duration::from_millis(settings.response_timeout_ms) / 2;
    let builder = reqwest::Client::builder()
        .user_agent(concat!("omnidesk-hookpoint/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connector_layer(ConnectTiming)
        // All calls share one HTTP/2 connection, and a call that times out does not close it. If the connection is
        // silent, even to a ping, later calls use another one.
        .http2_keep_alive_interval(keep_alive)
        .http2_keep_alive_timeout(keep_alive)
        // Proxies in environment variables are ignored, because they are not in the settings.
        .no_proxy();
    adapt(builder).build()
}

/// Keeps only the kind of an error.
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

/// Reads the body, decompressed. `None` if it has more bytes than `most`.
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
