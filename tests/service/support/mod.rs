//! One Postgres for the test process, a database and a port for each test, and a plain HTTP client that sends exactly
//! the given bytes.

mod database;
mod documented;
mod http;
mod logs;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use hookpoint::app::Application;
use hookpoint::brand::{Brand, BrandRules};
use hookpoint::clock::Clock;
use hookpoint::customer::model::record::Change;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::recorded_deliveries;
use hookpoint::http::api_keys::hash_key;
use hookpoint::ingest::apply::apply;
use hookpoint::settings::Settings;
use hookpoint::settings::file::{LogFormat, TelemetrySettings};
use hookpoint::sources::diagnosis::comparison::Comparison;
use hookpoint::sources::diagnosis::reason::Reason;
use hookpoint::sources::secret::{Secret, SecretRef};
use hookpoint::sources::webhook::{
    OutgoingWebhook, SecretIn, UnverifiedWebhook, Verification, VerificationError, WebhookVerifier,
};
use hookpoint::storage::api_keys::{KeyRow, insert_key};
use hookpoint::storage::database::{Database, Place, PoolSize};
use hookpoint::storage::pool::Pool;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

pub use self::database::{SIZE, database, server, until_locks_are_awaited, until_used_by};
pub use self::documented::{api_document, documented, operations, schema};
pub use self::http::{Response, encode, exchange, exchange_undocumented, head, post, send};
pub use self::logs::{Logs, adopt_logs, logs};
use crate::cluster;
pub use crate::cluster::{layout, scratch, socket_directory};
pub use crate::settings::TestSettings;

/// The API key of every test's brand.
pub const KEY: &str = "xyzzy";

/// The current time in tests.
pub fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// The time after which a wait counts as endless. No test judges how long something takes.
pub const ENDLESS: Duration = Duration::from_secs(120);

/// The pause between two checks of a condition.
const STEP: Duration = Duration::from_millis(25);

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(STEP).await;
        }
    };
    tokio::time::timeout(ENDLESS, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// A running application.
pub struct TestApp {
    pub application: Application,
    pub brand: Arc<Brand>,
    pub clock: Clock,
    pub place: Place,
    pub database: String,
}

/// The differences between a test's application and the demo's.
#[derive(Default)]
pub struct Options {
    pub settings: TestSettings,
    /// The database of another application.
    pub place: Option<(Place, String)>,
    /// Whether webhooks of every source are accepted without verification.
    pub skips_verification: bool,
    /// Whether time passes, and Postgres is connected as the settings say: for tests of waiting and time-outs.
    pub runs_as_served: bool,
}

/// The suppression file of the applications on a database.
pub fn suppression_file_of(database: &str) -> PathBuf {
    scratch()
        .join(format!("hookpoint-test-{}", std::process::id()))
        .join("ledgers")
        .join(format!("{database}.jsonl"))
}

/// The secret that a source shares with the demo's brand.
pub fn secret_of(source: Source) -> String {
    format!("the-secret-of-{source}")
}

/// The secret with this name. A name that the demo does not have is the secret itself.
fn kept(place: &SecretRef) -> Result<Vec<u8>, String> {
    let SecretRef::Env(name) = place else { return Err("names no file".to_owned()) };
    let source = Source::ALL
        .into_iter()
        .find(|source| *name == format!("{}_SECRET", source.as_str().to_uppercase()));
    Ok(source
        .map_or_else(|| name.clone(), |source| written(source, &secret_of(source)))
        .into_bytes())
}

/// A secret in its source's format.
pub fn written(source: Source, secret: &str) -> String {
    use base64::Engine;
    if source == Source::OmniLab {
        format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(secret))
    } else {
        secret.to_owned()
    }
}

impl From<TestSettings> for Options {
    fn from(settings: TestSettings) -> Self {
        Self { settings, ..Self::default() }
    }
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub async fn start_with(options: impl Into<Options>) -> Self {
        let app = Self::start_without_warm_up(options).await;
        app.until(&format!("key={KEY}&primaryID=warm-up"), |response| response.status == 200).await;
        app
    }

    /// Starts without a warm-up lookup, for settings under which the service would reject it.
    pub async fn start_without_warm_up(options: impl Into<Options>) -> Self {
        let options = options.into();
        logs();
        let mut settings = options.settings.load(&kept);
        if options.skips_verification {
            settings.brands.iter_mut().for_each(skip_verification);
        }
        let (place, name) = match options.place {
            Some(place) => place,
            None => database().await,
        };
        settings.file.erasure.suppression_file = suppression_file_of(&name).display().to_string();
        let clock = if options.runs_as_served { Clock::system() } else { Clock::frozen(now()) };
        let size = if options.runs_as_served { settings.pool_size() } else { SIZE };
        let store = Database::open(&place, size, false).await.unwrap();
        let application = Application::start(&settings.file, settings.brands, store, clock.clone())
            .await
            .unwrap();
        let readiness = application.readiness();
        tokio::time::timeout(ENDLESS, readiness.until_ready())
            .await
            .expect("the service gets ready");
        let brand = application.brands().values().find(|brand| brand.rules.slug == "demo").unwrap();
        let app = Self { brand: Arc::clone(brand), clock, place, database: name, application };
        if hookpoint::storage::api_keys::list_keys(app.pool()).await.unwrap().is_empty() {
            app.key(&app.brand, KEY, None).await;
        }
        app
    }

