//! Webhooks that cannot be applied: retries, dead letters, workers that end.

use super::*;

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
        dead("it belongs to another tenant than sources.omniotap.tenant_id"),
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
    assert_eq!(act(&app, DeliveryAct::Replay, &which).await, 1);
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
