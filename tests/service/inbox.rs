//! Acknowledged webhooks are applied exactly once in effect, with any failure, delay and order.

use hookpoint::customer::model::record::RecordKey;
use hookpoint::customer::model::source::SourceKind;
use hookpoint::erasure::erase::erase;
use hookpoint::erasure::suppression_file::SuppressionFile;
use hookpoint::inbox::processor::DeliveryProcessor;
use hookpoint::settings::file::InboxSettings;
use hookpoint::storage::deliveries::{
    DeliveryFilter, ListedRow, discard_deliveries, list_deliveries, replay_deliveries,
};
use hookpoint::storage::delivery_queue::delete_old_deliveries;
use jiff::ToSpan;
use serde_json::{Value, json};

use super::support::{Options, Response, TestApp, TestSettings, now, post, suppression_file_of};

/// An application that receives webhooks. The test applies them.
async fn receiver() -> TestApp {
    receiver_with(TestSettings::demo()).await
}

async fn receiver_with(settings: TestSettings) -> TestApp {
    let settings = settings.without_inbox_workers();
    TestApp::start_with(Options { skips_verification: true, settings, ..Options::default() }).await
}

fn worker(app: &TestApp) -> DeliveryProcessor {
    let settings = InboxSettings { max_attempts: 3, ..InboxSettings::default() };
    DeliveryProcessor::new(app.pool().clone(), app.brand.clone(), &settings, app.clock.clone())
}

async fn send(app: &TestApp, source: &str, headers: &[(&str, &str)], body: &Value) -> Response {
    post(
        app.application.address,
        &format!("/webhooks/demo/{source}"),
        headers,
        body.to_string().as_bytes(),
    )
    .await
}

async fn accepted(app: &TestApp, source: &str, headers: &[(&str, &str)], body: &Value) {
    let response = send(app, source, headers, body).await;
    assert_eq!((response.status, response.body.as_str()), (202, ""), "{}", response.head);
}

/// A contact of the CRM; `second` is the time of its last change.
pub fn contact(event_id: &str, id: &str, first_name: &str, second: i64) -> Value {
    let at = jiff::Timestamp::from_second(1_750_000_000 + second).unwrap().to_string();
    json!({"event_id": event_id, "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": "contact", "action": "updated",
        "occurred_at": at, "data": {"id": id, "firstName": first_name, "lastName": "Bakker", "email": format!("{id}@example.org"), "updatedAt": at}})
}

pub async fn work_off(app: &TestApp) {
    while worker(app).step().await.unwrap() > 0 {}
}

pub async fn deliveries(app: &TestApp) -> Vec<ListedRow> {
    let mut rows = list_deliveries(app.pool(), app.brand.id(), &DeliveryFilter::default(), 1_000)
        .await
        .unwrap();
    rows.reverse();
    rows
}

pub async fn states(app: &TestApp) -> Vec<(String, String)> {
    deliveries(app).await.into_iter().map(|row| (row.state, row.note)).collect()
}

