//! Lookups in one batch, and how one of them affects the others.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hookpoint::storage::invalidation::LookupHash;
use hookpoint::storage::pool::Pool;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Postgres, Transaction};

use crate::support::{KEY, TestApp, TestSettings, encode, now, server, until};

/// Stores people, each with an address.
async fn people(app: &TestApp, number: usize) -> Vec<String> {
    let contact = |n: usize| {
        crate::round_trips::contact(
            &format!("c{n}"),
            0,
            &[("name.first", "Anna"), ("email.main", &format!("p{n}@example.org"))],
        )
    };
    app.apply((0..number).map(contact).collect()).await;
    app.wait_until_current().await;
    (0..number).map(query).collect()
}

fn query(n: usize) -> String {
    format!("key={KEY}&channelAddressType=email&address={}", encode(&format!("p{n}@example.org")))
}

async fn hold_answers(connection: &mut PgConnection) -> Transaction<'_, Postgres> {
    let mut lock = connection.begin().await.unwrap();
    sqlx::query("lock table answers in access exclusive mode").execute(&mut *lock).await.unwrap();
    lock
}

/// The number of an application's statements that wait for a lock.
async fn held(server: &Pool, app: &TestApp) -> i64 {
    let waiting =
        "select count(*) from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'";
    let (waits,): (i64,) =
        sqlx::query_as(waiting).bind(&app.database).fetch_one(server).await.unwrap();
    waits
}

/// Waits until this many lookups wait in an application.
async fn waiting(app: &TestApp, number: usize) {
    until("they wait", async || app.application.lookups_waiting() == number as u64).await;
}

#[tokio::test]
async fn lookups_that_arrive_meanwhile_travel_together_on_few_connections() {
    let app = TestApp::start().await;
    let queries = people(&app, 40).await;
    let server = server().await;
    let mut blocker = app.session().await;
    let lock = hold_answers(&mut blocker).await;
    let all = futures_util::future::join_all(queries.iter().map(|query| app.ask(query)));
    let release = async {
        waiting(&app, 40).await;
        // One batch waits in Postgres, and a second one that started because the first was slow. All other lookups wait
        // for those.
        assert!((1..=2).contains(&held(&server, &app).await));
        lock.rollback().await.unwrap();
    };
    let (responses, ()) = futures_util::future::join(all, release).await;
    for (n, response) in responses.iter().enumerate() {
        assert_eq!(response.status, 200);
        assert!(
            response.body.contains(&format!("\"p{n}@example.org\"")),
            "lookup {n} got another person's answer: {}",
            response.body
        );
    }
    let metrics = hookpoint::telemetry::metrics().render();
    assert!(metrics.contains("hookpoint_batch_lookups_bucket"), "{metrics}");
    app.stop().await;
}

