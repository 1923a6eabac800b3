//! Replays, discarded deliveries, and what is deleted in time.

use super::*;

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
    assert_eq!(replay_all(&app).await, 5);
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
    assert_eq!(act(&app, DeliveryAct::Discard, &DeliveryFilter::default()).await, 1);
    work_off(&app).await;
    assert_eq!(name(&app, "c-1").await, "");
    assert_eq!(replay_all(&app).await, 1);
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
    // Deliveries that change nothing are about her as well: one that cannot be parsed, one of an unknown kind, one with
    // an update before it, one with a merge that names no loser.
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
    let merged = |note: &str| json!({"destination_profile_id": "p-9", "note": note});
    let merge_event = [("x-omneo-event", "profile.merged")];
    accepted(&app, "omneo", &merge_event, &merged("now c-1@example.org")).await;
    work_off(&app).await;
    assert_eq!(deliveries(&app).await.len(), 6);
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
    accepted(&app, "omneo", &merge_event, &merged("again c-1@example.org")).await;
    work_off(&app).await;
    assert_eq!(replay_all(&app).await, 1);
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