async fn name(app: &TestApp, id: &str) -> String {
    let found = app.by_email(&format!("{id}@example.org")).await;
    found
        .first()
        .map(|customer| customer["customerFirstname"].as_str().unwrap().to_owned())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_delivery_is_applied_soon_after_it_is_acknowledged() {
    let app = TestApp::start_with(Options { skips_verification: true, ..Options::default() }).await;
    accepted(&app, "omniotap", &[], &contact("e1", "c-1", "Anna", 1)).await;
    app.until("key=xyzzy&channelAddressType=email&address=c-1%40example.org", |response| {
        response.body.contains("\"Anna\"")
    })
    .await;
    app.stop().await;
}

#[tokio::test]
async fn a_second_one_with_the_same_id_is_acknowledged_and_dropped() {
    let app = receiver().await;
    for name in ["Anna", "Anna", "Somebody else"] {
        accepted(&app, "omniotap", &[], &contact("e1", "c-1", name, 1)).await;
    }
    accepted(&app, "omniotap", &[], &contact("e2", "c-1", "Annabel", 2)).await;
    assert_eq!(deliveries(&app).await.len(), 2);
    work_off(&app).await;
    assert_eq!(name(&app, "c-1").await, "Annabel");
    app.stop().await;
}

#[tokio::test]
async fn many_receipts_of_the_same_and_of_others_at_once_are_stored_once_each() {
    let app = receiver().await;
    let sent = (0..200).map(|n| {
        let body = contact(&format!("e{}", n % 50), &format!("c-{}", n % 50), "Anna", 1);
        let address = app.application.address;
        async move {
            post(address, "/webhooks/demo/omniotap", &[], body.to_string().as_bytes()).await.status
        }
    });
    let statuses = futures_util::future::join_all(sent).await;
    assert!(statuses.iter().all(|status| *status == 202), "{statuses:?}");
    assert_eq!(deliveries(&app).await.len(), 50);
    app.stop().await;
}

#[tokio::test]
async fn without_an_id_what_says_a_then_b_then_a_ends_as_a() {
    let app =
        receiver_with(TestSettings::demo().with(|file| file.inbox.dedup_history_size = 0)).await;
    let omneo = [("x-omneo-event", "profile.updated")];
    let profile = |points: i32| json!({"id": "p-1", "email": "p-1@example.org", "first_name": "Piet", "point_balance": points});
    let points = |customers: Vec<Value>| customers[0]["customFields"].to_string();
    for (body, stored) in [
        (profile(10), 1),
        (profile(10), 1),
        (profile(20), 2),
        (profile(20), 2),
        (profile(10), 3),
        (profile(10), 3),
    ] {
        accepted(&app, "omneo", &omneo, &body).await;
        assert_eq!(deliveries(&app).await.len(), stored);
    }
    work_off(&app).await;
    let shown = points(app.by_email("p-1@example.org").await);
    assert!(shown.contains("10") && !shown.contains("20"), "{shown}");
    // An update of the profile from another webhook counts as well.
    let purchase = json!({"id": 7, "profile_id": "p-1", "total": 5, "profile": {"id": "p-1", "point_balance": 30}});
    accepted(&app, "omneo", &[("x-omneo-event", "transaction.created")], &purchase).await;
    accepted(&app, "omneo", &omneo, &profile(10)).await;
    assert_eq!(deliveries(&app).await.len(), 5);
    work_off(&app).await;
    app.wait_until_current().await;
    assert!(points(app.by_email("p-1@example.org").await).contains("10"));
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_and_ends_as_dead_with_the_reason() {
    let app = receiver().await;
    let address = app.application.address;
    let foreign = json!({"event_id": "x", "tenant_id": "another", "entity_type": "contact", "action": "created", "data": {"id": "1"}}).to_string();
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    for body in ["{\"half", "", deep.as_str(), "\u{feff}\u{0}", "{}", foreign.as_str()] {
        assert_eq!(
            post(address, "/webhooks/demo/omniotap", &[], body.as_bytes()).await.status,
            202,
            "{}",
            &body[..body.len().min(20)]
        );
    }
    assert_eq!(
        post(address, "/webhooks/demo/omniotap", &[], &[0xff, 0xfe, 0x00]).await.status,
        202
    );
    accepted(
        &app,
        "omniotap",
        &[],
        &json!({"event_id": "y", "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": "invoice",
        "action": "created", "data": {"id": "1"}}),
    )
    .await;
    work_off(&app).await;
    let mut states = states(&app).await;
    states.sort();
    let dead = |note: &str| ("dead".to_owned(), note.to_owned());
    let not_json = [
        "bytes that are not UTF-8 at byte 0",
        "it is empty",
        "it ends too early at byte 6",
        "lists or objects nested too deeply at byte 127",
        "no value where one is expected at byte 0",
    ];
    let mut expected: Vec<(String, String)> =
        not_json.iter().map(|fault| dead(&format!("the body is not JSON: {fault}"))).collect();
    expected.extend([
        dead("it belongs to another tenant"),
        dead("there is no tenant_id"),
        ("done".to_owned(), "ignored: unknown entity".to_owned()),
    ]);
    expected.sort();
    assert_eq!(states, expected);
    app.stop().await;
}

#[tokio::test]
async fn who_comes_back_after_the_lease_writes_nothing() {
    let app = receiver().await;
    accepted(&app, "omniotap", &[], &contact("e1", "c-1", "Anna", 1)).await;
    let slow = worker(&app);
    let claimed = slow.claim().await.unwrap();
    // While the lease lasts, no other worker gets it.
    assert_eq!(worker(&app).step().await.unwrap(), 0);
    app.clock.set(now() + 61.seconds());
    assert_eq!(worker(&app).step().await.unwrap(), 1);
    app.wait_until_current().await;
    assert_eq!(name(&app, "c-1").await, "Anna");
    // Somebody repairs the data by hand. A write by the slow worker would undo this.
    sqlx::query("update records set state = replace(state::text, 'Anna', 'Mended')::json")
        .execute(app.pool())
        .await
        .unwrap();
    let content = |app: &TestApp| {
        let query = sqlx::query_as(
            "select (select string_agg(state::text, ',') from records), (select string_agg(row_to_json(d)::text, ',') from deliveries d)",
        );
        let pool = app.pool().clone();
        async move { query.fetch_one(&pool).await.unwrap() }
    };
    let before: (String, String) = content(&app).await;
    slow.process(claimed).await.unwrap();
    assert_eq!(content(&app).await, before);
    assert!(before.0.contains("Mended"));
    app.stop().await;
}

/// Makes the writing of records with a text in their state fail.
pub async fn poison(app: &TestApp, text: &str, error: &str) {
    let trigger = format!(
        "create or replace function poison() returns trigger language plpgsql as $$ begin
            if new.state::text like '%{text}%' then raise exception using errcode = '{error}', message = 'poisoned by ' || new.state::text; end if; return new;
        end $$"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(trigger)).execute(app.pool()).await.unwrap();
    sqlx::raw_sql("create or replace trigger poison before insert or update on records for each row execute function poison()")
        .execute(app.pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn one_that_always_fails_keeps_nobody_else_and_heals_by_replay() {
    let app = receiver().await;
    poison(&app, "Poison", "23514").await;
    for n in 0..20 {
        let name = if n == 7 { "Poison" } else { "Anna" };
        accepted(&app, "omniotap", &[], &contact(&format!("e{n}"), &format!("c-{n}"), name, 1))
            .await;
    }
    work_off(&app).await;
    let dead: Vec<_> =
        deliveries(&app).await.into_iter().filter(|row| row.state != "done").collect();
    assert_eq!(dead.len(), 1);
    assert_eq!(
        (dead[0].state.as_str(), dead[0].note.as_str()),
        ("dead", "database: SQLSTATE 23514")
    );
    assert_eq!(name(&app, "c-19").await, "Anna");
    assert_eq!(name(&app, "c-7").await, "");
    sqlx::raw_sql("drop trigger poison on records").execute(app.pool()).await.unwrap();
    let which =
        DeliveryFilter { states: Some(vec!["dead".to_owned()]), ..DeliveryFilter::default() };
    assert_eq!(
        replay_deliveries(app.pool(), app.brand.id(), &which, app.clock.now()).await.unwrap(),
        1
    );
    work_off(&app).await;
    app.wait_until_current().await;
    assert_eq!(name(&app, "c-7").await, "Poison");
    app.stop().await;
}

#[tokio::test]
async fn what_may_heal_is_tried_again_later_and_later_and_given_up_in_the_end() {
    let app = receiver().await;
    poison(&app, "Anna", "40001").await;
    accepted(&app, "omniotap", &[], &contact("e1", "c-1", "Anna", 1)).await;
    let mut pauses = Vec::new();
    for attempt in 1..=3 {
        assert_eq!(worker(&app).step().await.unwrap(), 1, "{attempt}");
        assert_eq!(worker(&app).step().await.unwrap(), 0, "not before its time");
        let row = deliveries(&app).await.remove(0);
        assert_eq!(
            (row.attempts, row.state.as_str()),
            (attempt, if attempt < 3 { "pending" } else { "dead" }),
            "{}",
            row.note
        );
        pauses.push(row.due_at.duration_since(app.clock.now()));
        app.clock.set(row.due_at);
    }
    assert!(pauses[0] < pauses[1], "{pauses:?}");
    assert_eq!(deliveries(&app).await[0].note, "database: SQLSTATE 40001 (tried 3 times)");
    app.stop().await;
}

#[tokio::test]
async fn what_ends_every_worker_that_begins_it_is_given_up() {
    let app = receiver().await;
    accepted(&app, "omniotap", &[], &contact("e1", "c-1", "Anna", 1)).await;
    for n in 1..=4 {
        drop(worker(&app).claim().await.unwrap());
        app.clock.set(now() + (61 * n).seconds());
    }
    work_off(&app).await;
    assert_eq!(
        states(&app).await,
        [("dead".to_owned(), "the service stopped or took too long at every attempt".to_owned())]
    );
    app.stop().await;
}

#[tokio::test]
async fn replaying_everything_changes_nothing_that_was_right() {
    let app = receiver().await;
    for (n, name) in ["Anna", "Annabel", "Ann"].into_iter().enumerate() {
        accepted(
            &app,
            "omniotap",
            &[],
            &contact(&format!("e{n}"), "c-1", name, i64::try_from(n).unwrap()),
        )
        .await;
    }
    let deleted = json!({"event_id": "gone", "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": "contact", "action": "deleted",
        "occurred_at": "2025-07-01T00:00:00Z", "data": {"id": "c-2"}});
    accepted(&app, "omniotap", &[], &contact("before", "c-2", "Bea", 1)).await;
    accepted(&app, "omniotap", &[], &deleted).await;
    work_off(&app).await;
    let content = "select (select string_agg(record_key || state::text || live, ',' order by record_key) from records),
        (select string_agg(customer_key || body, ',' order by customer_key) from answers)";
    let before: (String, String) = sqlx::query_as(content).fetch_one(app.pool()).await.unwrap();
    let replayed =
        replay_deliveries(app.pool(), app.brand.id(), &DeliveryFilter::default(), app.clock.now())
            .await
            .unwrap();
    assert_eq!(replayed, 5);
    work_off(&app).await;
    let after: (String, String) = sqlx::query_as(content).fetch_one(app.pool()).await.unwrap();
    assert_eq!(after, before);
    assert!(states(&app).await.iter().all(|(state, _)| state == "done"));
    app.stop().await;
}

#[tokio::test]
async fn what_is_discarded_is_not_applied_and_can_be_replayed() {
    let app = receiver().await;
    accepted(&app, "omniotap", &[], &contact("e1", "c-1", "Anna", 1)).await;
    let (all, at) = (DeliveryFilter::default(), app.clock.now());
    assert_eq!(discard_deliveries(app.pool(), app.brand.id(), &all, at).await.unwrap(), 1);
    work_off(&app).await;
    assert_eq!(name(&app, "c-1").await, "");
    assert_eq!(replay_deliveries(app.pool(), app.brand.id(), &all, at).await.unwrap(), 1);
    work_off(&app).await;
    app.wait_until_current().await;
    assert_eq!(name(&app, "c-1").await, "Anna");
    app.stop().await;
}

#[tokio::test]
async fn what_is_done_is_forgotten_after_a_month_and_its_id_later() {
    let app = receiver().await;
    let days = |count: i64| now() + (24 * count).hours();
    let forget = async |today| {
        let month = today - (24 * 30).hours();
        let quarter = today - (24 * 90).hours();
        while delete_old_deliveries(app.pool(), app.brand.id(), month, quarter, 2).await.unwrap() {}
    };
    let omneo = [("x-omneo-event", "profile.updated")];
    let profile = json!({"id": "p-1", "email": "p-1@example.org"});
    for n in 0..5 {
        accepted(&app, "omniotap", &[], &contact(&format!("e{n}"), &format!("c-{n}"), "Anna", 1))
            .await;
    }
    accepted(&app, "omneo", &omneo, &profile).await;
    assert_eq!(
        post(app.application.address, "/webhooks/demo/omniotap", &[], b"no json").await.status,
        202
    );
    work_off(&app).await;
    forget(days(30)).await;
    assert_eq!(deliveries(&app).await.len(), 7, "not before its time");
    app.clock.set(days(31));
    forget(days(31)).await;
    assert_eq!(
        states(&app).await,
        [(
            "dead".to_owned(),
            "the body is not JSON: a word that JSON does not allow at byte 1".to_owned()
        )],
        "until a person decides"
    );
    accepted(&app, "omniotap", &[], &contact("e1", "c-1", "Anna", 1)).await;
    accepted(&app, "omneo", &omneo, &profile).await;
    assert_eq!(deliveries(&app).await.len(), 1, "both are still stored");
    app.clock.set(days(91));
    forget(days(91)).await;
    accepted(&app, "omniotap", &[], &contact("e1", "c-1", "Anna", 1)).await;
    accepted(&app, "omneo", &omneo, &profile).await;
    assert_eq!(deliveries(&app).await.len(), 3, "and now they are removed");
    app.stop().await;
}

async fn erase_contact(app: &TestApp, id: &str) {
    let file = SuppressionFile::new(suppression_file_of(&app.database));
    let records = [RecordKey::new(SourceKind::OmnioTapContact, id).unwrap()].into();
    erase(app.pool(), &app.brand, &file, &records, app.clock.now(), &mut |_| ()).await.unwrap();
}

#[tokio::test]
async fn who_was_erased_stays_away_through_second_deliveries_replays_and_slow_workers() {
    let app = receiver().await;
    let address = app.application.address;
    accepted(&app, "omniotap", &[], &contact("e1", "c-1", "Anna", 1)).await;
    accepted(&app, "omniotap", &[], &contact("e2", "c-2", "Bea", 1)).await;
    // Deliveries that cannot be applied are about her as well: one that cannot be parsed, one of an unknown kind, one
    // with an update before it.
    assert_eq!(
        post(address, "/webhooks/demo/omniotap", &[], b"to: c-1@example.org").await.status,
        202
    );
    let invoice = json!({"event_id": "i1", "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": "invoice", "action": "created",
        "data": {"id": "1", "email": "c-1@example.org"}});
    accepted(&app, "omniotap", &[], &invoice).await;
    accepted(
        &app,
        "omneo",
        &[("x-omneo-event", "profile.before.update")],
        &json!({"id": "p-9", "email": "C-1@example.org"}),
    )
    .await;
    work_off(&app).await;
    assert_eq!(deliveries(&app).await.len(), 5);
    // A worker processes one of her deliveries while she is erased.
    accepted(&app, "omniotap", &[], &contact("e3", "c-1", "Annabel", 2)).await;
    let slow = worker(&app);
    let claimed = slow.claim().await.unwrap();
    erase_contact(&app, "c-1").await;
    slow.process(claimed).await.unwrap();
    assert_eq!(deliveries(&app).await.len(), 1, "only the other person's is left");
    for event_id in ["e1", "e4"] {
        accepted(&app, "omniotap", &[], &contact(event_id, "c-1", "Anna", 3)).await;
    }
    assert_eq!(
        post(address, "/webhooks/demo/omniotap", &[], b"cc: c-1@example.org").await.status,
        202
    );
    work_off(&app).await;
    assert_eq!(
        replay_deliveries(app.pool(), app.brand.id(), &DeliveryFilter::default(), app.clock.now())
            .await
            .unwrap(),
        1
    );
    work_off(&app).await;
    app.wait_until_current().await;
    assert_eq!((name(&app, "c-1").await.as_str(), name(&app, "c-2").await.as_str()), ("", "Bea"));
    let bodies: Vec<(String,)> =
        sqlx::query_as("select convert_from(body, 'UTF8') from deliveries")
            .fetch_all(app.pool())
            .await
            .unwrap();
    assert!(bodies.len() == 1 && !bodies[0].0.contains("c-1"), "{bodies:?}");
    app.stop().await;
}
