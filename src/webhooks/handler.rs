//! Handles a webhook: endpoint, body, verification, inbox. It is acknowledged after the commit. The answer always comes
//! in time: if the result is unknown by then, the source sends the webhook again, and a duplicate is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::storage::pool::Pool;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use futures_util::StreamExt;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use tokio::sync::Semaphore;

use super::body_memory::{Body, BodyMemoryBudget};
use super::delivery_writer::{DeliveryWriter, InsertResult};
use super::endpoints::{Outcome, WebhookEndpoint, WebhookEndpoints};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::Source;
use crate::http::problem::Problem;
use crate::http::rate_limits::SameWebhooks;
use crate::inbox::WakeHandles;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::file::{InboxSettings, LimitsSettings};
use crate::sources::webhook::{
    DedupKey, Priority, SECRET_HEADER, SECRET_PARAMETER, SecretIn, UnverifiedWebhook,
    VerificationError, VerifiedWebhook,
};
use crate::storage::StorageError;
use crate::storage::database::database_now;
use crate::storage::delivery_queue::{DeliveryRow, new_id};
use crate::storage::follow_ups::insert_follow_ups;
use crate::storage::invalidation::LookupHash;
use crate::sync::follow_up::confirmations;
use crate::telemetry::alarm::Alarm;

/// The state of the webhook endpoints' handler.
pub struct WebhookService {
    /// The webhook endpoints.
    pub endpoints: Arc<WebhookEndpoints>,
    pub(crate) delivery_writer: Arc<DeliveryWriter>,
    pool: Pool,
    same: SameWebhooks,
    // Only one large body at a time is verified if its verification parses the body.
    large: Arc<Semaphore>,
    body_memory: BodyMemoryBudget,
    most_bytes: usize,
    answer: Duration,
    wakes: WakeHandles,
    clock: Clock,
}

/// The webhook fields in the log line of a request.
#[derive(Debug, Clone)]
pub struct WebhookTrace {
    /// The brand in the path.
    pub brand: Arc<Brand>,
    /// The source in the path.
    pub source: Source,
}

impl WebhookService {
    /// A service for these brands.
    pub fn new(
        (pool, alarm): (Pool, Arc<Alarm>),
        brands: &[Arc<Brand>],
        settings: (&InboxSettings, &LimitsSettings),
        wakes: WakeHandles,
        background: BackgroundTasks,
        clock: Clock,
    ) -> Self {
        let (settings, limits) = settings;
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
            same: SameWebhooks::new(limits.identical_webhooks_per_minute),
            large: Arc::new(Semaphore::new(1)),
            body_memory: BodyMemoryBudget::new(settings.body_memory_megabytes),
            most_bytes: usize::try_from(settings.max_body_kilobytes.saturating_mul(1024))
                .unwrap_or(usize::MAX),
            answer: Duration::from_millis(settings.ack_timeout_ms),
            wakes,
            clock,
        }
    }
}

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
    request
        .extensions_mut()
        .insert(WebhookTrace { brand: Arc::clone(&endpoint.brand), source: endpoint.source });
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
    answer
}

type Rejection = (Outcome, Problem);

/// A body in normal form, for example without optional blanks. Two bodies that differ only there are the same webhook.
fn normalized(body: &[u8]) -> Vec<u8> {
    serde_json::from_slice::<serde_json::Value>(body)
        .and_then(|value| serde_json::to_vec(&value))
        .unwrap_or_else(|_| body.to_vec())
}

/// Bodies above this size take milliseconds to verify and parse.
const LARGE: usize = 16 * 1024;

/// A webhook that is not verified yet.
struct ReceivedWebhook {
    headers: BTreeMap<String, String>,
    secret: Option<String>,
    body: Vec<u8>,
    received_at: Timestamp,
}

