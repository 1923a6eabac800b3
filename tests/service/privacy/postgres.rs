//! The log of the embedded Postgres, with any setting that an operator uses to find slow queries or errors.

use std::time::Duration;

use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::{Change, RecordKey};
use hookpoint::customer::model::source::SourceKind;
use hookpoint::ingest::apply::apply;
use hookpoint::storage::database::{Database, Place, PoolSize, Url};
use hookpoint::storage::embedded::Embedded;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

use super::webhooks::{everything, send_webhooks, signatures, webhook_settings};
use super::{
    EMAIL, ID, LEAKED, NAME, PHONE, SECRET_KEY, app_with_canaries, changes, is_found_where_leaked,
};
use crate::support::{Options, TestApp, database, encode, layout, now, scratch, server};

/// Settings that an operator may use, and that would print values.
const SWITCHED_ON: [(&str, &str); 23] = [
    ("log_min_duration_statement", "0"),
    ("log_min_duration_sample", "0"),
    ("log_statement", "all"),
    ("log_duration", "on"),
    ("log_lock_waits", "on"),
    ("deadlock_timeout", "10ms"),
    ("log_temp_files", "0"),
    ("log_connections", "on"),
    ("log_min_messages", "debug5"),
    ("log_min_error_statement", "debug5"),
    ("log_error_verbosity", "verbose"),
    ("log_parameter_max_length", "-1"),
    ("log_parameter_max_length_on_error", "-1"),
    ("log_destination", "csvlog"),
    ("logging_collector", "on"),
    ("debug_print_parse", "on"),
    ("debug_print_rewritten", "on"),
    ("debug_print_plan", "on"),
    ("session_preload_libraries", "auto_explain"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_analyze", "on"),
    ("auto_explain.log_verbose", "on"),
    ("auto_explain.log_nested_statements", "on"),
];

/// The operator's connections.
async fn open(embedded: &Embedded, database: &str) -> PgPool {
    let options = embedded.connect_options().database(database).application_name("operator");
    PgPoolOptions::new().max_connections(2).connect_with(options).await.unwrap()
}

async fn run_statement(server: impl sqlx::PgExecutor<'_>, statement: &str) {
    sqlx::query(AssertSqlSafe(statement.to_owned())).execute(server).await.unwrap();
}

#[tokio::test]
async fn postgres_logs_statements_without_what_is_in_them() {
    let layout = layout(scratch().join(format!("hookpoint-test-log-{}", std::process::id())));
    let directory = layout.data_dir.clone();
    let embedded = Embedded::start(layout.clone()).await.unwrap();
    let server = open(&embedded, "postgres").await;
    run_statement(&server, "create database canaries").await;
    let mut operator = server.acquire().await.unwrap();
    // Some builds of Postgres do not contain it.
    let explains = sqlx::query("load 'auto_explain'").execute(&mut *operator).await.is_ok();
    for (name, value) in SWITCHED_ON.iter().filter(|(name, value)| {
        explains || !(name.contains("explain") || value.contains("explain"))
    }) {
        let statement = AssertSqlSafe(format!("alter system set {name} = '{value}'"));
        sqlx::query(statement)
            .execute(&mut *operator)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    drop(operator);
    server.close().await;
    embedded.stop().await;
    // Some of the settings take effect at the next start.
    let embedded = Embedded::start(layout).await.unwrap();
    let server = open(&embedded, "canaries").await;
    let place = Place::Server(Url::from_environment(format!(
        "postgres://hookpoint@localhost/canaries?host={}",
        directory.join("run").display()
    )));
    let place = Some((place, "canaries".to_owned()));
    let settings = webhook_settings().usual_ack_timeout().lookup_deadline_ms(1_000);
    let app = app_with_canaries(Options { place, settings, ..Options::default() }).await;
    ask(&app).await;
    assert!(send_webhooks(app.application.address, "usual", now()).await.contains(&202));
    provoke(&app, &server).await;
    run_statement(&server, &format!("select '{LEAKED}'")).await;
    app.stop().await;
    server.close().await;
    embedded.stop().await;
    let seen = std::fs::read_to_string(directory.join("postgres.log")).unwrap();
    let elsewhere = std::fs::read_dir(directory.join("cluster/log")).map_or(0, Iterator::count);
    assert_eq!(elsewhere, 0, "a log in another place and form");
    for expected in [
        "duration: ",
        "customer_addresses",
        "delivery_latest_content",
        "unnest(",
        "still waiting for",
        "violates check constraint",
        "duplicate key value",
        "invalid byte sequence",
        "invalid input syntax for type json",
        "canceling statement due to statement timeout",
        "canceling statement due to lock timeout",
        "deadlock detected",
        "could not serialize access",
        "terminating connection due to administrator command",
    ] {
        assert!(seen.contains(expected), "nothing was captured of {expected}: {seen}");
    }
    is_found_where_leaked(&seen);
    assert_eq!(everything().find(&seen), None, "in Postgres's log");
    for id in ["usual", "stopped"] {
        assert_eq!(signatures(id, now()).find(&seen), None, "in Postgres's log");
    }
    // A process that ends may still remove its files.
    for _ in 0..100 {
        if std::fs::remove_dir_all(&directory).is_ok() {
            return;
        }
    }
    assert!(!directory.exists(), "its files are removed");
}

async fn ask(app: &TestApp) -> Vec<u16> {
    let mut statuses = Vec::new();
    for question in [
        format!("channelAddressType=email&address={}", encode(EMAIL)),
        format!("channelAddressType=phoneNumber&address={}", encode(PHONE)),
        format!("primaryID={ID}"),
        format!("primaryID={ID}-9"),
        format!("channelAddressType=email&address=9{}", encode(EMAIL)),
    ] {
        statuses.push(app.ask(&format!("key={SECRET_KEY}&{question}")).await.status);
    }
    statuses
}

/// Causes errors of every kind that would print values.
async fn provoke(app: &TestApp, server: &PgPool) {
    // Changes that no source sends: an empty id, and a byte that Postgres cannot store.
    for id in ["", "\0canary-record-4711"] {
        let fields = [
            ("name.first".to_owned(), Some(NAME.into())),
            ("email.main".to_owned(), Some(EMAIL.into())),
        ]
        .into();
        let key = RecordKey { kind: SourceKind::OmneoProfile, id: id.to_owned() };
        let update = Update { at: now(), received_at: now(), scope: Scope::Partial, fields };
        assert!(apply(app.pool(), &app.brand, vec![Change::Record { key, update }]).await.is_err());
    }
    let again = "insert into customer_addresses (brand_id, kind, address, customer_key) select brand_id, kind, $1, customer_key \
        from customer_addresses, generate_series(1, 2) where address = $1";
    assert!(sqlx::query(again).bind(EMAIL).execute(server).await.is_err());
    assert!(sqlx::query("select $1::text::json").bind(EMAIL).execute(server).await.is_err());
    in_each_others_way(server).await;
    // New connections time out: first while a lookup waits, then while a change does.
    for limit in ["statement_timeout", "lock_timeout"] {
        run_statement(server, &format!("alter role hookpoint set {limit} = '100ms'")).await;
        let mut blocker = server.begin().await.unwrap();
        sqlx::query("set local statement_timeout = 0").execute(&mut *blocker).await.unwrap();
        sqlx::query("lock table answers in access exclusive mode")
            .execute(&mut *blocker)
            .await
            .unwrap();
        disconnect(server).await;
        assert!(ask(app).await.contains(&500));
        assert!(apply(app.pool(), &app.brand, renamed(app)).await.is_err());
        blocker.rollback().await.unwrap();
        run_statement(server, &format!("alter role hookpoint reset {limit}")).await;
    }
    disconnect(server).await;
    // The connection is closed while a lookup waits.
    let mut blocker = server.begin().await.unwrap();
    sqlx::query("lock table answers in access exclusive mode")
        .execute(&mut *blocker)
        .await
        .unwrap();
    let cut = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        disconnect(server).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        blocker.rollback().await.unwrap();
    };
    futures_util::future::join(ask(app), cut).await;
    assert!(ask(app).await.contains(&200), "and the service continues");
    stop_receipts(app, server).await;
}

/// Webhooks that cannot be stored, because Postgres times out or the connection is closed; and an operator's actions on
/// deliveries.
async fn stop_receipts(app: &TestApp, server: &PgPool) {
    run_statement(server, "alter role hookpoint set statement_timeout = '100ms'").await;
    let mut blocker = server.begin().await.unwrap();
    sqlx::query("set local statement_timeout = 0").execute(&mut *blocker).await.unwrap();
    sqlx::query("lock table deliveries in access exclusive mode")
        .execute(&mut *blocker)
        .await
        .unwrap();
    disconnect(server).await;
    assert!(send_webhooks(app.application.address, "stopped", now()).await.contains(&503));
    disconnect(server).await;
    blocker.rollback().await.unwrap();
    run_statement(server, "alter role hookpoint reset statement_timeout").await;
    disconnect(server).await;
    let wrong = "update deliveries set event = $1 where brand_id > 0";
    assert!(sqlx::query(wrong).bind(EMAIL).execute(server).await.is_err());
    assert!(
        sqlx::query("select $1::bytea::text::json")
            .bind(EMAIL.as_bytes())
            .execute(server)
            .await
            .is_err()
    );
}

/// The person under another name.
fn renamed(app: &TestApp) -> Vec<Change> {
    let mut changes = changes(&app.brand);
    for change in &mut changes {
        if let Change::Record { update, .. } = change {
            update.at = now();
            update.fields.insert("name.last".to_owned(), Some(format!("{NAME} {NAME}").into()));
        }
    }
    changes
}

/// Closes all connections of the application to the database.
async fn disconnect(server: &PgPool) {
    let others = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hookpoint'";
    sqlx::query(others).execute(server).await.unwrap();
}

/// A deadlock, and an update of a row that another transaction has changed meanwhile.
async fn in_each_others_way(server: &PgPool) {
    let change = "update records set live = live where record_key = $1";
    let (first, second) =
        (format!("omniotap.contact:{ID}"), "omniotap.contact:canary-other".to_owned());
    let copy = "insert into records (brand_id, record_key, state, live) select brand_id, $1, state, live from records where record_key = $2";
    sqlx::query(copy).bind(&second).bind(&first).execute(server).await.unwrap();
    let (mut one, mut other) = (server.begin().await.unwrap(), server.begin().await.unwrap());
    sqlx::query(change).bind(&first).execute(&mut *one).await.unwrap();
    sqlx::query(change).bind(&second).execute(&mut *other).await.unwrap();
    let (left, right) =
        futures_util::future::join(sqlx::query(change).bind(&second).execute(&mut *one), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            sqlx::query(change).bind(&first).execute(&mut *other).await
        })
        .await;
    assert!(left.is_err() || right.is_err());
    one.rollback().await.unwrap();
    other.rollback().await.unwrap();
    let (mut one, mut other) = (
        server.begin_with("begin isolation level serializable").await.unwrap(),
        server.begin().await.unwrap(),
    );
    sqlx::query("select from records where record_key = $1")
        .bind(&first)
        .execute(&mut *one)
        .await
        .unwrap();
    sqlx::query(change).bind(&first).execute(&mut *other).await.unwrap();
    other.commit().await.unwrap();
    assert!(sqlx::query(change).bind(&first).execute(&mut *one).await.is_err());
    one.rollback().await.unwrap();
    sqlx::query("delete from records where record_key = $1")
        .bind(&second)
        .execute(server)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_server_of_somebody_else_that_logs_values_is_warned_about() {
    let (place, name) = database().await;
    let size =
        PoolSize { connections: 1, acquire_timeout: Duration::from_secs(10), statement: None };
    let operator = server().await;
    for (setting, value, logs) in [
        ("log_min_duration_statement", "0", false),
        ("log_parameter_max_length", "-1", true),
        ("log_min_duration_statement", "-1", false),
        ("log_statement", "all", true),
        ("log_statement", "ddl", false),
        ("auto_explain.log_min_duration", "0", true),
    ] {
        run_statement(&operator, &format!("alter database {name} set {setting} = '{value}'")).await;
        let theirs = Database::open(&place, size, false).await.unwrap();
        assert_eq!(theirs.logs_values().await.unwrap(), logs, "{setting} = {value}");
        theirs.close().await;
    }
}
