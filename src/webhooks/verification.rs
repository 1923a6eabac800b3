//! Verifies a webhook, without blocking the threads that answer lookups.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::endpoints::{Outcome, Rejection};
use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::http::problem::Problem;
use crate::sources::MAX_INLINE_JSON_BYTES;
use crate::sources::diagnosis::reason::Reason;
use crate::sources::webhook::{
    UnverifiedWebhook, VerificationError, VerificationFailure, VerifiedWebhook,
};

/// A webhook that is not verified yet.
pub(super) struct ReceivedWebhook {
    pub(super) headers: BTreeMap<String, String>,
    pub(super) secret: Option<String>,
    pub(super) body: Vec<u8>,
    pub(super) received_at: Timestamp,
}

impl ReceivedWebhook {
    fn verify(
        &self,
        brand: &Brand,
        source: Source,
    ) -> Result<VerifiedWebhook, VerificationFailure> {
        let Self { headers, secret, body, received_at } = self;
        let verifier = brand.rules.webhook_verifiers.get(&source).ok_or(VerificationFailure {
            error: VerificationError::Missing("verification in the settings"),
            reason: Some(Reason::NotConnected),
        })?;
        let webhook = UnverifiedWebhook {
            headers,
            secret: secret.as_deref(),
            body,
            received_at: *received_at,
        };
        verifier.verify(brand.rules.sources.parser(source), &webhook)
    }
}

/// Verifies webhooks.
pub(super) struct WebhookVerification {
    // Only one large body at a time is verified if its verification parses the body.
    large: Arc<Semaphore>,
}

impl WebhookVerification {
    pub(super) fn new() -> Self {
        Self { large: Arc::new(Semaphore::new(1)) }
    }

    /// Verifies small bodies at once. Large bodies whose verification parses them are verified on another thread, one
    /// after the other. Otherwise anybody could block the threads that answer lookups.
    pub(super) async fn verify(
        &self,
        brand: &Arc<Brand>,
        source: Source,
        received: ReceivedWebhook,
    ) -> Result<Result<VerifiedWebhook, VerificationFailure>, Rejection> {
        let parses_body = brand
            .rules
            .webhook_verifiers
            .get(&source)
            .is_some_and(|verifier| verifier.verification.parses_body());
        if received.body.len() <= MAX_INLINE_JSON_BYTES || !parses_body {
            return Ok(received.verify(brand, source));
        }
        let unavailable = (Outcome::Unavailable, Problem::InboxUnavailable);
        let permit = Arc::clone(&self.large).acquire_owned().await.map_err(|_| unavailable)?;
        let brand = Arc::clone(brand);
        let reading = tokio::task::spawn_blocking(move || {
            let verified = received.verify(&brand, source);
            drop(permit);
            verified
        });
        reading.await.map_err(|_| unavailable)
    }
}