impl ReceivedWebhook {
    fn verify(&self, brand: &Brand, source: Source) -> Result<VerifiedWebhook, VerificationError> {
        let Self { headers, secret, body, received_at } = self;
        let verifier = brand
            .rules
            .webhook_verifiers
            .get(&source)
            .ok_or(VerificationError::Missing("verification in the settings"))?;
        let incoming = UnverifiedWebhook {
            headers,
            secret: secret.as_deref(),
            body,
            received_at: *received_at,
        };
        verifier.verify(brand.rules.sources.reader(source), &incoming)
    }
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
        let mut body_memory = self.read(request, payload).await?;
        let received = ReceivedWebhook {
            headers: headers(request.headers()),
            secret: verifier.proof.secret_in().and_then(|place| secret(request, place)),
            body: std::mem::take(&mut body_memory.bytes),
            received_at: self.clock.now(),
        };
        let verified = self.verify(brand, endpoint.source, received).await?.map_err(|refused| {
            endpoint.warn(refused, self.clock.now());
            (Outcome::Unverified, Problem::WebhookUnverified)
        })?;
        let Some(priority) = priority_number(verified.label.priority) else {
            return Ok(Outcome::Dropped);
        };
        // A duplicate by id or content changes nothing. A webhook without a deduplication key is work each time, so a
        // limit applies.
        let content = (verified.label.dedup_key == DedupKey::None).then(|| {
            LookupHash::new(
                &brand.secret,
                &format!("same {}", endpoint.source),
                &normalized(&verified.delivery.body),
            )
            .0
        });
        if let Some(content) = content {
            self.same
                .take(content)
                .map_err(|seconds| (Outcome::RateLimited, Problem::TooManyWebhooks(seconds)))?;
        }
        let about = about(&verified);
        let stored = self
            .delivery_writer
            .store(brand.id(), row(brand, endpoint.source, verified, priority), body_memory)
            .await;
        match stored {
            Ok(InsertResult::Repeated) => {
                // The state may be the same again, or somebody replays an old webhook. Only the source knows.
                self.ask_about(brand, endpoint.source, about)
                    .await
                    .map_err(|_| (Outcome::Unavailable, Problem::InboxUnavailable))?;
                Ok(Outcome::StaleDuplicate)
            }
            Ok(InsertResult::New) => {
                self.wakes.wake(brand.id());
                Ok(Outcome::Received)
            }
            Ok(InsertResult::Duplicate) => Ok(Outcome::Duplicate),
            Ok(InsertResult::Conflicting) => Ok(Outcome::ConflictingDuplicate),
            Err(_) => {
                // The source is asked to send it again, so this attempt does not count for the limit.
                content.into_iter().for_each(|content| self.same.forget(content));
                Err((Outcome::Unavailable, Problem::InboxUnavailable))
            }
        }
    }

    /// Verifies small bodies at once. Large bodies whose verification parses them are verified on another thread, one
    /// after the other. Otherwise anybody could block the threads that answer lookups.
    async fn verify(
        &self,
        brand: &Arc<Brand>,
        source: Source,
        received: ReceivedWebhook,
    ) -> Result<Result<VerifiedWebhook, VerificationError>, Rejection> {
        // Only the verification by hash parses the body first.
        let is_hashed = brand
            .rules
            .webhook_verifiers
            .get(&source)
            .is_some_and(|verifier| verifier.proof.name() == "hash");
        if received.body.len() <= LARGE || !is_hashed {
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

    async fn ask_about(
        &self,
        brand: &Brand,
        source: Source,
        about: Vec<RecordKey>,
    ) -> Result<(), StorageError> {
        let hints = confirmations(brand, source, &about);
        if hints.is_empty() {
            return Ok(());
        }
        let now = database_now(&self.pool, self.clock.frozen_at()).await?;
        insert_follow_ups(&mut *self.pool.acquire().await?, brand.id(), now, &hints).await
    }

    async fn read(&self, request: &HttpRequest, mut payload: Payload) -> Result<Body, Rejection> {
        // The signature covers the encoded bytes, and the sources do not document an encoding.
        let mut encodings = request
            .headers()
            .get_all(header::CONTENT_ENCODING)
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        if !encodings.all(|encoding| {
            encoding.trim_ascii().is_empty()
                || encoding.trim_ascii().eq_ignore_ascii_case(b"identity")
        }) {
            return Err((Outcome::Incomplete, Problem::BodyEncoded));
        }
        let too_large = (Outcome::TooLarge, Problem::BodyTooLarge);
        let announced = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| {
            usize::try_from(length).map_or(true, |length| length > self.most_bytes)
        }) {
            return Err(too_large);
        }
        let mut body = Body::default();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| (Outcome::Incomplete, Problem::BadRequest))?;
            if body.bytes.len().saturating_add(chunk.len()) > self.most_bytes {
                return Err(too_large);
            }
            self.body_memory
                .add(&mut body, &chunk)
                .map_err(|_| (Outcome::Unavailable, Problem::InboxUnavailable))?;
        }
        Ok(body)
    }
}

