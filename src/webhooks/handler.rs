//! Handles a webhook: endpoint, body, verification, inbox. It is acknowledged after the commit. The answer always comes
//! in time: if the result is unknown by then, the source sends the webhook again, and a duplicate is dropped.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};

use super::body_memory::BodyMemoryBudget;
use super::delivery_row::{priority_number, row};
use super::delivery_writer::{DeliveryWriter, InsertResult};
use super::endpoints::{Outcome, Rejection, WebhookEndpoint, WebhookEndpoints};
use super::request::{BodyLimits, headers, secret};
use super::verification::{ReceivedWebhook, WebhookVerification};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::Source;
use crate::http::client_ip::Proxies;
use crate::http::problem::{Problem, WEBHOOK_METHOD};
use crate::http::rate_limits::Repeated;
use crate::inbox::wake_handles::WakeHandles;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::SettingsFile;
use crate::sources::webhook::{DedupKey, VerificationFailure, VerifiedWebhook};
use crate::storage::StorageError;
use crate::storage::database::database_now;
use crate::storage::follow_ups::insert_follow_ups;
use crate::storage::invalidation::LookupHash;
use crate::storage::pool::Pool;
use crate::sync::follow_up_requests::refetch_requests;
use crate::telemetry::alarm::Alarm;

/// The state of the webhook endpoints' handler.
pub struct WebhookService {
    /// The webhook endpoints.
    pub endpoints: Arc<WebhookEndpoints>,
    pub(crate) delivery_writer: Arc<DeliveryWriter>,
    pool: Pool,
    same: Repeated,
    verification: WebhookVerification,
    body_limits: BodyLimits,
    answer: Duration,
    proxies: Proxies,
    wake_handles: WakeHandles,
    clock: Clock,
}

/// What is known of a webhook when it has been answered, for the log line and the trace.
#[derive(Debug, Clone)]
pub struct WebhookTrace {
    /// The brand in the path.
    pub brand: Arc<Brand>,
    /// The source in the path.
    pub source: Source,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// Why it could not be verified.
    pub reason: Option<VerificationFailure>,
    /// Its storing, if it came so far.
    pub storing: Option<Storing>,
}

/// The storing of a webhook.
#[derive(Debug, Clone, Copy)]
pub struct Storing {
    /// When it began.
    pub started_at: Instant,
    /// When it ended, and whether the webhook is stored. `None` until then.
    pub ended: Option<(Instant, bool)>,
}

impl WebhookTrace {
    fn new(endpoint: &WebhookEndpoint) -> Self {
        let brand = Arc::clone(&endpoint.brand);
        Self { brand, source: endpoint.source, outcome: None, reason: None, storing: None }
    }
}

/// Adds to what the log line of a request says.
fn note(request: &HttpRequest, add: impl FnOnce(&mut WebhookTrace)) {
    if let Some(trace) = request.extensions_mut().get_mut() {
        add(trace);
    }
}

impl WebhookService {
    /// A service for these brands.
    pub fn new(
        (pool, alarm): (Pool, Arc<Alarm>),
        brands: &[Arc<Brand>],
        file: &SettingsFile,
        wake_handles: WakeHandles,
        background: BackgroundTasks,
        clock: Clock,
    ) -> Self {
        let SettingsFile { inbox: settings, limits, server, .. } = file;
        Self {
            endpoints: Arc::new(WebhookEndpoints::new(brands)),
            delivery_writer: DeliveryWriter::new(
                pool.clone(),
                settings.dedup_history_size,
                alarm,
                background,
                clock.clone(),
                brands.iter().map(|brand| brand.id()),
            ),
            pool,
            same: Repeated::new(limits.identical_webhooks_per_minute),
            verification: WebhookVerification::new(),
            body_limits: BodyLimits {
                memory: BodyMemoryBudget::new(settings.body_memory_megabytes),
                max_bytes: usize::try_from(settings.max_body_kilobytes.saturating_mul(1024))
                    .unwrap_or(usize::MAX),
            },
            answer: Duration::from_millis(settings.ack_timeout_ms),
            proxies: Proxies::from(server),
            wake_handles,
            clock,
        }
    }
}

/// The inbox cannot take the webhook now.
const UNAVAILABLE: Rejection = (Outcome::Unavailable, Problem::InboxUnavailable);

/// Receives a webhook.
///
/// # Errors
/// Every [`Problem`] that can answer a webhook.
pub async fn receive(
    request: HttpRequest,
    payload: Payload,
    webhook_service: Data<WebhookService>,
) -> Result<HttpResponse, Problem> {
    let place = |name| request.match_info().query(name);
    let endpoint =
        webhook_service.endpoints.find(place("brand"), place("source")).ok_or(Problem::NotFound)?;
    request.extensions_mut().insert(WebhookTrace::new(endpoint));
    let came = tokio::time::timeout(
        webhook_service.answer,
        webhook_service.ingest(&request, payload, endpoint),
    )
    .await;
    let (outcome, answer) = match came {
        Ok(Ok(outcome)) => (outcome, Ok(HttpResponse::Accepted().finish())),
        Ok(Err((outcome, problem))) => (outcome, Err(problem)),
        // It may be stored all the same. Then the next attempt is a duplicate.
        Err(_) => (Outcome::Unavailable, Err(Problem::ReceiptUnknown)),
    };
    endpoint.count(outcome, webhook_service.clock.now());
    note(&request, |trace| trace.outcome = Some(outcome));
    answer
}

