//! Sends requests to the collector. No text of the collector, and no error of the HTTP library, leaves this file: errors
//! contain the URL.

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Response};

use super::otlp::rejected_spans;

/// How long the collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// How often a failure is logged at most.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// A collector.
pub(super) struct Collector {
    http: Option<Client>,
    endpoint: String,
    logged_at: Option<Instant>,
}

/// Why the collector did not take spans.
struct Failure {
    reason: &'static str,
    status: Option<u16>,
}

impl Collector {
    /// A collector. It makes no connection yet.
    pub(super) fn new(endpoint: &str, headers: HeaderMap) -> Self {
        // Fails if a provider is already installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Without root certificates on the machine, only calls without TLS are possible.
        let http = builder(headers.clone())
            .build()
            .or_else(|_| builder(headers).tls_certs_only([]).build());
        Self { http: http.ok(), endpoint: endpoint.to_owned(), logged_at: None }
    }

    /// Sends a request. Returns how many spans the collector rejected; `None` if it took none.
    pub(super) async fn send(&mut self, request: Vec<u8>) -> Option<usize> {
        match self.post(request).await {
            Ok(rejected) => Some(rejected),
            Err(failure) => {
                self.log(&failure);
                None
            }
        }
    }

    async fn post(&self, request: Vec<u8>) -> Result<usize, Failure> {
        let failed = |reason| Failure { reason, status: None };
        let http = self.http.as_ref().ok_or_else(|| failed("no HTTP client"))?;
        let sent = http.post(&self.endpoint).body(request).send().await;
        let mut response = sent.map_err(|error| match error {
            error if error.is_timeout() => failed("no answer in time"),
            error if error.is_connect() => failed("no connection; check the URL and certificates"),
            _ => failed("the connection broke"),
        })?;
        let status = response.status();
        if !status.is_success() {
            return Err(Failure { reason: "error status", status: Some(status.as_u16()) });
        }
        Ok(rejected_spans(&read(&mut response).await))
    }

    fn log(&mut self, failure: &Failure) {
        let now = Instant::now();
        if self.logged_at.is_some_and(|at| now.saturating_duration_since(at) < LOG_INTERVAL) {
            return;
        }
        self.logged_at = Some(now);
        tracing::warn!(
            reason = failure.reason,
            status = failure.status,
            "the collector does not take traces; they are lost (logged at most once a minute)"
        );
    }
}

fn builder(mut headers: HeaderMap) -> ClientBuilder {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    Client::builder()
        .user_agent(concat!("omnidesk-hookpoint/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        // Proxies in environment variables are ignored, because they are not in the settings.
        .no_proxy()
}

/// Reads an answer. One that is too large, or that breaks off, counts as empty.
async fn read(response: &mut Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        if bytes.len().saturating_add(piece.len()) > MAX_ANSWER_BYTES {
            return Vec::new();
        }
        bytes.extend_from_slice(&piece);
    }
    bytes
}