/// The records that a webhook names.
fn about(verified: &VerifiedWebhook) -> Vec<RecordKey> {
    match &verified.label.dedup_key {
        DedupKey::Last { about, .. } => {
            about.iter().filter_map(|about| about.parse().ok()).collect()
        }
        DedupKey::None | DedupKey::Id(_) => Vec::new(),
    }
}

const fn priority_number(priority: Priority) -> Option<i16> {
    match priority {
        Priority::High => Some(0),
        Priority::Normal => Some(1),
        Priority::Low => Some(2),
        Priority::Drop => None,
    }
}

/// The row of a delivery. The values that identify a delivery are stored as keyed hashes, which reveal nothing about a
/// person.
fn row(
    brand: &Brand,
    source: Source,
    VerifiedWebhook { delivery, label }: VerifiedWebhook,
    priority: i16,
) -> DeliveryRow {
    let hash = |kind: &str, value: &[u8]| {
        LookupHash::new(&brand.secret, &format!("{kind} {source}"), value).0
    };
    let (key, last) = match &label.dedup_key {
        DedupKey::None => (None, None),
        DedupKey::Id(id) => (Some(hash("delivery", id.as_bytes())), None),
        DedupKey::Last { digest, about } => (
            None,
            Some((
                hash("content", digest),
                about.iter().map(|about| hash("subject", about.as_bytes())).collect(),
            )),
        ),
    };
    DeliveryRow {
        delivery_id: new_id(delivery.received_at),
        source,
        event: label.event,
        headers: delivery.headers,
        content: hash("whole content", &delivery.body),
        body: delivery.body,
        priority,
        key,
        last,
    }
}

/// The headers as text. Values of a repeated header are joined, as HTTP defines. Values that are not text are left out,
/// because no source sends any.
fn headers(map: &HeaderMap) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in map {
        if let Ok(value) = value.to_str() {
            let joined = headers.entry(name.as_str().to_owned()).or_default();
            match joined.as_str() {
                "" => *joined = value.to_owned(),
                // An identical repeated value counts once.
                known if known == value => {}
                known => *joined = format!("{known}, {value}"),
            }
        }
    }
    headers
}

/// The secret of a webhook: from the last segment of the path, the parameter of the query, or the header.
fn secret(request: &HttpRequest, place: SecretIn) -> Option<String> {
    let given = match place {
        SecretIn::Path => request
            .path()
            .trim_start_matches('/')
            .split('/')
            .nth(3)
            .filter(|segment| !segment.is_empty()),
        SecretIn::Header => {
            return request.headers().get(SECRET_HEADER)?.to_str().ok().map(str::to_owned);
        }
        SecretIn::Query => request
            .query_string()
            .split('&')
            .find_map(|pair| pair.strip_prefix(SECRET_PARAMETER)?.strip_prefix('=')),
    };
    percent_decode_str(given?).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Answers the OPTIONS request that a vendor sends before its webhooks.
pub async fn options() -> HttpResponse {
    HttpResponse::NoContent().insert_header((header::ALLOW, "POST")).finish()
}
