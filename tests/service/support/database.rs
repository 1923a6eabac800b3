//! Connections to the databases of the tests.

use super::*;

pub const SIZE: PoolSize =
    PoolSize { connections: 6, acquire_timeout: Duration::from_secs(10), statement: Some(ENDLESS) };

/// A connection to the server itself.
pub async fn server() -> Pool {
    Database::open(&cluster::place("postgres"), PoolSize { connections: 1, ..SIZE }, false)
        .await
        .unwrap()
        .pool
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
    let name = cluster::database().await;
    (cluster::place(&name), name)
}
