//! One Postgres for the test process, a database and a port for each test, and a plain HTTP client that sends exactly
//! the given bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
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
use hookpoint::settings::file::{LogFormat, TelemetrySettings};
use hookpoint::sources::secret::SecretRef;
use hookpoint::sources::webhook::{
    SecretIn, UnverifiedWebhook, Verification, VerificationError, WebhookVerifier,
};
use hookpoint::storage::api_keys::{KeyRow, insert_key};
use hookpoint::storage::database::{Database, Place, PoolSize, Url};
use hookpoint::storage::embedded::{Embedded, Layout, sweep_abandoned};
use hookpoint::storage::pool::Pool;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

pub use crate::settings::TestSettings;

/// The API key of every test's brand.
pub const KEY: &str = "xyzzy";

/// The current time in tests.
pub fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// Everything that this process logs, at every level of ours.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Logs {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

static LOGS: OnceLock<Logs> = OnceLock::new();

/// For a process that captures its log in another way.
pub fn adopt_logs(logs: Logs) {
    assert!(LOGS.set(logs).is_ok(), "a subscriber is set already");
}

pub fn logs() -> &'static Logs {
    LOGS.get_or_init(|| {
        let logs = Logs::default();
        let writer = logs.clone();
        let settings = TelemetrySettings { format: LogFormat::Json, level: "trace".to_owned() };
        tracing::subscriber::set_global_default(hookpoint::telemetry::subscriber(
            &settings,
            move || writer.clone(),
        ))
        .unwrap();
        hookpoint::telemetry::metrics();
        logs
    })
}

/// The data directory of temporary servers. `postgres` must reach it even if the tests run as root.
pub fn scratch() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let reachable = |dir: &Path| {
        use std::os::unix::fs::PermissionsExt;
        dir.ancestors().all(|dir| {
            std::fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0)
        })
    };
    if reachable(target) { target.to_owned() } else { std::env::temp_dir() }
}

pub fn layout(name: &str) -> Layout {
    Layout {
        data_dir: scratch().join(name),
        postgres_bin: None,
        cache_dir: scratch().join("postgres-binaries"),
        fetch: true,
        durable: false,
    }
}

struct Cluster {
    embedded: Embedded,
    template: tokio::sync::Mutex<bool>,
}

/// The server ends with this process, however the process ends. The next run removes its directory.
fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let start = || {
            sweep_abandoned(&scratch(), "hookpoint-test-");
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime
                .block_on(Embedded::start(layout(&format!(
                    "hookpoint-test-{}",
                    std::process::id()
                ))))
                .unwrap()
        };
        let embedded = std::thread::spawn(start).join().unwrap();
        Cluster { embedded, template: tokio::sync::Mutex::new(false) }
    })
}

/// The directory of the server's socket.
pub fn socket_directory() -> PathBuf {
    cluster().embedded.layout().data_dir.join("run")
}

fn url(database: &str) -> Place {
    Place::Server(Url(format!(
        "postgres://hookpoint@localhost/{database}?host={}",
        socket_directory().display()
    )))
}

const SIZE: PoolSize =
    PoolSize { connections: 6, acquire_timeout: Duration::from_secs(10), statement: Some(ENDLESS) };

/// A connection to the server itself.
pub async fn server() -> Pool {
    Database::open(&url("postgres"), PoolSize { connections: 1, ..SIZE }, false).await.unwrap().pool
}

/// The time after which a wait counts as endless. No test judges how long something takes.
pub const ENDLESS: Duration = Duration::from_secs(120);

/// The pause between two looks at a condition.
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

/// Waits until a database has this many connections: Postgres notices a closed connection a moment later.
pub async fn until_used_by(connections: i64, database: &str) {
    let (server, query) = (
        server().await,
        "select count(*) from pg_stat_activity where datname = $1 and backend_type = 'client backend'",
    );
    until("its connections are closed", async || {
        let (used_by,): (i64,) =
            sqlx::query_as(query).bind(database).fetch_one(&server).await.unwrap();
        used_by == connections
    })
    .await;
    server.close();
}

/// Waits until this many statements in a database wait for a lock.
pub async fn until_locks_are_awaited(statements: i64, database: &str) {
    let (server, query) = (
        server().await,
        "select count(*) from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'",
    );
    until("statements wait for a lock", async || {
        let (waiting,): (i64,) =
            sqlx::query_as(query).bind(database).fetch_one(&server).await.unwrap();
        waiting == statements
    })
    .await;
    server.close();
}

/// A new database with the schema.
pub async fn database() -> (Place, String) {
    let server = server().await;
    let mut made = cluster().template.lock().await;
    if !*made {
        sqlx::query("create database template").execute(&server).await.unwrap();
        let template = Database::open(&url("template"), SIZE, false).await.unwrap();
        hookpoint::storage::migrate(&template.pool).await.unwrap();
        template.close().await;
        *made = true;
    }
    let name = format!("test_{}", Uuid::new_v4().simple());
    sqlx::query(sqlx::AssertSqlSafe(format!("create database {name} template template")))
        .execute(&server)
        .await
        .unwrap();
    server.close();
    (url(&name), name)
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
            settings.brands.iter_mut().for_each(open_doors);
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
        let brand = application.brands.values().find(|brand| brand.rules.slug == "demo").unwrap();
        let app = Self { brand: Arc::clone(brand), clock, place, database: name, application };
        if hookpoint::storage::api_keys::list_keys(app.pool()).await.unwrap().is_empty() {
            app.key(&app.brand, KEY, None).await;
        }
        app
    }

    /// With the demo's people, but few of the busiest customer's purchases.
    pub async fn demo() -> Self {
        let app = Self::start().await;
        app.apply(story_changes(&app.brand)).await;
        app.wait_until_current().await;
        app
    }

    /// Waits until the application has processed the notifications of all applied changes.
    pub async fn wait_until_current(&self) {
        tokio::time::timeout(ENDLESS, self.application.catch_up())
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

    pub async fn apply(&self, changes: Vec<Change>) {
        apply(self.pool(), &self.brand, changes).await.unwrap();
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

    fn name(&self) -> &'static str {
        "none"
    }

    fn secret_in(&self) -> Option<SecretIn> {
        None
    }
}

fn open_doors(rules: &mut BrandRules) {
    rules.webhook_verifiers = Source::ALL
        .map(|source| (source, WebhookVerifier { source, proof: Box::new(NoVerification) }))
        .into();
}

pub fn story_changes(brand: &Brand) -> Vec<Change> {
    let mut deliveries = recorded_deliveries::recorded().unwrap();
    deliveries.extend(recorded_deliveries::busy_purchases(60));
    recorded_deliveries::changes(&deliveries, &brand.rules.sources).unwrap()
}

pub fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A response, unparsed.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    pub fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub async fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Response {
    exchange(address, head(address, method, target, headers).into_bytes()).await
}

/// Sends a body.
pub async fn post(
    address: SocketAddr,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let length = body.len().to_string();
    let headers: Vec<(&str, &str)> =
        headers.iter().copied().chain([("Content-Length", length.as_str())]).collect();
    exchange(address, [head(address, "POST", target, &headers).as_bytes(), body].concat()).await
}

pub fn head(address: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)]) -> String {
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n")
}

/// Sends bytes, as far as the server reads them, and reads the response.
pub async fn exchange(address: SocketAddr, request: Vec<u8>) -> Response {
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(ENDLESS)).unwrap();
        // A server that rejects a body need not read it, and may close before everything is sent.
        let _ = stream.write_all(&request);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status =
            head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Response { status, head: head.to_owned(), body: body.to_owned() }
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}
