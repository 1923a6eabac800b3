//! One Postgres for the test process, and a database for each test.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use hookpoint::storage::database::{Database, Place, PoolSize, Url};
use hookpoint::storage::embedded::{Embedded, Layout, SHARED_BUFFERS_MEGABYTES, sweep_abandoned};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};

struct Cluster {
    embedded: Embedded,
    has_template: tokio::sync::Mutex<bool>,
    /// The databases of tests that ended.
    ended: Sender<String>,
}

/// The databases of the test that runs on this thread. Hundreds of them would fill a small disk.
struct OfThisTest(RefCell<Vec<String>>);

thread_local! {
    static OF_THIS_TEST: OfThisTest = const { OfThisTest(RefCell::new(Vec::new())) };
}

impl Drop for OfThisTest {
    fn drop(&mut self) {
        for name in self.0.take() {
            let _ = cluster().ended.send(name);
        }
    }
}

/// The data directory of temporary servers. `postgres` must reach it even if the tests run as root.
pub fn scratch() -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let is_reachable = target
        .ancestors()
        .all(|dir| std::fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0));
    if is_reachable { target.to_owned() } else { std::env::temp_dir() }
}

/// A server that keeps its data in a directory. Its commits do not wait for the disk.
pub fn layout(data_dir: PathBuf) -> Layout {
    Layout {
        data_dir,
        postgres_bin: None,
        cache_dir: scratch().join("postgres-binaries"),
        fetch: true,
        shared_buffers_megabytes: SHARED_BUFFERS_MEGABYTES,
        durable: false,
    }
}

/// The server ends with this process, however the process ends. The next run removes its directory.
fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let start = || {
            sweep_abandoned(&scratch(), "hookpoint-test-");
            let layout = layout(scratch().join(format!("hookpoint-test-{}", std::process::id())));
            tokio::runtime::Runtime::new().unwrap().block_on(Embedded::start(layout)).unwrap()
        };
        let embedded = std::thread::spawn(start).join().unwrap();
        let (ended, receiver) = channel();
        std::thread::spawn(move || drop_databases(&receiver));
        Cluster { embedded, has_template: tokio::sync::Mutex::new(false), ended }
    })
}

/// The directory of the server's socket.
pub fn socket_directory() -> PathBuf {
    cluster().embedded.layout().data_dir.join("run")
}

/// How a database of the server is connected.
pub fn connect_options(database: &str) -> PgConnectOptions {
    cluster().embedded.connect_options().database(database)
}

/// The place of a database of the server.
pub fn place(database: &str) -> Place {
    let socket = socket_directory();
    Place::Server(Url::from_environment(format!(
        "postgres://hookpoint@localhost/{database}?host={}",
        socket.display()
    )))
}

/// A new database with the schema.
pub async fn database() -> String {
    let mut has_template = cluster().has_template.lock().await;
    if !*has_template {
        execute("create database template").await;
        let size =
            PoolSize { connections: 1, acquire_timeout: Duration::from_secs(60), statement: None };
        let template = Database::open(&place("template"), size, false).await.unwrap();
        hookpoint::storage::migrate(&template.pool).await.unwrap();
        template.close().await;
        *has_template = true;
    }
    drop(has_template);
    copy_of("template").await
}

/// A new database without anything in it.
pub async fn empty_database() -> String {
    copy_of("template0").await
}

/// A new database with what is in another, to which nothing may be connected.
pub async fn copy_of(template: &str) -> String {
    let name = format!("test_{}", uuid::Uuid::new_v4().simple());
    execute(&format!("create database {name} template {template}")).await;
    OF_THIS_TEST.with(|test| test.0.borrow_mut().push(name.clone()));
    name
}

async fn connect() -> PgConnection {
    connect_options("postgres").disable_statement_logging().connect().await.unwrap()
}

async fn execute(statement: &str) {
    let statement = sqlx::query(AssertSqlSafe(statement.to_owned()));
    statement.execute(&mut connect().await).await.unwrap();
}

/// Drops the databases of tests that ended. One that is still connected waits for the end of a later test.
fn drop_databases(ended: &Receiver<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut waiting = Vec::new();
    while let Ok(name) = ended.recv() {
        waiting.push(name);
        waiting.extend(ended.try_iter());
        waiting = runtime.block_on(drop_disconnected(waiting));
    }
}

/// Returns those that are still connected: Postgres would wait five seconds for each.
async fn drop_disconnected(names: Vec<String>) -> Vec<String> {
    let mut server = connect().await;
    let query = "select distinct datname from pg_stat_activity where datname = any($1)";
    let connected: Vec<(String,)> =
        sqlx::query_as(query).bind(&names).fetch_all(&mut server).await.unwrap_or_default();
    let (waiting, free): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| connected.iter().any(|(other,)| other == name));
    for name in free {
        let statement = AssertSqlSafe(format!("drop database if exists {name}"));
        let _ = sqlx::query(statement).execute(&mut server).await;
    }
    waiting
}
