//! The write path: any order, any batches and any repetition give the same bytes.

use std::collections::BTreeMap;

use hookpoint::customer::model::record::Change;
use hookpoint::ingest::apply::{Applied, apply};
use hookpoint::storage::pool::Pool;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{TestApp, demo_changes};

/// Columns that do not follow from the facts alone, as table and column. Ids of questions need the secret of the brand.
const BESIDE_THE_FACTS: [(&str, &str); 4] = [
    ("answers", "changed_at"),
    ("match_reviews", "found_at"),
    ("match_reviews", "postponed_until"),
    ("match_reviews", "review_id"),
];

/// Tables that are written behind the answers to lookups, at some later time.
const WRITTEN_LATER: [&str; 2] = ["given_ids", "lookup_history"];

/// Every table with facts of a brand and what follows from them, with its columns.
async fn tables(pool: &Pool) -> Vec<(String, String)> {
    let (tables, columns): (Vec<&str>, Vec<&str>) = BESIDE_THE_FACTS.into_iter().unzip();
    let query = "select table_name::text, string_agg(quote_ident(column_name), ', ' order by ordinal_position)
        from information_schema.columns
        where table_schema = current_schema() and table_name not in ('brands', 'api_keys') and table_name <> all($3)
            and (table_name, column_name) not in (select * from unnest($1::text[], $2::text[]))
        group by table_name having bool_or(column_name = 'brand_id') order by 1";
    let query = sqlx::query_as(query).bind(tables).bind(columns).bind(WRITTEN_LATER.to_vec());
    query.fetch_all(pool).await.unwrap()
}

pub type Dump = BTreeMap<String, Vec<String>>;

/// All rows of a brand, as text, by table.
pub async fn dump(pool: &Pool, brand_id: i32) -> Dump {
    let mut dump = BTreeMap::new();
    for (table, columns) in tables(pool).await {
        let query = format!(
            "select row_to_json(t)::text from (select {columns} from {table} where brand_id = $1) as t order by 1"
        );
        let rows: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(query))
            .bind(brand_id)
            .fetch_all(pool)
            .await
            .unwrap();
        dump.insert(table, rows.into_iter().map(|(row,)| row).collect());
    }
    dump
}

/// The tables of people's decisions.
pub const DECIDED: [&str; 3] = ["decisions", "shared_value_decisions", "confirmed_addresses"];

/// The tables of the sources' data.
const SAID: [&str; 4] = ["records", "events", "event_references", "source_merges"];

/// Deletes everything but the rows of some tables.
pub async fn truncate(pool: &Pool, kept: &[&str]) {
    let tables: Vec<String> = tables(pool)
        .await
        .into_iter()
        .map(|(table, _)| table)
        .chain(WRITTEN_LATER.map(str::to_owned))
        .filter(|table| !kept.contains(&table.as_str()))
        .collect();
    sqlx::query(sqlx::AssertSqlSafe(format!("truncate {}", tables.join(", "))))
        .execute(pool)
        .await
        .unwrap();
}

/// Deletes everything except the decisions.
pub async fn clear(pool: &Pool) {
    truncate(pool, &DECIDED).await;
}

/// Deletes everything except the decisions and the sources' data.
pub async fn clear_what_is_derived(pool: &Pool) {
    truncate(pool, &[&DECIDED[..], &SAID[..]].concat()).await;
}

