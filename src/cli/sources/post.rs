//! Sends one webhook to the service.

use std::error::Error;
use std::time::Duration;

use anyhow::Context;
use reqwest::Client;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use url::Url;

use crate::sources::webhook::OutgoingWebhook;

/// The service answers within a second. A proxy may need longer to fail.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The answer of the service.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) request_id: String,
}

/// Sends a webhook. Errors never contain the URL, which may contain a secret.
pub(super) async fn post(url: Url, webhook: OutgoingWebhook) -> anyhow::Result<Answer> {
    let header = |(name, value): (&String, &String)| {
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
    };
    let headers: HeaderMap = webhook.headers.iter().filter_map(header).collect();
    let client = client().context("cannot prepare the request")?;
    let answer = client.post(url).headers(headers).body(webhook.body).send().await;
    let answer = answer
        .map_err(|error| anyhow::anyhow!("the service does not answer: {}", cause(&error)))?;
    let request_id = answer.headers().get("x-request-id").and_then(|id| id.to_str().ok());
    Ok(Answer {
        status: answer.status().as_u16(),
        request_id: request_id.unwrap_or("none").to_owned(),
    })
}

/// Without root certificates on this machine, it can call plain HTTP only.
fn client() -> reqwest::Result<Client> {
    // Fails if a provider is already installed, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || Client::builder().no_proxy().redirect(Policy::none()).timeout(TIMEOUT);
    builder().build().or_else(|_| builder().tls_certs_only([]).build())
}

/// The innermost cause, which has no URL.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(inner) = cause.and_then(Error::source) {
        cause = Some(inner);
    }
    cause.map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}