#[tokio::test]
async fn a_lookup_does_not_wait_for_the_last_of_its_batch_and_a_break_in_between_changes_nothing() {
    const PEOPLE: usize = 60;
    let app = TestApp::start().await;
    let queries = people(&app, PEOPLE).await;
    // The answer about the last person takes as long as the test holds a lock. All answers are long, because Postgres
    // sends them only when it has 8 KB.
    sqlx::raw_sql(AssertSqlSafe(format!(
        "alter table answers rename to stored_answers;
        create function when_free(body text) returns text stable language plpgsql as
            $$ begin perform pg_advisory_xact_lock_shared(4711); return body; end $$;
        create view answers as select brand_id, customer_key, settings_hash,
            case when customer_key like '%:c{last}' then when_free(body) else body || repeat(' ', 2000) end as body
        from stored_answers",
        last = PEOPLE - 1
    )))
    .execute(app.pool())
    .await
    .unwrap();
    let (server, mut blocker, mut other) =
        (server().await, app.session().await, app.session().await);
    let mut last_one = other.begin().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock(4711)").execute(&mut *last_one).await.unwrap();
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("lock table stored_answers in access exclusive mode")
        .execute(&mut *lock)
        .await
        .unwrap();
    // Two batches of one lookup are in flight, as many as may be. All others form the next one, the last person at its end.
    let ask = |people: std::ops::Range<usize>| {
        futures_util::future::join_all(queries[people].iter().map(|query| app.ask(query)))
    };
    let first = ask(0..1);
    let second = async {
        until("one is in flight", async || held(&server, &app).await == 1).await;
        ask(1..2).await
    };
    let others = async {
        until("two are in flight", async || held(&server, &app).await == 2).await;
        ask(2..PEOPLE - 1).await
    };
    let last = async {
        waiting(&app, PEOPLE - 1).await;
        ask(PEOPLE - 1..PEOPLE).await
    };
    let release = async {
        waiting(&app, PEOPLE).await;
        lock.rollback().await.unwrap();
        until("nearly all are answered", async || app.application.lookups_waiting() < 10).await;
        until("it waits for the last person", async || held(&server, &app).await == 1).await;
        // The connection breaks. Those that wait are asked again.
        let broken: Vec<(bool,)> = sqlx::query_as(
            "select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'",
        )
        .bind(&app.database)
        .fetch_all(&server)
        .await
        .unwrap();
        assert_eq!(broken, [(true,)]);
        until("they are asked again", async || held(&server, &app).await == 1).await;
        assert!((1..10).contains(&app.application.lookups_waiting()));
        last_one.rollback().await.unwrap();
    };
    let (first, second, others, last, ()) =
        futures_util::join!(first, second, others, last, release);
    let responses = [first, second, others, last].concat();
    for (n, response) in responses.iter().enumerate() {
        assert_eq!(response.status, 200);
        assert!(response.body.contains(&format!("\"p{n}@example.org\"")), "lookup {n}");
    }
    app.stop().await;
}

