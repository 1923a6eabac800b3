//! What happened to a delivery: attempts and acts, and nothing if the first attempt succeeded.

use hookpoint::storage::deliveries::{HistoryEntry, find_delivery};

use super::*;

async fn history(app: &TestApp) -> Vec<HistoryEntry> {
    let id = deliveries(app).await[0].delivery_id;
    find_delivery(app.pool(), app.brand.id(), id).await.unwrap().unwrap().history
}

fn outcomes(history: &[HistoryEntry]) -> Vec<&str> {
    history.iter().map(|entry| entry.outcome.as_str()).collect()
}

#[tokio::test]
async fn a_first_attempt_that_does_all_leaves_nothing_to_tell() {
    let app = receiver().await;
    accepted(&app, "omniotap", &[], &contact("e1", "c-1", "Anna", 1)).await;
    work_off(&app).await;
    assert_eq!(history(&app).await, []);
    assert_eq!(replay_all(&app).await, 1);
    work_off(&app).await;
    assert_eq!(outcomes(&history(&app).await), ["replayed", "done"]);
    app.stop().await;
}

#[tokio::test]
async fn failures_and_replays_are_told_with_time_and_reason_and_the_last_ten_stay() {
    let app = receiver().await;
    let broken = json!({"event_id": "e1", "tenant_id": "other", "entity_type": "contact", "action": "updated",
        "occurred_at": "2026-01-01T00:00:00Z", "data": {"id": "c-1"}});
    accepted(&app, "omniotap", &[], &broken).await;
    work_off(&app).await;
    replay_all(&app).await;
    work_off(&app).await;
    let told = history(&app).await;
    assert_eq!(outcomes(&told), ["dead", "replayed", "dead"]);
    assert!(told[0].reason.starts_with("it belongs to another"), "{told:?}");
    assert_eq!((told[0].at, told[1].reason.as_str()), (app.clock.now(), ""));
    for _ in 0..5 {
        replay_all(&app).await;
        work_off(&app).await;
    }
    let told = history(&app).await;
    assert_eq!(outcomes(&told), ["replayed", "dead"].repeat(5));
    assert_eq!(act(&app, DeliveryAct::Discard, &DeliveryFilter::default()).await, 1);
    assert_eq!(outcomes(&history(&app).await).last(), Some(&"discarded"));
    app.stop().await;
}
