//! One Postgres for the test process, and a database for each test.

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
    (url(&name), name)
}