    /// With the demo's people, but few of the busiest customer's purchases.
    pub async fn demo() -> Self {
        let app = Self::start().await;
        app.apply(demo_changes(&app.brand)).await;
        app.wait_until_current().await;
        app
    }

    /// Settings as this application reads them.
    pub fn loaded(&self, settings: &TestSettings) -> Settings {
        let mut settings = settings.load(&kept);
        settings.file.erasure.suppression_file =
            suppression_file_of(&self.database).display().to_string();
        settings
    }

    /// Waits until the application has processed the notifications of all applied changes.
    pub async fn wait_until_current(&self) {
        tokio::time::timeout(ENDLESS, self.application.wait_until_current())
            .await
            .expect("it hears")
            .unwrap();
    }

    /// A separate session, without time-outs in Postgres.
    pub async fn session(&self) -> sqlx::PgConnection {
        <sqlx::PgConnection as sqlx::Connection>::connect_with(&self.pool().connect_options())
            .await
            .unwrap()
    }

    pub fn pool(&self) -> &Pool {
        &self.application.database.pool
    }

    /// Applies changes in small batches, as the service does: Postgres ends a transaction that computes for too long.
    pub async fn apply(&self, changes: Vec<Change>) {
        for some in changes.chunks(200) {
            apply(self.pool(), &self.brand, some.to_vec()).await.unwrap();
        }
    }

    pub async fn key(&self, brand: &Brand, key: &str, expires_at: Option<Timestamp>) -> Uuid {
        let key_id = Uuid::now_v7();
        let (label, created_at) = ("test".to_owned(), self.clock.now());
        let row = KeyRow {
            brand_id: brand.id(),
            key_id,
            label,
            hash: hash_key(key.as_bytes()),
            created_at,
            expires_at,
            revoked_at: None,
            last_used_at: None,
            last_rejected_at: None,
        };
        insert_key(self.pool(), &row).await.unwrap();
        key_id
    }

    /// Sends a lookup with exactly this query string.
    pub async fn ask(&self, query: &str) -> Response {
        self.send("GET", &format!("/omnidesk/customerlookup?{query}"), &[]).await
    }

    /// Sends a lookup with the test's key, and expects an array.
    pub async fn customers(&self, query: &str) -> Vec<Value> {
        let response = self.ask(&format!("key={KEY}&{query}")).await;
        assert_eq!(response.status, 200, "{}", response.body);
        serde_json::from_str(&response.body).unwrap()
    }

    /// The customers with an e-mail address.
    pub async fn by_email(&self, email: &str) -> Vec<Value> {
        self.customers(&format!("channelAddressType=email&address={}", encode(email))).await
    }

    pub async fn by_phone(&self, phone: &str) -> Vec<Value> {
        self.customers(&format!("channelAddressType=phoneNumber&address={}", encode(phone))).await
    }

    pub async fn by_id(&self, id: &str) -> Vec<Value> {
        self.customers(&format!("primaryID={}", encode(id))).await
    }

    pub async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
        send(self.application.address, method, target, headers).await
    }

    /// Repeats a lookup until the response is as expected: notifications arrive soon, but not at once.
    pub async fn until(&self, query: &str, expected: impl Fn(&Response) -> bool) -> Response {
        let mut last = self.ask(query).await;
        let asking = async {
            while !expected(&last) {
                tokio::time::sleep(STEP).await;
                last = self.ask(query).await;
            }
        };
        if tokio::time::timeout(ENDLESS, asking).await.is_err() {
            panic!("never as expected: {} {}", last.status, last.body);
        }
        last
    }

    pub async fn stop(self) {
        self.application.stop().await;
    }
}

#[derive(Debug)]
struct NoVerification;

impl Verification for NoVerification {
    fn check(&self, _: &UnverifiedWebhook<'_>) -> Result<(), VerificationError> {
        Ok(())
    }

    fn form_reason(&self, _: &UnverifiedWebhook<'_>, _: VerificationError) -> Option<Reason> {
        None
    }

    fn comparison(&self, _: &UnverifiedWebhook<'_>) -> Option<Comparison> {
        None
    }

    fn secrets(&self) -> &[Secret] {
        &[]
    }

    fn sign(&self, webhook: OutgoingWebhook, _: Timestamp) -> Option<OutgoingWebhook> {
        Some(webhook)
    }

    fn name(&self) -> &'static str {
        "none"
    }

    fn is_verified(&self) -> bool {
        false
    }

    fn parses_body(&self) -> bool {
        false
    }

    fn secret_in(&self) -> Option<SecretIn> {
        None
    }
}

fn skip_verification(rules: &mut BrandRules) {
    rules.webhook_verifiers = Source::ALL
        .map(|source| (source, WebhookVerifier { source, verification: Box::new(NoVerification) }))
        .into();
}

pub fn demo_changes(brand: &Brand) -> Vec<Change> {
    let mut deliveries = recorded_deliveries::recorded().unwrap();
    deliveries.extend(recorded_deliveries::busy_purchases(60));
    recorded_deliveries::changes(&deliveries, &brand.rules.sources).unwrap()
}
