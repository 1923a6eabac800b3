//! Sends recorded deliveries to a service, as their sources do.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode};
use rustls::{ClientConfig, RootCertStore};

use super::webhook_signer::Request;

/// The most requests at the same time.
const AT_ONCE: usize = 32;

/// A delivery was not acknowledged. The error contains nothing of its content.
#[derive(Debug, thiserror::Error)]
pub enum NotAcknowledged {
    /// The service returned a status other than 2xx.
    #[error("the service responded to a webhook with status {0}")]
    Status(StatusCode),
    /// The service did not respond.
    #[error("the service did not respond to a webhook")]
    Unanswered,
}

/// The demo uses plain HTTP on this machine, so it trusts no certificate.
fn plain_only() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(versions.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// An HTTP client that sends deliveries to one service.
#[derive(Debug)]
pub struct Sender {
    client: Client,
    base: String,
}

impl Sender {
    /// Creates a sender to a service, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn new(base: String) -> Result<Self, NotAcknowledged> {
        let tls = plain_only().map_err(|_| NotAcknowledged::Unanswered)?;
        let client = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .tls_backend_preconfigured(tls);
        Ok(Self { client: client.build().map_err(|_| NotAcknowledged::Unanswered)?, base })
    }

    /// Sends one delivery.
    ///
    /// # Errors
    /// If it is not acknowledged.
    pub async fn send(&self, request: Request) -> Result<(), NotAcknowledged> {
        let header = |(name, value): (&String, &String)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        };
        let headers: HeaderMap = request.headers.iter().filter_map(header).collect();
        let sent = self
            .client
            .post(format!("{}{}", self.base, request.path))
            .headers(headers)
            .body(request.body)
            .send();
        let answer = sent.await.map_err(|_| NotAcknowledged::Unanswered)?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(NotAcknowledged::Status(answer.status()))
        }
    }

    /// Sends many deliveries, some at the same time, and calls `on_taken` after each acknowledgement.
    ///
    /// # Errors
    /// If one is not acknowledged.
    pub async fn send_all(
        &self,
        requests: impl IntoIterator<Item = Request>,
        on_taken: &mut (dyn FnMut() + Send),
    ) -> Result<(), NotAcknowledged> {
        let mut sent = stream::iter(requests.into_iter().map(|request| self.send(request)))
            .buffer_unordered(AT_ONCE);
        while let Some(taken) = sent.next().await {
            taken?;
            on_taken();
        }
        Ok(())
    }
}
