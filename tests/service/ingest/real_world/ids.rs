//! Ids that are placeholders, shared, or used twice.

use super::*;

#[tokio::test]
async fn placeholders_of_ids_make_no_two_deliveries_equal() {
    let app = receiver().await;
    let placeholders = [
        json!("00000000-0000-0000-0000-000000000000"),
        json!("null"),
        json!(0),
        json!("0"),
        json!("undefined"),
        json!(""),
        json!(null),
    ];
    for (n, id) in placeholders.iter().enumerate() {
        let data = json!({"id": format!("c-{n}"), "firstName": "Anna", "email": format!("c{n}@example.org"), "updatedAt": ago(1)});
        omniotap(&app, "contact", "created", json!({"event_id": id}), data.clone()).await;
        // The same content again is the same delivery.
        omniotap(&app, "contact", "created", json!({"event_id": id}), data).await;
        assert!(customer(&app, &format!("primaryID=c-{n}")).await.is_some(), "{id}");
    }
    for (n, id) in
        ["null", "0", "undefined", "00000000-0000-0000-0000-000000000000"].into_iter().enumerate()
    {
        let body = json!({"type": "feedback.submitted.v1", "timestamp": ago(1), "data": {"external_id": format!("x-{n}"), "comment": format!("{n}")}});
        deliver(
            &app,
            UnsignedWebhook::new(Source::OmniLab, 0, body.to_string()).with("webhook-id", id),
        )
        .await;
        let found = customer(&app, &format!("primaryID=x-{n}")).await.unwrap();
        assert_eq!(found["timeline"][0]["message"], format!("Feedback: {n}"), "{id}");
    }
    app.stop().await;
}

#[tokio::test]
async fn an_id_that_several_people_seem_to_have_is_nobodys() {
    let app = receiver().await;
    for (n, id) in ["undefined", "null", "0", "n/a", "00000000-0000-0000-0000-000000000000"]
        .into_iter()
        .enumerate()
    {
        let data = json!({"external_id": id, "email": format!("x{n}@example.org"), "first_name": "Anna", "comment": "mine"});
        let body = json!({"type": "feedback.submitted.v1", "timestamp": ago(1), "data": data});
        deliver(
            &app,
            UnsignedWebhook::new(Source::OmniLab, u32::try_from(n).unwrap(), body.to_string()),
        )
        .await;
        assert_eq!(customer(&app, &format!("primaryID={id}")).await, None);
        let data = json!({"id": format!("t-{n}"), "customerId": id, "contactId": "c-1", "subject": format!("{n}"), "updatedAt": ago(1)});
        omniotap(&app, "ticket", "created", json!({"event_id": format!("t{n}")}), data).await;
    }
    omniotap(
        &app,
        "contact",
        "created",
        json!({"event_id": "c"}),
        json!({"id": "c-1", "firstName": "Anna", "updatedAt": ago(1)}),
    )
    .await;
    let found = customer(&app, "primaryID=c-1").await.unwrap();
    assert_eq!(found["timeline"].as_array().unwrap().len(), 5, "the other fields");
    assert!(deliveries(&app).await.iter().all(|row| row.state == "done"));
    app.stop().await;
}

#[tokio::test]
async fn one_id_for_two_contents_is_shown_since_the_senders_ids_are_broken() {
    let app = receiver().await;
    let data = |name: &str| json!({"id": "c-1", "firstName": name, "updatedAt": ago(1)});
    omniotap(&app, "contact", "created", json!({"event_id": "e-1"}), data("Anna")).await;
    omniotap(&app, "contact", "created", json!({"event_id": "e-1"}), data("Anna")).await;
    omniotap(&app, "contact", "updated", json!({"event_id": "e-1"}), data("Bert")).await;
    // The statistics are saved every other second.
    let stats =
        async || get_webhook_stats(app.pool(), app.brand.id(), Source::OmnioTap).await.unwrap();
    until("the duplicates are counted", async || stats().await.duplicates == 2).await;
    let stats = stats().await;
    assert_eq!((stats.accepted, stats.duplicates, stats.conflicting_duplicates), (3, 2, 1));
    assert_eq!(stats.conflicting_at, Some(app.clock.now()));
    assert_eq!(deliveries(&app).await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn an_unreadable_owner_of_an_event_is_reported() {
    let app = receiver().await;
    let ticket =
        json!({"id": "k-1", "contactId": {"id": "c-1"}, "subject": "Hi", "updatedAt": ago(1)});
    omniotap(&app, "ticket", "created", json!({"event_id": "k1"}), ticket).await;
    omneo(
        &app,
        "transaction.created",
        json!({"id": "t-1", "profile_id": true, "total": 5, "updated_at": ago(1)}),
    )
    .await;
    let remarks: Vec<String> = deliveries(&app).await.into_iter().map(|row| row.note).collect();
    assert!(remarks.iter().all(|note| note.contains("record")), "{remarks:?}");
    let attributes =
        json!([{"handle": "size", "value": {"eu": 38}}, {"handle": "colour", "value": "blue"}]);
    omneo(&app, "profile.created", json!({"id": "p-1", "first_name": "Anna", "custom_attributes": attributes, "updated_at": ago(1)})).await;
    let remarks: Vec<String> = deliveries(&app).await.into_iter().map(|row| row.note).collect();
    assert!(
        remarks
            .iter()
            .any(|note| note == "applied, but these values could not be parsed: attribute.custom"),
        "{remarks:?}"
    );
    app.stop().await;
}
