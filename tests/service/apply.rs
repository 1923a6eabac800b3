//! The one write path: any order, any batches, any repetition end in the same bytes.

use std::collections::BTreeMap;

use hookpoint::collect::apply::{Applied, apply};
use hookpoint::customer::record::Change;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqlx::PgPool;

use crate::support::{TestApp, story_changes};

/// Everything of a brand, as text, table by table.
pub async fn dump(pool: &PgPool, brand_id: i32) -> BTreeMap<&'static str, Vec<String>> {
    let mut tables = BTreeMap::new();
    for table in [
        "records",
        "identifiers",
        "shared_values",
        "source_merges",
        "events",
        "event_references",
        "customers",
        "customer_records",
        "customer_addresses",
        "answers",
        "reviews",
    ] {
        let query = format!("select row_to_json(t)::text from {table} as t where brand_id = $1 order by 1");
        let rows: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(query)).bind(brand_id).fetch_all(pool).await.unwrap();
        tables.insert(table, rows.into_iter().map(|(row,)| row).collect());
    }
    tables
}

async fn clear(pool: &PgPool) {
    sqlx::query("truncate records, identifiers, shared_values, source_merges, events, event_references, customers, customer_records, customer_addresses, answers, reviews")
        .execute(pool)
        .await
        .unwrap();
}

pub fn assert_same(expected: &BTreeMap<&'static str, Vec<String>>, found: &BTreeMap<&'static str, Vec<String>>) {
    for (table, rows) in expected {
        let other = &found[table];
        let missing: Vec<_> = rows.iter().filter(|row| !other.contains(row)).take(2).collect();
        let extra: Vec<_> = other.iter().filter(|row| !rows.contains(row)).take(2).collect();
        assert!(rows == other, "{table}: missing {missing:#?}, instead {extra:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_batching_and_repetition_of_the_story_gives_the_same_bytes() {
    let app = TestApp::start().await;
    let changes = story_changes(&app.brand);
    app.apply(changes.clone()).await;
    let expected = dump(app.pool(), app.brand.id()).await;
    assert!(expected["answers"].len() > 40 && expected["shared_values"].len() == 1 && !expected["source_merges"].is_empty());
    let orders = (Just((0..changes.len()).collect::<Vec<_>>()).prop_shuffle(), any::<u64>());
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let (pool, brand) = (app.pool().clone(), app.brand.clone());
    let runtime = tokio::runtime::Handle::current();
    let result = tokio::task::block_in_place(|| {
        runner.run(&orders, |(order, dice)| {
            runtime.block_on(async {
                clear(&pool).await;
                for batch in batches(&changes, &order, dice) {
                    apply(&pool, &brand, batch).await.unwrap();
                }
                assert_same(&expected, &dump(&pool, brand.id()).await);
            });
            Ok(())
        })
    });
    result.unwrap();
    app.stop().await;
}

/// Splits an order into batches of 1 to 60 changes, and repeats about a third of them later.
fn batches(changes: &[Change], order: &[usize], mut dice: u64) -> Vec<Vec<Change>> {
    let mut roll = move |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    let mut queue: Vec<usize> = order.to_vec();
    let again: Vec<usize> = order.iter().copied().filter(|_| roll(3) == 0).collect();
    queue.extend(again);
    let mut batches = Vec::new();
    while !queue.is_empty() {
        let size = (1 + roll(60) as usize).min(queue.len());
        batches.push(queue.drain(..size).map(|index| changes[index].clone()).collect());
    }
    batches
}

#[tokio::test]
async fn a_repeated_delivery_changes_nothing() {
    let app = TestApp::start().await;
    let changes = story_changes(&app.brand);
    app.apply(changes.clone()).await;
    let before = dump(app.pool(), app.brand.id()).await;
    let applied = apply(app.pool(), &app.brand, changes).await.unwrap();
    assert_eq!(applied, Applied::default());
    assert_same(&before, &dump(app.pool(), app.brand.id()).await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_applied_at_the_same_time_end_the_same() {
    let app = TestApp::start().await;
    let changes = story_changes(&app.brand);
    app.apply(changes.clone()).await;
    let expected = dump(app.pool(), app.brand.id()).await;
    clear(app.pool()).await;
    let tasks: Vec<_> = changes
        .chunks(40)
        .map(|batch| {
            let (pool, brand, batch) = (app.pool().clone(), app.brand.clone(), batch.to_vec());
            tokio::spawn(async move { apply(&pool, &brand, batch).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_same(&expected, &dump(app.pool(), app.brand.id()).await);
    app.stop().await;
}

#[tokio::test]
async fn a_change_is_seen_at_once_by_another_replica_that_had_remembered_the_old_answer() {
    let app = TestApp::demo().await;
    let replica = TestApp::start_with(crate::support::Options { place: Some((app.place.clone(), app.database.clone())), ..Default::default() }).await;
    let query = format!("key={}&channelAddressType=email&address=thomas%40example.org", crate::support::KEY);
    let old = replica.ask(&query).await.body;
    assert_eq!(replica.ask(&query).await.body, old);
    let text = r#"{"headers":{"x-omneo-event":"profile.updated"},"received_at":"2026-11-21T12:00:00Z",
        "body":{"id":"679964aa-c748-484d-89d9-5c968ab3f6c0","point_balance":31337,"updated_at":"2026-11-21 12:00:00"}}"#;
    let recorded = hookpoint::demo::story::Recorded::parse(text).unwrap();
    let changes = hookpoint::demo::story::changes(&[(hookpoint::customer::kind::Source::Omneo, recorded)], &app.brand.rules.sources).unwrap();
    app.apply(changes).await;
    replica.until(&query, |response| response.body.contains("31,337") && response.body != old).await;
    replica.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn other_templates_render_stored_customers_anew() {
    let app = TestApp::demo().await;
    let before = app.by_email("thomas@example.org").await;
    let place = (app.place.clone(), app.database.clone());
    app.stop().await;
    let replace = vec![("customerType\"", "kind\"".to_owned()), ("locale = \"en\"", "locale = \"nl\"".to_owned())];
    let app = TestApp::start_with(crate::support::Options { replace, place: Some(place) }).await;
    let after = app.by_email("thomas@example.org").await;
    assert_eq!(after[0]["customFields"][0], serde_json::json!({"kind": "unlimited"}));
    assert_eq!(after[0]["customerID"], before[0]["customerID"]);
    let text = after[0]["timeline"].to_string();
    assert!(text.contains("Aankoop NL-2026-00042 van EUR 149,95"), "{text}");
    app.stop().await;
}

#[tokio::test]
async fn a_source_merge_that_a_person_decided_against_stops_nobody() {
    let app = TestApp::start().await;
    let decision = "insert into decisions (brand_id, decision_id, left_key, right_key, same_person, decided_by, reason, decided_at)
        values ($1, gen_random_uuid(), 'omneo.profile:6d37b08e-e773-48a9-80e9-9ebd405ae196', 'omneo.profile:ada6f79b-e3b8-4a18-b30a-119e5696ef56', false, 't', 't', now())";
    sqlx::query(decision).bind(app.brand.id()).execute(app.pool()).await.unwrap();
    app.apply(story_changes(&app.brand)).await;
    let winner = app.by_email("charlotte@example.com").await;
    let loser = app.by_id("ada6f79b-e3b8-4a18-b30a-119e5696ef56").await;
    assert_eq!((winner.len(), loser.len()), (1, 1));
    assert_ne!(winner, loser);
    app.stop().await;
}
