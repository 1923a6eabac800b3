//! Webhooks that arrive more than once.

use super::*;

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