#[tokio::test]
async fn one_that_cannot_be_answered_takes_no_others_down() {
    let app = TestApp::start().await;
    let queries = people(&app, 20).await;
    // A row that cannot be read fails the whole statement. A row from other settings without any record fails later.
    sqlx::raw_sql(
        "alter table answers alter body drop not null;
        update answers set body = null where customer_key like '%:c3';
        update answers set settings_hash = decode(repeat('00', 16), 'hex') where customer_key like '%:c5';
        delete from records where record_key like '%:c5'",
    )
    .execute(app.pool())
    .await
    .unwrap();
    let mut blocker = app.session().await;
    let lock = hold_answers(&mut blocker).await;
    let all = futures_util::future::join_all(queries.iter().map(|query| app.ask(query)));
    let release = async {
        waiting(&app, 20).await;
        lock.rollback().await.unwrap();
    };
    let (responses, ()) = futures_util::future::join(all, release).await;
    for (n, response) in responses.iter().enumerate() {
        let expected = if n == 3 || n == 5 { 500 } else { 200 };
        assert_eq!(response.status, expected, "{n}: {}", response.body);
        assert!(
            expected == 500 || response.body.contains(&format!("\"p{n}@example.org\"")),
            "lookup {n} got another person's answer"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn answers_of_earlier_settings_are_made_anew_on_the_way() {
    let app = TestApp::start().await;
    let queries = people(&app, 6).await;
    let before = futures_util::future::join_all(queries.iter().map(|query| app.ask(query))).await;
    let old = "update answers set settings_hash = decode(repeat('00', 16), 'hex'), body = '{}'";
    sqlx::query(old).execute(app.pool()).await.unwrap();
    expire_everything(&app).await;
    let after = futures_util::future::join_all(queries.iter().map(|query| app.ask(query))).await;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((before.status, &before.body), (after.status, &after.body));
    }
    app.stop().await;
}

/// Makes all cached answers of the brand expire, as a very large change does.
async fn expire_everything(app: &TestApp) {
    sqlx::query("select pg_notify('hookpoint_changed', $1)")
        .bind(format!("{} *", app.brand.id()))
        .execute(app.pool())
        .await
        .unwrap();
    app.wait_until_current().await;
}

#[tokio::test]
async fn an_expired_answer_does_not_wait_for_a_store_that_is_known_to_be_away() {
    let app = TestApp::start_with(TestSettings::demo().lookup_deadline_ms(6_000)).await;
    let queries = people(&app, 2).await;
    let hot = app.ask(&queries[0]).await;
    expire_everything(&app).await;
    // Postgres hangs. The first lookup takes its deadline to notice this.
    let mut blocker = app.session().await;
    let lock = hold_answers(&mut blocker).await;
    let first = app.ask(&queries[0]).await;
    assert_eq!((first.status, &first.body), (200, &hot.body));
    let again = async {
        for _ in 0..20 {
            let old = app.ask(&queries[0]).await;
            assert_eq!((old.status, &old.body), (200, &hot.body));
        }
    };
    tokio::time::timeout(Duration::from_secs(60), again)
        .await
        .expect("twenty old answers take less than twenty deadlines");
    assert_eq!(app.ask(&queries[1]).await.status, 500, "never looked up before");
    lock.rollback().await.unwrap();
    // A change from the meantime is visible as soon as Postgres is back.
    app.apply(vec![crate::round_trips::contact("c0", 1, &[("name.first", "Bo")])]).await;
    app.until(&queries[0], |response| response.status == 200 && response.body.contains("\"Bo\""))
        .await;
    app.until(&queries[1], |response| {
        response.status == 200 && response.body.contains("\"p1@example.org\"")
    })
    .await;
    assert!(app.clock.now() == now(), "no clock was moved for that");
    app.stop().await;
}

#[tokio::test]
async fn an_answer_that_was_invalidated_meanwhile_is_returned_but_not_cached() {
    let app = TestApp::start().await;
    let queries = people(&app, 4).await;
    let secret = &app.brand.secret;
    let hash = |n: usize| LookupHash::new(secret, "email", &format!("p{n}@example.org")).0;
    let brand_id = app.brand.id();
    for (n, what, overtake) in [
        (0, "nothing", "select 1".to_owned()),
        (
            1,
            "a change",
            format!(
                "select pg_notify('hookpoint_changed', '{brand_id} {}')",
                STANDARD_NO_PAD.encode(hash(1))
            ),
        ),
        (
            2,
            "a change of very many",
            format!("select pg_notify('hookpoint_changed', '{brand_id} *')"),
        ),
        (
            3,
            "a lost listener",
            format!(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}' and query ilike 'listen%'",
                app.database
            ),
        ),
    ] {
        let mut blocker = app.session().await;
        let lock = hold_answers(&mut blocker).await;
        let release = async {
            waiting(&app, 1).await;
            sqlx::raw_sql(AssertSqlSafe(overtake)).execute(app.pool()).await.unwrap();
            wait_until_current(&app).await;
            lock.rollback().await.unwrap();
        };
        let (given, ()) = futures_util::future::join(app.ask(&queries[n]), release).await;
        assert_eq!(given.status, 200, "{what}");
        // This change has no notification, so only a replica without the cached answer sees it.
        sqlx::query("update answers set body = replace(body, 'Anna', 'Bo')")
            .execute(app.pool())
            .await
            .unwrap();
        let then = app.ask(&queries[n]).await;
        assert_eq!(then.body != given.body, n != 0, "invalidated by {what}");
        sqlx::query("update answers set body = replace(body, 'Bo', 'Anna')")
            .execute(app.pool())
            .await
            .unwrap();
        drop(blocker);
    }
    app.stop().await;
}

/// Waits until all notifications are processed, without a lookup in Postgres: the key is known, and the request
/// contains no address.
async fn wait_until_current(app: &TestApp) {
    let key = uuid::Uuid::new_v4().simple().to_string();
    app.key(&app.brand, &key, None).await;
    app.until(&format!("key={key}"), |response| response.status == 400).await;
}
