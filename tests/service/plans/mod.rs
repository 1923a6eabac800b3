//! How Postgres runs the statements of lookups, webhooks and changes when the tables are very large.

mod plan;
mod statement_recorder;

use std::path::PathBuf;

use hookpoint::customer::model::source::Source;
use hookpoint::storage::database::{Place, Url};
use sqlx::{AssertSqlSafe, PgConnection};

use self::plan::Step;
use self::statement_recorder::{RecordedStatement, StatementRecorder};
use crate::citus::CitusTables;
use crate::ingest::query_cost::filled;
use crate::support::{KEY, Options, SIZE, TestApp, scratch, socket_directory};
use crate::webhooks::webhook_requests::unsigned_webhook;

/// How many rows Postgres is told that each table has.
const ROWS: f64 = 5_000_000.0;

/// The most rows that a statement may sort: the events of a timeline.
const MOST_SORTED: f64 = 50.0;

/// The most rows that a step may read at once.
const MOST_READ: f64 = 10_000.0;

/// Tables with a few rows for each source.
const SMALL: [&str; 4] = ["upstream_accounts", "webhook_stats", "sync_streams", "invalid_values"];

/// How the statements of upkeep begin. They may read a table, as no lookup, webhook or change waits for them.
const UPKEEP: [&str; 8] = [
    "delete from delivery_jobs",
    "delete from live_queries",
    "delete from lookup_history",
    "delete from postponed_lookup_reviews",
    "delete from rejected_webhooks",
    "select count(*)::float8 from match_reviews",
    // The suppression file and the table are compared at the start.
    "select erasure_id, erased_at, completed_at",
    "select hash from suppression_hashes",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_of_a_lookup_a_webhook_or_a_change_reads_or_sorts_a_whole_table() {
    let (_, name, _) = filled(2_000, SIZE).await;
    let directory = directory();
    let recorder = StatementRecorder::open(&directory, &socket_directory());
    let url = format!("postgres://hookpoint@localhost/{name}?host={}", directory.display());
    let place = Some((Place::Server(Url::from_environment(url)), name));
    let app = TestApp::start_with(Options { place, ..Options::default() }).await;
    look_up_and_change(&app).await;
    let recorded = recorder.statements();
    let mut db = app.session().await;
    app.stop().await;
    for part in
        ["customer_addresses", "into deliveries", "into delivery_dedup", "event_rows", "from keys"]
    {
        assert!(recorded.iter().any(|statement| statement.text.contains(part)), "no {part}");
    }
    let large = pretend_to_be_large(&mut db).await;
    let is_of_upkeep =
        |text: &str| UPKEEP.iter().any(|beginning| text.trim_start().starts_with(beginning));
    let mut costly = Vec::new();
    for statement in recorded.iter().filter(|statement| !is_of_upkeep(&statement.text)) {
        costly.extend(costly_steps(&mut db, statement, &large).await);
    }
    assert!(costly.is_empty(), "{costly:#?}");

    for (text, expected) in [
        ("select record_key from records where state::text = 'x'", "Seq Scan"),
        (
            "select record_key from records where brand_id = 1 order by record_key",
            "Index Only Scan",
        ),
        ("select body from answers order by body", "Sort"),
    ] {
        let statement = RecordedStatement { text: text.to_owned(), ..RecordedStatement::default() };
        let costly = costly_steps(&mut db, &statement, &large).await;
        assert!(costly.iter().any(|(step, _)| step.kind == expected), "{text}: {costly:?}");
    }
}

/// The directory of the proxy's socket.
fn directory() -> PathBuf {
    scratch().join(format!("hookpoint-test-{}", std::process::id())).join("plans")
}

/// Lookups by everything, and webhooks of all sources.
async fn look_up_and_change(app: &TestApp) {
    for n in [5, 6, 7] {
        assert_eq!(app.by_email(&format!("p{n}@example.org")).await.len(), 1);
        assert_eq!(app.by_phone(&format!("+316{n:08}")).await.len(), 1);
        assert_eq!(app.by_id(&format!("omneo:p{n}")).await.len(), 1);
    }
    assert!(app.by_email("nobody@example.org").await.is_empty());
    for source in Source::ALL {
        let response = unsigned_webhook(source, 1).signed().to(app).await;
        assert_eq!(response.status, 202, "{}", response.body);
    }
    for known in ["c-1", "p-1"] {
        let query = format!("key={KEY}&channelAddressType=email&address={known}%40example.org");
        app.until(&query, |response| response.body.contains("\"Anna\"")).await;
    }
}

/// Makes Postgres plan with the statistics of what is stored, but as if there were far more. Returns the tables that it
/// believes to be large: those with at least a row.
async fn pretend_to_be_large(db: &mut PgConnection) -> Vec<String> {
    let tables: Vec<String> = CitusTables::read()
        .distributed
        .into_iter()
        .filter(|table| !SMALL.contains(&table.as_str()))
        .collect();
    // Otherwise autovacuum could count the rows again meanwhile.
    let off =
        tables.iter().map(|table| format!("alter table {table} set (autovacuum_enabled = off);"));
    let statements = AssertSqlSafe(format!("{} analyze;", off.collect::<String>()));
    sqlx::raw_sql(statements).execute(&mut *db).await.unwrap();
    let pretend = "with large as materialized (
            select oid from pg_class where oid = any($2::text[]::regclass[]) and reltuples > 0
        ),
        indexes as (
            update pg_class set reltuples = $1 from pg_index as index join large on large.oid = index.indrelid
            where pg_class.oid = index.indexrelid
        )
        update pg_class set reltuples = $1 from large where pg_class.oid = large.oid
        returning relname::text";
    let large: Vec<(String,)> =
        sqlx::query_as(pretend).bind(ROWS).bind(&tables).fetch_all(&mut *db).await.unwrap();
    let large: Vec<String> = large.into_iter().map(|(table,)| table).collect();
    for table in ["records", "identifiers", "events", "answers", "customer_addresses", "deliveries"]
    {
        assert!(large.iter().any(|large| large == table), "{table} has rows: {large:?}");
    }
    large
}

/// The steps of a statement that read or sort too much.
async fn costly_steps(
    db: &mut PgConnection,
    statement: &RecordedStatement,
    large: &[String],
) -> Vec<(Step, String)> {
    // Postgres makes no plan for it.
    if statement.text.starts_with("show ") {
        return Vec::new();
    }
    let steps = plan::steps(db, statement).await.into_iter();
    let costly = steps.filter(|step| {
        let reads_much = large.contains(&step.table) && step.rows > MOST_READ;
        let reads_all = step.kind == "Seq Scan" && large.contains(&step.table);
        reads_all || reads_much || step.kind.contains("Sort") && step.rows > MOST_SORTED
    });
    costly.map(|step| (step, statement.text.clone())).collect()
}
