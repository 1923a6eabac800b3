//! Two people on one phone with different ids are two customers in Postgres, in whatever order and batches their data
//! arrives, and all tables are the same in the end. `tests/customer/couples_in_any_order.rs` tries many more orders,
//! without Postgres.

use hookpoint::customer::model::record::Change;
use hookpoint::ingest::apply::apply;
use serde_json::Value;

use crate::couples::{Couple, LINE};
use crate::ingest::apply::{assert_same, clear, dump};
use crate::rng::Rng;
use crate::support::{TestApp, TestSettings};

const COUPLES: u64 = 4;
const ORDERS: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_couple_is_two_customers_in_any_order_and_batches() {
    Box::pin(check_couples(1_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_couple_is_two_customers_in_any_order_where_its_component_exceeds_the_cap() {
    Box::pin(check_couples(4)).await;
}

async fn check_couples(component_cap: usize) {
    let settings = TestSettings::demo().identity(|rules| rules.component_cap = component_cap);
    let app = TestApp::start_with(settings).await;
    for seed in 0..COUPLES {
        let couple = Couple::new(seed);
        clear(app.pool()).await;
        app.apply(couple.changes.clone()).await;
        let expected = dump(app.pool(), app.brand.id()).await;
        for turn in 0..ORDERS {
            clear(app.pool()).await;
            let mut batches = some_batches(couple.in_order(turn), &mut Rng(turn));
            if turn % 4 == 3 {
                // Two replicas at once.
                let half = batches.split_off(batches.len() / 2);
                tokio::join!(apply_all(&app, batches), apply_all(&app, half));
            } else {
                apply_all(&app, batches).await;
            }
            let why = format!("couple {seed}, order {turn}, cap {component_cap}");
            assert_same(&expected, &dump(app.pool(), app.brand.id()).await, &why);
        }
        assert_found_as_two(&app, &format!("couple {seed}, cap {component_cap}")).await;
    }
    app.stop().await;
}

fn some_batches(mut changes: Vec<Change>, rng: &mut Rng) -> Vec<Vec<Change>> {
    let largest = *rng.pick(&[1, 4, 20]);
    let mut batches = Vec::new();
    while !changes.is_empty() {
        let size = (1 + rng.roll(largest)).min(changes.len());
        batches.push(changes.drain(..size).collect());
    }
    batches
}

async fn apply_all(app: &TestApp, batches: Vec<Vec<Change>>) {
    for batch in batches {
        apply(app.pool(), &app.brand, batch).await.unwrap();
    }
}

/// Each is found by the own id, and both by the phone.
async fn assert_found_as_two(app: &TestApp, why: &str) {
    app.wait_until_current().await;
    let by_phone = app.by_phone(LINE).await;
    let mut ids: Vec<Value> = Vec::new();
    for id in ["one-profile", "two-profile"] {
        let found = app.by_id(id).await;
        assert_eq!(found.len(), 1, "{why}: {id}");
        assert!(by_phone.contains(&found[0]), "{why}: {id} is found by the phone");
        ids.push(found[0]["customerID"].clone());
    }
    assert_ne!(ids[0], ids[1], "{why}");
}
