//! A webhook's way in: the door, the body, the proof, the inbox. It is acknowledged when it is committed, and answered in time
//! whatever happens: what is not known by then is sent again, and dropped if it was stored after all.

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
use crate::sources::webhook::{DedupKey, Priority, SECRET_HEADER, SECRET_PARAMETER, SecretIn, UnverifiedWebhook, VerificationError, VerifiedWebhook};
use crate::storage::StorageError;
use crate::storage::database::database_now;
use crate::storage::delivery_queue::{DeliveryRow, new_id};
use crate::storage::follow_ups::insert_follow_ups;
use crate::storage::invalidation::LookupHash;
use crate::sync::follow_up::confirmations;
use crate::telemetry::alarm::Alarm;

/// What receiving needs.
pub struct WebhookService {
    /// The ways in.
    pub endpoints: Arc<WebhookEndpoints>,
    pub(crate) delivery_writer: Arc<DeliveryWriter>,
    pool: Pool,
    same: SameWebhooks,
    // One of the large bodies at a time whose proof takes them apart.
    large: Arc<Semaphore>,
    body_memory: BodyMemoryBudget,
    most_bytes: usize,
    answer: Duration,
    wakes: WakeHandles,
    clock: Clock,
}

/// What a request's log line says about a webhook.
#[derive(Debug, Clone)]
pub struct WebhookTrace {
    /// To whom it came.
    pub brand: Arc<Brand>,
    /// From which source, as far as its path says.
    pub source: Source,
}

impl WebhookService {
    /// For some brands.
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
            most_bytes: usize::try_from(settings.max_body_kilobytes.saturating_mul(1024)).unwrap_or(usize::MAX),
            answer: Duration::from_millis(settings.ack_timeout_ms),
            wakes,
            clock,
        }
    }
}

/// Receives a webhook.
///
/// # Errors
/// Every [`Problem`] that a source can meet.
pub async fn receive(request: HttpRequest, payload: Payload, reception: Data<WebhookService>) -> Result<HttpResponse, Problem> {
    let place = |name| request.match_info().query(name);
    let endpoint = reception.endpoints.find(place("brand"), place("source")).ok_or(Problem::NotFound)?;
    request.extensions_mut().insert(WebhookTrace { brand: Arc::clone(&endpoint.brand), source: endpoint.source });
    let came = tokio::time::timeout(reception.answer, reception.take(&request, payload, endpoint)).await;
    let (outcome, answer) = match came {
        Ok(Ok(outcome)) => (outcome, Ok(HttpResponse::Accepted().finish())),
        Ok(Err((outcome, problem))) => (outcome, Err(problem)),
        // It may be stored all the same: then the next attempt finds it known.
        Err(_) => (Outcome::Unavailable, Err(Problem::ReceiptUnknown)),
    };
    endpoint.count(outcome, reception.clock.now());
    answer
}

type Rejection = (Outcome, Problem);

/// A body without what JSON leaves free, such as blanks: with one more it is the same webhook.
fn normalized(body: &[u8]) -> Vec<u8> {
    serde_json::from_slice::<serde_json::Value>(body).and_then(|value| serde_json::to_vec(&value)).unwrap_or_else(|_| body.to_vec())
}

/// A body of more bytes takes milliseconds to be proved and read.
const LARGE: usize = 16 * 1024;

/// A webhook as it came, before anybody vouched for it.
struct Letter {
    headers: BTreeMap<String, String>,
    secret: Option<String>,
    body: Vec<u8>,
    received_at: Timestamp,
}

impl Letter {
    fn verify(&self, brand: &Brand, source: Source) -> Result<VerifiedWebhook, VerificationError> {
        let Self { headers, secret, body, received_at } = self;
        let door = brand.rules.doors.get(&source).ok_or(VerificationError::Missing("proof in the settings"))?;
        let incoming = UnverifiedWebhook { headers, secret: secret.as_deref(), body, received_at: *received_at };
        door.verify(brand.rules.sources.reader(source), &incoming)
    }
}

impl WebhookService {
    async fn take(&self, request: &HttpRequest, payload: Payload, endpoint: &WebhookEndpoint) -> Result<Outcome, Rejection> {
        let brand = &endpoint.brand;
        let Some(door) = brand.rules.doors.get(&endpoint.source) else { return Err((Outcome::Unavailable, Problem::SourceNotConnected)) };
        let mut body_memory = self.read(request, payload).await?;
        let letter = Letter {
            headers: headers(request.headers()),
            secret: door.proof.secret_in().and_then(|place| secret(request, place)),
            body: std::mem::take(&mut body_memory.bytes),
            received_at: self.clock.now(),
        };
        let admitted = self.verify(brand, endpoint.source, letter).await?.map_err(|refused| {
            endpoint.warn(refused, self.clock.now());
            (Outcome::Unverified, Problem::WebhookUnproved)
        })?;
        let Some(priority) = place_in_line(admitted.label.priority) else { return Ok(Outcome::Dropped) };
        // A second one of the same id, or the same content as the last, changes nothing; what bears neither is work each time.
        let content = (admitted.label.sameness == DedupKey::None)
            .then(|| LookupHash::new(&brand.row.secret, &format!("same {}", endpoint.source), &normalized(&admitted.delivery.body)).0);
        if let Some(content) = content {
            self.same.take(content).map_err(|seconds| (Outcome::RateLimited, Problem::TooManyWebhooks(seconds)))?;
        }
        let about = about(&admitted);
        let stored = self.delivery_writer.store(brand.id(), row(brand, endpoint.source, admitted, priority), body_memory).await;
        match stored {
            Ok(InsertResult::Repeated) => {
                // It may be so again, or somebody sends again what was so once: only the source knows.
                self.ask_about(brand, endpoint.source, about).await.map_err(|_| (Outcome::Unavailable, Problem::InboxUnavailable))?;
                Ok(Outcome::StaleDuplicate)
            }
            Ok(InsertResult::New) => {
                self.wakes.wake(brand.id());
                Ok(Outcome::Received)
            }
            Ok(InsertResult::Known) => Ok(Outcome::Duplicate),
            Ok(InsertResult::Conflicting) => Ok(Outcome::ConflictingDuplicate),
            Err(_) => {
                // Whoever is asked to send it again may do so.
                content.into_iter().for_each(|content| self.same.forget(content));
                Err((Outcome::Unavailable, Problem::InboxUnavailable))
            }
        }
    }

