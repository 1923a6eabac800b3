//! One Postgres for the test process, and a database for each test.

use std::cell::RefCell;

use super::*;

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
    /// The databases of tests that ended.
    ended: std::sync::mpsc::Sender<String>,
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

/// Drops the databases of tests that ended. One that is still connected waits for the end of a later test.
fn drop_databases(ended: &std::sync::mpsc::Receiver<String>) {
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
    let server = server().await;
    let query = "select distinct datname from pg_stat_activity where datname = any($1)";
    let connected: Vec<(String,)> =
        sqlx::query_as(query).bind(&names).fetch_all(&server).await.unwrap_or_default();
    let (waiting, free): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| connected.iter().any(|(other,)| other == name));
    for name in free {
        let statement = sqlx::AssertSqlSafe(format!("drop database if exists {name}"));
        let _ = sqlx::query(statement).execute(&server).await;
    }
    server.close();
    waiting
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
        let (ended, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || drop_databases(&receiver));
        Cluster { embedded, template: tokio::sync::Mutex::new(false), ended }
    })
}

/// The directory of the server's socket.
pub fn socket_directory() -> PathBuf {
    cluster().embedded.layout().data_dir.join("run")
}

fn url(database: &str) -> Place {
    Place::Server(Url::from_environment(format!(
        "postgres://hookpoint@localhost/{database}?host={}",
        socket_directory().display()
    )))
}

pub(super) const SIZE: PoolSize =
    PoolSize { connections: 6, acquire_timeout: Duration::from_secs(10), statement: Some(ENDLESS) };

/// A connection to the server itself.
pub async fn server() -> Pool {
    Database::open(&url("postgres"), PoolSize { connections: 1, ..SIZE }, false).await.unwrap().pool
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
    OF_THIS_TEST.with(|test| test.0.borrow_mut().push(name.clone()));
    (url(&name), name)
}
