//! Behaviour while Postgres is unavailable or slow.

use std::time::Duration;

use sqlx::Connection;

use crate::support::{
    KEY, TestApp, TestSettings, demo_changes, server, until, until_locks_are_awaited,
};

const KNOWN: &str = "channelAddressType=email&address=thomas%40example.org";
const COLD: &str = "channelAddressType=email&address=noor%40example.org";

/// Closes all connections to an application's database and prevents new ones.
pub async fn cut(app: &TestApp) {
    let server = server().await;
    let name = &app.database;
    sqlx::query(sqlx::AssertSqlSafe(format!("alter database {name} with allow_connections false")))
        .execute(&server)
        .await
        .unwrap();
    sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1")
        .bind(name)
        .execute(&server)
        .await
        .unwrap();
}

pub async fn restore(app: &TestApp) {
    let query = format!("alter database {} with allow_connections true", app.database);
    sqlx::query(sqlx::AssertSqlSafe(query)).execute(&server().await).await.unwrap();
}

#[tokio::test]
async fn without_postgres_cached_answers_are_returned_and_others_are_500_and_it_recovers_by_itself()
{
    let usual = TestSettings::demo().lookup_deadline_ms(800);
    let app = TestApp::start_with(usual).await;
    app.apply(demo_changes(&app.brand)).await;
    app.wait_until_current().await;
    let known = app.ask(&format!("key={KEY}&{KNOWN}")).await;
    assert_eq!(known.status, 200);
    cut(&app).await;
    for _ in 0..3 {
        let cold = app.ask(&format!("key={KEY}&{COLD}")).await;
        assert_eq!((cold.status, cold.code().as_str()), (500, "lookup-failed"));
        let hot = app.ask(&format!("key={KEY}&{KNOWN}")).await;
        assert_eq!(
            (hot.status, &hot.body),
            (200, &known.body),
            "an expired answer is better than none"
        );
    }
    assert_eq!(app.ask(&format!("key=wrong&{COLD}")).await.status, 401, "keys are cached");
    let ready = app.send("GET", "/health/ready", &[]).await;
    assert!(ready.status == 200 && ready.body.contains("\"degraded\":true"), "{}", ready.body);
    restore(&app).await;
    app.until(&format!("key={KEY}&{COLD}"), |response| {
        response.status == 200 && response.body.contains("Noor")
    })
    .await;
    until("the change listener is connected again", async || {
        app.send("GET", "/health/ready", &[]).await.body.contains("\"degraded\":false")
    })
    .await;
    app.stop().await;
}

#[tokio::test]
async fn a_slow_store_is_given_up_at_the_deadline_and_cannot_pile_up_requests() {
    let impatient = TestSettings::demo().with(|file| {
        file.lookup.deadline_ms = 3_000;
        file.lookup.max_waiting = 4;
    });
    let app = TestApp::start_with(impatient).await;
    app.apply(demo_changes(&app.brand)).await;
    let mut blocker = app.session().await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("lock table answers in access exclusive mode").execute(&mut *lock).await.unwrap();
    let queries: Vec<String> = (0..12)
        .map(|n| format!("key={KEY}&channelAddressType=phoneNumber&address=%2B316000000{n:02}"))
        .collect();
    // They end although Postgres hangs.
    let responses =
        futures_util::future::join_all(queries.iter().map(|query| app.ask(query))).await;
    let failed = responses.iter().filter(|response| response.status == 500).count();
    let refused: Vec<_> = responses.iter().filter(|response| response.status == 503).collect();
    assert_eq!(failed + refused.len(), 12);
    assert!(failed >= 1 && !refused.is_empty(), "{failed} failed");
    assert!(
        refused.iter().all(|response| response.code() == "overloaded"
            && response.header("retry-after") == Some("1"))
    );
    lock.rollback().await.unwrap();
    drop(blocker);
    app.until(&format!("key={KEY}&{KNOWN}"), |response| response.status == 200).await;
    app.stop().await;
}

#[tokio::test]
async fn equal_questions_at_the_same_time_are_asked_once() {
    let app = TestApp::start().await;
    let mut blocker = app.session().await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("lock table answers in access exclusive mode").execute(&mut *lock).await.unwrap();
    let query = format!("key={KEY}&{COLD}");
    let all = futures_util::future::join_all((0..8).map(|_| app.ask(&query)));
    let release = async {
        until_locks_are_awaited(1, &app.database).await;
        until("all eight wait", async || app.application.lookups_waiting() == 8).await;
        // One query in Postgres serves them all.
        until_locks_are_awaited(1, &app.database).await;
        lock.rollback().await.unwrap();
    };
    let (responses, ()) = futures_util::future::join(all, release).await;
    assert!(
        responses
            .iter()
            .all(|response| response.status == 200 && response.body == responses[0].body)
    );
    drop(blocker);
    app.stop().await;
}

#[tokio::test]
async fn a_head_that_never_ends_does_not_keep_its_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let app = TestApp::start().await;
    let mut connection = tokio::net::TcpStream::connect(app.application.address).await.unwrap();
    connection.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(connection.read(&mut [0; 4096]).await.unwrap() > 0);
    connection.write_all(b"GET / HTTP/1.1\r\nx-a: ").await.unwrap();
    let closed = async {
        loop {
            // One byte at a time, so that the connection is never idle for long.
            if connection.write_all(b"a").await.is_err() {
                return;
            }
            if let Ok(Ok(0) | Err(_)) =
                tokio::time::timeout(Duration::from_millis(300), connection.read(&mut [0; 4096]))
                    .await
            {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(120), closed).await.expect("the connection is closed");
    app.stop().await;
}
