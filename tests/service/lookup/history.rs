//! The history of lookups: found by ticket, request, address and customer, complete or counted, and nothing personal.

use std::sync::Arc;
use std::time::Duration;

use hookpoint::admin::past_lookups::{LookupSearch, PastLookup, Since, find_past_lookups};
use hookpoint::customer::model::email::Email;
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::{Change, RecordKey};
use hookpoint::customer::model::source::SourceKind;
use hookpoint::http::api_keys::{ApiKeyCache, LiveKey};
use hookpoint::http::rate_limits::Rates;
use hookpoint::ingest::rebuild::rebuild;
use hookpoint::jobs::tasks::BackgroundTasks;
use hookpoint::lookup::history::{LookupHistory, LookupResponse};
use hookpoint::lookup::query::Question;
use hookpoint::lookup::query_customers::ReadRules;
use hookpoint::lookup::trace::LookupTrace;
use hookpoint::settings::file::MultipleMatches;
use serde_json::json;
use sqlx::Connection;
use uuid::Uuid;

use super::postgres_outage::{cut, restore};
use crate::privacy::forms::LeakSearch;
use crate::support::{KEY, Options, TestApp, demo_changes, encode, now, until};

const THOMAS: &str = "channelAddressType=email&address=thomas%40example.org";

const RULES: ReadRules = ReadRules { max_customers: 10, multiple_matches: MultipleMatches::All };

/// The lookups that are found, the newest first.
pub async fn find(app: &TestApp, search: LookupSearch) -> Vec<PastLookup> {
    find_past_lookups(app.pool(), &app.brand, &search, RULES, 100).await.unwrap()
}

fn ticket(ticket: &str) -> LookupSearch {
    LookupSearch::Ticket(ticket.to_owned())
}

/// The only lookup of a ticket, as soon as it is written.
pub async fn of_ticket(app: &TestApp, id: &str) -> PastLookup {
    until("the lookup is written", async || !find(app, ticket(id)).await.is_empty()).await;
    let [lookup] = <[PastLookup; 1]>::try_from(find(app, ticket(id)).await).ok().unwrap();
    lookup
}

fn keys(lookup: &PastLookup) -> Vec<&str> {
    lookup.customers.iter().map(|customer| customer.key.as_str()).collect()
}