    /// At once, but for large bodies whose proof takes them apart: elsewhere, one after the other. Whoever can't prove anything
    /// could have the threads that answer lookups do nothing but read them.
    async fn verify(&self, brand: &Arc<Brand>, source: Source, letter: Letter) -> Result<Result<VerifiedWebhook, VerificationError>, Rejection> {
        // Only a hash over the object takes long before anything is proved.
        let is_hashed = brand.rules.doors.get(&source).is_some_and(|door| door.proof.name() == "hash");
        if letter.body.len() <= LARGE || !is_hashed {
            return Ok(letter.verify(brand, source));
        }
        let unavailable = (Outcome::Unavailable, Problem::InboxUnavailable);
        let permit = Arc::clone(&self.large).acquire_owned().await.map_err(|_| unavailable)?;
        let brand = Arc::clone(brand);
        let reading = tokio::task::spawn_blocking(move || {
            let admitted = letter.verify(&brand, source);
            drop(permit);
            admitted
        });
        reading.await.map_err(|_| unavailable)
    }

    async fn ask_about(&self, brand: &Brand, source: Source, about: Vec<RecordKey>) -> Result<(), StorageError> {
        let hints = confirmations(brand, source, &about);
        if hints.is_empty() {
            return Ok(());
        }
        let now = database_now(&self.pool, self.clock.frozen_at()).await?;
        insert_follow_ups(&mut *self.pool.acquire().await?, brand.id(), now, &hints).await
    }

    async fn read(&self, request: &HttpRequest, mut payload: Payload) -> Result<Body, Rejection> {
        // A signature is made of the bytes that were packed, and nobody says with what.
        let mut encodings = request.headers().get_all(header::CONTENT_ENCODING).flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        if !encodings.all(|encoding| encoding.trim_ascii().is_empty() || encoding.trim_ascii().eq_ignore_ascii_case(b"identity")) {
            return Err((Outcome::Incomplete, Problem::BodyEncoded));
        }
        let too_large = (Outcome::TooLarge, Problem::BodyTooLarge);
        let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > self.most_bytes)) {
            return Err(too_large);
        }
        let mut body = Body::default();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| (Outcome::Incomplete, Problem::BadRequest))?;
            if body.bytes.len().saturating_add(chunk.len()) > self.most_bytes {
                return Err(too_large);
            }
            self.body_memory.add(&mut body, &chunk).map_err(|_| (Outcome::Unavailable, Problem::InboxUnavailable))?;
        }
        Ok(body)
    }
}

/// The records that a webhook is about.
fn about(admitted: &VerifiedWebhook) -> Vec<RecordKey> {
    match &admitted.label.sameness {
        DedupKey::Last { about, .. } => about.iter().filter_map(|about| about.parse().ok()).collect(),
        DedupKey::None | DedupKey::Id(_) => Vec::new(),
    }
}

const fn place_in_line(priority: Priority) -> Option<i16> {
    match priority {
        Priority::High => Some(0),
        Priority::Normal => Some(1),
        Priority::Low => Some(2),
        Priority::Drop => None,
    }
}

/// As it is stored. What tells two deliveries apart is kept as keyed hashes, which say nothing of whom they are about.
fn row(brand: &Brand, source: Source, VerifiedWebhook { delivery, label }: VerifiedWebhook, priority: i16) -> DeliveryRow {
    let hash = |kind: &str, value: &[u8]| LookupHash::new(&brand.row.secret, &format!("{kind} {source}"), value).0;
    let (key, last) = match &label.sameness {
        DedupKey::None => (None, None),
        DedupKey::Id(id) => (Some(hash("delivery", id.as_bytes())), None),
        DedupKey::Last { digest, about } => {
            (None, Some((hash("content", digest), about.iter().map(|about| hash("subject", about.as_bytes())).collect())))
        }
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

/// A repeated header's values are joined, as HTTP says; those that are no text are none of any vendor's.
fn headers(map: &HeaderMap) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in map {
        if let Ok(value) = value.to_str() {
            let joined = headers.entry(name.as_str().to_owned()).or_default();
            match joined.as_str() {
                "" => *joined = value.to_owned(),
                // Said twice is said once.
                known if known == value => {}
                known => *joined = format!("{known}, {value}"),
            }
        }
    }
    headers
}

/// The path's last segment, the query's parameter, or the header.
fn secret(request: &HttpRequest, place: SecretIn) -> Option<String> {
    let given = match place {
        SecretIn::Path => request.path().trim_start_matches('/').split('/').nth(3).filter(|segment| !segment.is_empty()),
        SecretIn::Header => return request.headers().get(SECRET_HEADER)?.to_str().ok().map(str::to_owned),
        SecretIn::Query => request.query_string().split('&').find_map(|pair| pair.strip_prefix(SECRET_PARAMETER)?.strip_prefix('=')),
    };
    percent_decode_str(given?).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// What a vendor asks before it sends anything.
pub async fn options() -> HttpResponse {
    HttpResponse::NoContent().insert_header((header::ALLOW, "POST")).finish()
}
