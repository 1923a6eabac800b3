//! Sends one webhook to the service.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::cli::exit::Failure;
use crate::doctor::http::{http_client, no_response};
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
    let answer = http_client(TIMEOUT)?.post(url).headers(headers).body(webhook.body).send().await;
    let answer = answer.map_err(|error| {
        Failure::unreachable(format!("the service does not answer: {}", no_response(&error)))
    })?;
    let request_id = answer.headers().get("x-request-id").and_then(|id| id.to_str().ok());
    Ok(Answer {
        status: answer.status().as_u16(),
        request_id: request_id.unwrap_or("none").to_owned(),
    })
}