#[tokio::test]
async fn a_lookup_is_found_by_ticket_request_address_and_customer() {
    let app = TestApp::demo().await;
    let answer = app.ask(&format!("key={KEY}&{THOMAS}&ticketID=T%2F1")).await;
    let request: Uuid = answer.header("x-request-id").unwrap().parse().unwrap();
    let found = of_ticket(&app, " T/1").await;
    let row = &found.row;
    assert_eq!((row.request_id, row.status, row.problem.as_deref()), (request, 200, None));
    assert_eq!((row.question_kind.as_deref(), row.cache.as_str()), (Some("email"), "miss"));
    assert!(row.asked_at < now() && row.duration_us > 0);
    let [customer] = found.customers.as_slice() else { panic!("one customer") };
    assert_eq!(customer.now.as_deref(), Some(customer.key.as_str()));
    let answered: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let id = answered[0]["customerID"].as_str().unwrap().to_owned();
    let email = Email::parse("Thomas@example.org").unwrap();
    for search in [
        LookupSearch::Request(request),
        LookupSearch::Question(Question::Address(email.into())),
        LookupSearch::Customer(id),
        LookupSearch::Customer(customer.key.clone()),
    ] {
        let found = find(&app, search).await;
        assert_eq!(found.iter().map(|found| found.row.request_id).collect::<Vec<_>>(), [request]);
    }
    assert!(find(&app, ticket("T/2")).await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn it_says_what_omnidesk_got() {
    let app = TestApp::demo().await;
    for (id, query) in [
        ("first", THOMAS),
        ("again", "channelAddressType=email&address=Thomas%40Example.org"),
        ("nobody", "channelAddressType=email&address=nobody%40example.org"),
        ("malformed", "channelAddressType=phoneNumber&address=12"),
        ("couple", "channelAddressType=phoneNumber&address=%2B31644556677"),
        ("by id", "primaryID=NL-2026-00042"),
    ] {
        app.ask(&format!("key={KEY}&{query}&ticketID={}", encode(id))).await;
    }
    let first = of_ticket(&app, "first").await;
    let again = of_ticket(&app, "again").await;
    assert_eq!((first.row.cache.as_str(), again.row.cache.as_str()), ("miss", "hit"));
    assert_eq!((keys(&first).len(), keys(&first)), (1, keys(&again)));
    let nobody = of_ticket(&app, "nobody").await;
    assert!(nobody.row.status == 200 && nobody.customers.is_empty());
    let malformed = of_ticket(&app, "malformed").await.row;
    assert_eq!((malformed.status, malformed.problem.as_deref()), (400, Some("phone-malformed")));
    assert_eq!(malformed.question_kind.as_deref(), Some("telephone"));
    assert_eq!(keys(&of_ticket(&app, "couple").await).len(), 2);
    let by_id = of_ticket(&app, "by id").await;
    assert_eq!((by_id.row.question_kind.as_deref(), keys(&by_id)), (Some("id"), keys(&first)));
    // While Postgres is unavailable, lookups wait to be written.
    cut(&app).await;
    until("cached answers count as expired", async || {
        let ready = app.send("GET", "/health/ready", &[]).await;
        ready.body.contains("\"changes\":\"failing\"")
    })
    .await;
    let stale = app.ask(&format!("key={KEY}&{THOMAS}&ticketID=stale")).await;
    assert_eq!(stale.status, 200);
    restore(&app).await;
    let stale = of_ticket(&app, "stale").await;
    assert_eq!((stale.row.cache.as_str(), keys(&stale)), ("stale", keys(&first)));
    app.stop().await;
}

/// Texts that identify a person, or are secret.
const CANARIES: [&str; 5] =
    ["Canaria", "canaria.history@example.org", "31655500181", "ticket-of-canaria@example.org", KEY];

#[tokio::test]
async fn it_has_no_address_no_name_and_no_key() {
    let app = TestApp::start().await;
    let key = RecordKey::new(SourceKind::OmnioTapContact, "history-1").unwrap();
    let fields =
        [("name.first", CANARIES[0]), ("email.main", CANARIES[1]), ("phone.main", "+31655500181")];
    let fields = fields.map(|(name, value)| (name.to_owned(), Some(json!(value)))).into();
    let update = Update { at: now(), received_at: now(), scope: Scope::Partial, fields };
    app.apply(vec![Change::Record { key, update }]).await;
    app.wait_until_current().await;
    assert_eq!(app.by_phone("+31655500181").await.len(), 1);
    for id in [CANARIES[3], CANARIES[1], CANARIES[2]] {
        let query = format!("channelAddressType=email&address={}", encode(CANARIES[1]));
        app.ask(&format!("key={KEY}&{query}&ticketID={}", encode(id))).await;
        assert_eq!(keys(&of_ticket(&app, id).await), ["omniotap.contact:history-1"]);
    }
    let columns = "select string_agg(case data_type when 'bytea' then format('encode(%I, ''escape'')', column_name)
            else format('%I::text', column_name) end, ', ')
        from information_schema.columns where table_name = 'lookup_history'";
    let (columns,): (String,) = sqlx::query_as(columns).fetch_one(app.pool()).await.unwrap();
    let rows = format!("select concat_ws(' ', {columns}) from lookup_history");
    let rows: Vec<(String,)> =
        sqlx::query_as(sqlx::AssertSqlSafe(rows)).fetch_all(app.pool()).await.unwrap();
    assert!(rows.iter().filter(|(row,)| row.contains("history-1")).count() >= 3, "{rows:?}");
    let search = LeakSearch::new(&CANARIES);
    rows.iter().for_each(|(row,)| assert_eq!(search.find(row), None));
    app.stop().await;
}

#[tokio::test]
async fn it_says_whether_the_answer_is_still_the_same() {
    let app = TestApp::demo().await;
    let since = async |id: &str| of_ticket(&app, id).await.customers[0].since;
    let age = async |age: &str| {
        let age = format!("update answers set changed_at = {age}");
        sqlx::query(sqlx::AssertSqlSafe(age)).execute(app.pool()).await.unwrap();
    };
    // Postgres has another clock than the service in this test, which is behind it.
    let before = "timestamptz '2026-11-21 11:00:00Z'";
    age(before).await;
    app.ask(&format!("key={KEY}&{THOMAS}&ticketID=miss")).await;
    app.ask(&format!("key={KEY}&{THOMAS}&ticketID=hit")).await;
    assert_eq!((since("miss").await, since("hit").await), (Since::Same, Since::Same));
    let answer = app.by_email("thomas@example.org").await;
    let record: RecordKey = of_ticket(&app, "hit").await.customers[0].key.parse().unwrap();
    let fields = [("name.first".to_owned(), Some(json!("Thomasz")))].into();
    let update = Update { at: now(), received_at: now(), scope: Scope::Partial, fields };
    app.apply(vec![Change::Record { key: record, update }]).await;
    app.wait_until_current().await;
    assert_ne!(app.by_email("thomas@example.org").await, answer);
    assert!(matches!(since("hit").await, Since::Changed(at) if at > now()));
    // The last change was before the service stored that, or just before or during the lookup.
    for unknown in
        ["null", "timestamptz '2026-11-21 11:59:55Z'", "timestamptz '2026-11-21 12:00:01Z'"]
    {
        age(unknown).await;
        assert_eq!(since("hit").await, Since::Unknown, "{unknown}");
    }
    // Nothing changes in the answer but its settings, or somebody else has the record.
    age(before).await;
    let execute = async |sql| sqlx::query(sql).execute(app.pool()).await.unwrap();
    execute("update answers set settings_hash = decode(repeat('00', 16), 'hex')").await;
    assert_eq!(since("hit").await, Since::Unknown);
    rebuild(app.pool(), &app.brand, &mut |_| {}).await.unwrap();
    assert_eq!(since("hit").await, Since::Same);
    execute("update lookup_history set too_many = true").await;
    assert_eq!(since("hit").await, Since::Unknown);
    execute("update lookup_history set too_many = false").await;
    execute("update customer_records set customer_key = (select max(customer_key) from customers)")
        .await;
    assert_eq!(since("hit").await, Since::Unknown);
    app.stop().await;
}

#[tokio::test]
async fn old_lookups_are_deleted() {
    let app = TestApp::start().await;
    let insert = "insert into lookup_history (brand_id, asked_at, request_id, status, cache, customer_keys, sources, duration_us)
        select $1, $2 - make_interval(days => days), gen_random_uuid(), 200, 'hit', '{}', '', days from unnest('{13, 15}'::integer[]) as days";
    let insert = sqlx::query(insert).bind(app.brand.id()).bind(jiff_sqlx::Timestamp::from(now()));
    insert.execute(app.pool()).await.unwrap();
    let place = Some((app.place.clone(), app.database.clone()));
    let next = TestApp::start_with(Options { place, ..Options::default() }).await;
    let left = async |days: i32| {
        let query = "select count(*) from lookup_history where duration_us = $1";
        let (rows,): (i64,) = sqlx::query_as(query).bind(days).fetch_one(app.pool()).await.unwrap();
        rows
    };
    until("the old lookup is deleted", async || left(15).await == 0).await;
    assert_eq!(left(13).await, 1);
    next.stop().await;
    app.stop().await;
}

/// The test's key, as the service knows it.
async fn live_key(app: &TestApp) -> Arc<LiveKey> {
    let rates = Rates {
        lookups_per_second: 1,
        wrong_keys_per_minute: 1,
        not_found_per_minute: 1,
        max_tracked_networks: 1,
    };
    let brands = [(app.brand.id(), Arc::clone(&app.brand))].into();
    let keys = ApiKeyCache::new(brands, rates);
    keys.refresh(app.pool()).await.unwrap();
    keys.authenticate(KEY.as_bytes(), now()).unwrap()
}

fn record(history: &LookupHistory, key: &Arc<LiveKey>) {
    let trace = LookupTrace { key: Some(Arc::clone(key)), ..LookupTrace::default() };
    let (request_id, elapsed) = (Uuid::new_v4(), Duration::from_millis(1));
    history.record(trace, LookupResponse { request_id, status: 418, problem: None, elapsed });
}

/// How many lookups were dropped because too many waited, in this process.
fn dropped() -> usize {
    let metrics = hookpoint::telemetry::metrics().render();
    let line = metrics.lines().find_map(|line| {
        line.strip_prefix("hookpoint_lookup_history_dropped_total{reason=\"queue_full\"} ")
    });
    line.map_or(0, |number| number.parse().unwrap())
}

#[tokio::test]
async fn lookups_that_come_too_fast_are_dropped_and_counted_and_the_others_are_written() {
    const LOOKUPS: usize = 1_000;
    let app = TestApp::start().await;
    let key = live_key(&app).await;
    let written = async || {
        let query = "select count(*) from lookup_history where status = 418";
        let (rows,): (i64,) = sqlx::query_as(query).fetch_one(app.pool()).await.unwrap();
        usize::try_from(rows).unwrap()
    };
    let mut blocker = app.session().await;
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("lock table lookup_history in exclusive mode").execute(&mut *lock).await.unwrap();
    let background = BackgroundTasks::new();
    let (waiting, clock, before) = (10, app.clock.clone(), dropped());
    let history = LookupHistory::start(app.pool().clone(), waiting, clock, &background);
    (0..LOOKUPS).for_each(|_| record(&history, &key));
    let lost = dropped() - before;
    // The writer may have taken a batch before it waited for the lock.
    assert!((LOOKUPS - waiting - 100..LOOKUPS).contains(&lost), "{lost}");
    lock.rollback().await.unwrap();
    until("the others are written", async || written().await == LOOKUPS - lost).await;
    // A shutdown writes what waits.
    record(&history, &key);
    background.end().await;
    assert_eq!(written().await, LOOKUPS - lost + 1);
    app.stop().await;
}

#[tokio::test]
async fn every_lookup_of_a_load_is_found_by_its_ticket() {
    const LOOKUPS: usize = 300;
    let app = TestApp::start().await;
    app.apply(demo_changes(&app.brand)).await;
    let queries: Vec<String> =
        (0..LOOKUPS).map(|n| format!("key={KEY}&{THOMAS}&ticketID=load-{n}")).collect();
    for some in queries.chunks(50) {
        let answers = futures_util::future::join_all(some.iter().map(|query| app.ask(query))).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
    }
    for n in 0..LOOKUPS {
        of_ticket(&app, &format!("load-{n}")).await;
    }
    app.stop().await;
}

#[tokio::test]
async fn without_a_valid_key_nothing_is_recorded() {
    let app = TestApp::start().await;
    assert_eq!(app.ask(&format!("key=wrong&{THOMAS}&ticketID=wrong")).await.status, 401);
    app.ask(&format!("key={KEY}&{THOMAS}&ticketID=right")).await;
    of_ticket(&app, "right").await;
    assert!(find(&app, ticket("wrong")).await.is_empty());
    app.stop().await;
}