impl WebhookService {
    async fn ingest(
        &self,
        request: &HttpRequest,
        payload: Payload,
        endpoint: &WebhookEndpoint,
    ) -> Result<Outcome, Rejection> {
        let brand = &endpoint.brand;
        let Some(verifier) = brand.rules.webhook_verifiers.get(&endpoint.source) else {
            return Err((Outcome::Unavailable, Problem::SourceNotConnected));
        };
        let mut body_memory = self.body_limits.read(request, payload).await?;
        let received = ReceivedWebhook {
            headers: headers(request.headers()),
            secret: verifier.verification.secret_in().and_then(|place| secret(request, place)),
            body: std::mem::take(&mut body_memory.bytes),
            received_at: self.clock.now(),
        };
        let verified = self.verification.verify(brand, endpoint.source, received).await?;
        let verified = verified.map_err(|failure| {
            endpoint.reject(&failure, self.caller(request), self.clock.now());
            note(request, |trace| trace.reason = Some(failure));
            (Outcome::Unverified, Problem::WebhookUnverified)
        })?;
        let Some(priority) = priority_number(verified.meta.priority) else {
            return Ok(Outcome::Dropped);
        };
        let content = self.check_repetition(brand, endpoint.source, &verified)?;
        let about = about(&verified);
        let row = row(brand, endpoint.source, verified, priority);
        let mut storing = Storing { started_at: Instant::now(), ended: None };
        note(request, |trace| trace.storing = Some(storing));
        let stored = self.delivery_writer.store(brand.id(), row, body_memory).await;
        storing.ended = Some((Instant::now(), stored.is_ok()));
        note(request, |trace| trace.storing = Some(storing));
        match stored {
            Ok(InsertResult::Repeated) => {
                // The state may be the same again, or somebody replays an old webhook. Only the source knows.
                self.ask_about(brand, endpoint.source, about).await.map_err(|_| UNAVAILABLE)?;
                Ok(Outcome::StaleDuplicate)
            }
            Ok(InsertResult::New) => {
                self.wake_handles.wake(brand.id());
                Ok(Outcome::Received)
            }
            Ok(InsertResult::Duplicate) => Ok(Outcome::Duplicate),
            Ok(InsertResult::Conflicting) => Ok(Outcome::ConflictingDuplicate),
            Err(_) => {
                // The source is asked to send it again, so this attempt does not count for the limit.
                content.into_iter().for_each(|content| self.same.forget(content));
                Err(UNAVAILABLE)
            }
        }
    }

    /// Counts a webhook without a deduplication key, and returns its hash. A duplicate by id or content changes
    /// nothing. But such a webhook is work each time, so a limit applies.
    fn check_repetition(
        &self,
        brand: &Brand,
        source: Source,
        verified: &VerifiedWebhook,
    ) -> Result<Option<[u8; 16]>, Rejection> {
        if verified.meta.dedup_key != DedupKey::None {
            return Ok(None);
        }
        let body = normalized(&verified.delivery.body);
        let content = LookupHash::new(&brand.secret, &format!("same {source}"), &body).0;
        self.same
            .take(content)
            .map_err(|seconds| (Outcome::RateLimited, Problem::TooManyWebhooks(seconds)))?;
        Ok(Some(content))
    }

    /// The network address of the sender. `None` if trusted proxies name it in a malformed way.
    fn caller(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip();
        self.proxies.caller(peer, request.headers()).address
    }

    async fn ask_about(
        &self,
        brand: &Brand,
        source: Source,
        about: Vec<RecordKey>,
    ) -> Result<(), StorageError> {
        let requests = refetch_requests(brand, source, &about);
        if requests.is_empty() {
            return Ok(());
        }
        let now = database_now(&self.pool, self.clock.frozen_at()).await?;
        insert_follow_ups(&mut *self.pool.acquire().await?, brand.id(), now, &requests).await
    }
}

/// The records that a webhook names.
fn about(verified: &VerifiedWebhook) -> Vec<RecordKey> {
    match &verified.meta.dedup_key {
        DedupKey::LatestContent { about, .. } => {
            about.iter().filter_map(|about| about.parse().ok()).collect()
        }
        DedupKey::None | DedupKey::Id(_) => Vec::new(),
    }
}

/// A body in normal form, for example without optional blanks. Two bodies that differ only there are the same webhook.
fn normalized(body: &[u8]) -> Vec<u8> {
    serde_json::from_slice::<serde_json::Value>(body)
        .and_then(|value| serde_json::to_vec(&value))
        .unwrap_or_else(|_| body.to_vec())
}

/// Answers the OPTIONS request that a vendor sends before its webhooks.
pub async fn options() -> HttpResponse {
    HttpResponse::NoContent().insert_header((header::ALLOW, WEBHOOK_METHOD)).finish()
}