pub fn assert_same(expected: &Dump, found: &Dump, why: &str) {
    for (table, rows) in expected {
        let other = &found[table];
        let missing: Vec<_> = rows.iter().filter(|row| !other.contains(row)).take(2).collect();
        let extra: Vec<_> = other.iter().filter(|row| !rows.contains(row)).take(2).collect();
        assert!(rows == other, "{why}: {table}: missing {missing:#?}, instead {extra:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_batching_and_repetition_of_the_demos_webhooks_gives_the_same_bytes() {
    let app = TestApp::start().await;
    let changes = demo_changes(&app.brand);
    app.apply(changes.clone()).await;
    let expected = dump(app.pool(), app.brand.id()).await;
    assert!(
        expected["answers"].len() > 40
            && expected["shared_values"].len() == 1
            && !expected["source_merges"].is_empty()
    );
    let orders = (Just((0..changes.len()).collect::<Vec<_>>()).prop_shuffle(), any::<u64>());
    let mut runner =
        TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let (pool, brand) = (app.pool().clone(), app.brand.clone());
    let runtime = tokio::runtime::Handle::current();
    let result = tokio::task::block_in_place(|| {
        runner.run(&orders, |(order, rng)| {
            runtime.block_on(async {
                clear(&pool).await;
                for batch in batches(&changes, &order, rng, 60) {
                    apply(&pool, &brand, batch).await.unwrap();
                }
                assert_same(&expected, &dump(&pool, brand.id()).await, "another order");
            });
            Ok(())
        })
    });
    result.unwrap();
    app.stop().await;
}

/// Splits an order into batches of 1 to `largest` changes, and repeats about a third of the changes later.
pub fn batches(
    changes: &[Change],
    order: &[usize],
    mut rng: u64,
    largest: u64,
) -> Vec<Vec<Change>> {
    let mut roll = move |sides: u64| {
        rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (rng >> 33) % sides
    };
    let mut queue: Vec<usize> = order.to_vec();
    let again: Vec<usize> = order.iter().copied().filter(|_| roll(3) == 0).collect();
    queue.extend(again);
    let mut batches = Vec::new();
    while !queue.is_empty() {
        let size = (1 + roll(largest) as usize).min(queue.len());
        batches.push(queue.drain(..size).map(|index| changes[index].clone()).collect());
    }
    batches
}

#[tokio::test]
async fn a_repeated_delivery_changes_nothing() {
    let app = TestApp::start().await;
    let changes = demo_changes(&app.brand);
    app.apply(changes.clone()).await;
    let before = dump(app.pool(), app.brand.id()).await;
    let applied = apply(app.pool(), &app.brand, changes).await.unwrap();
    assert_eq!(applied, Applied::default());
    assert_same(&before, &dump(app.pool(), app.brand.id()).await, "again");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_applied_at_the_same_time_end_the_same() {
    let app = TestApp::start().await;
    let changes = demo_changes(&app.brand);
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
    assert_same(&expected, &dump(app.pool(), app.brand.id()).await, "at the same time");
    app.stop().await;
}

#[tokio::test]
async fn a_change_is_seen_at_once_by_another_replica_that_had_cached_the_old_answer() {
    let app = TestApp::demo().await;
    let replica = TestApp::start_with(crate::support::Options {
        place: Some((app.place.clone(), app.database.clone())),
        ..Default::default()
    })
    .await;
    let query = format!(
        "key={}&channelAddressType=email&address=thomas%40example.org",
        crate::support::KEY
    );
    let old = replica.ask(&query).await.body;
    assert_eq!(replica.ask(&query).await.body, old);
    let text = r#"{"headers":{"x-omneo-event":"profile.updated"},"received_at":"2026-11-21T12:00:00Z",
        "body":{"id":"679964aa-c748-484d-89d9-5c968ab3f6c0","point_balance":31337,"updated_at":"2026-11-21 12:00:00"}}"#;
    let recorded = hookpoint::demo::recorded_deliveries::Recorded::parse(text).unwrap();
    let changes = hookpoint::demo::recorded_deliveries::changes(
        &[(hookpoint::customer::model::source::Source::Omneo, recorded)],
        &app.brand.rules.sources,
    )
    .unwrap();
    app.apply(changes).await;
    replica
        .until(&query, |response| response.body.contains("31,337") && response.body != old)
        .await;
    replica.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn other_templates_render_stored_customers_anew() {
    let app = TestApp::demo().await;
    let before = app.by_email("thomas@example.org").await;
    let place = (app.place.clone(), app.database.clone());
    app.stop().await;
    let settings = crate::support::TestSettings::demo().brand(|brand| {
        "kind".clone_into(&mut brand.custom_fields[0].name);
        "nl".clone_into(&mut brand.locale);
    });
    let app = TestApp::start_with(crate::support::Options {
        settings,
        place: Some(place),
        ..Default::default()
    })
    .await;
    let after = app.by_email("thomas@example.org").await;
    assert_eq!(after[0]["customFields"][0], serde_json::json!({"kind": "unlimited"}));
    assert_eq!(after[0]["customerID"], before[0]["customerID"]);
    let text = after[0]["timeline"].to_string();
    for words in
        ["Aankoop NL-2026-00042 van EUR 149,95", "(open, prioriteit normaal)", "(bevestigd)"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_source_merge_that_a_person_decided_against_stops_nobody() {
    let app = TestApp::start().await;
    let decision = "insert into decisions (brand_id, decision_id, left_key, right_key, same_person, decided_by, reason, decided_at)
        values ($1, gen_random_uuid(), 'omneo.profile:6d37b08e-e773-48a9-80e9-9ebd405ae196', 'omneo.profile:ada6f79b-e3b8-4a18-b30a-119e5696ef56', false, 't', 't', now())";
    sqlx::query(decision).bind(app.brand.id()).execute(app.pool()).await.unwrap();
    app.apply(demo_changes(&app.brand)).await;
    let winner = app.by_email("charlotte@example.com").await;
    let loser = app.by_id("ada6f79b-e3b8-4a18-b30a-119e5696ef56").await;
    assert_eq!((winner.len(), loser.len()), (1, 1));
    assert_ne!(winner, loser);
    app.stop().await;
}
