//! Times: wrong clocks, missing times, unreadable times.

use super::*;

#[tokio::test]
async fn a_clock_that_is_ahead_wins_nothing() {
    let app = receiver().await;
    let minute = (now() + 60.seconds()).to_string();
    for (n, ahead) in
        ["2062-01-01T00:00:00Z", &minute, "2199-12-31T23:59:59Z"].into_iter().enumerate()
    {
        let id = format!("c-{n}");
        let data = |name: &str, at: &str| json!({"id": id, "firstName": name, "email": format!("{id}@example.org"), "updatedAt": at});
        omniotap(
            &app,
            "contact",
            "updated",
            json!({"event_id": format!("{n}-1")}),
            data("Ahead", ahead),
        )
        .await;
        app.clock.set(app.clock.now() + 30.seconds());
        let at = (app.clock.now() - 1.second()).to_string();
        omniotap(
            &app,
            "contact",
            "updated",
            json!({"event_id": format!("{n}-2")}),
            data("Today", &at),
        )
        .await;
        assert_eq!(
            customer(&app, &format!("primaryID={id}")).await.unwrap()["customerFirstname"],
            "Today",
            "{ahead}"
        );
        let at = app.clock.now().to_string();
        omniotap(
            &app,
            "contact",
            "deleted",
            json!({"event_id": format!("{n}-3"), "occurred_at": at}),
            json!({"id": id}),
        )
        .await;
        assert_eq!(customer(&app, &format!("primaryID={id}")).await, None, "{ahead}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_stored_with_a_time_in_the_future_is_repaired_by_the_next_answer_of_the_source() {
    let app = receiver().await;
    let key = hookpoint::customer::model::record::RecordKey::new(
        hookpoint::customer::model::source::SourceKind::OmnioTapContact,
        "c-1",
    )
    .unwrap();
    let said = |name: &str, at: Timestamp, received_at: Timestamp| {
        let fields = [("name.first", name), ("email.main", "c1@example.org")]
            .map(|(field, value)| (field.to_owned(), Some(json!(value))));
        Change::Record {
            key: key.clone(),
            update: Update { at, received_at, scope: Scope::Whole, fields: fields.into() },
        }
    };
    let future: Timestamp = "2062-01-01T00:00:00Z".parse().unwrap();
    // As stored by older versions, without the limit of the receipt.
    apply(app.pool(), &app.brand, vec![said("Frozen", future, future)]).await.unwrap();
    apply(app.pool(), &app.brand, vec![said("Webhook", now(), now())]).await.unwrap();
    assert_eq!(customer(&app, "primaryID=c-1").await.unwrap()["customerFirstname"], "Frozen");
    apply_changes_of_reply(
        app.pool(),
        &app.brand,
        vec![said("Repaired", now(), now())],
        now() + 1.hour(),
    )
    .await
    .unwrap();
    assert_eq!(customer(&app, "primaryID=c-1").await.unwrap()["customerFirstname"], "Repaired");
    let after = now() + 5.seconds();
    apply(app.pool(), &app.brand, vec![said("Webhook", after, after)]).await.unwrap();
    assert_eq!(customer(&app, "primaryID=c-1").await.unwrap()["customerFirstname"], "Webhook");
    app.stop().await;
}

#[tokio::test]
async fn of_two_words_of_one_second_the_later_one_counts() {
    let app = receiver().await;
    let at = "2026-11-20 10:00:00";
    omneo(
        &app,
        "profile.created",
        json!({"id": "p-1", "first_name": "Anna", "updated_at": at, "point_balance": 1}),
    )
    .await;
    for points in ["9", "10", "8"] {
        omneo(&app, "balance.updated", json!({"profile_id": "p-1", "point_balance": points.parse::<i64>().unwrap(), "updated_at": at})).await;
        assert_eq!(
            custom_field(&customer(&app, "primaryID=p-1").await.unwrap(), "points").as_deref(),
            Some(points)
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn a_day_is_the_same_day_in_fields_messages_and_events() {
    let settings =
        TestSettings::demo().brand(|brand| "America/New_York".clone_into(&mut brand.time_zone));
    let app = receiver_with(settings).await;
    for (n, since) in ["2023-01-15", "2023-01-15 00:00:00", "20230115", "2023/01/15", "2023-01-15Z"]
        .into_iter()
        .enumerate()
    {
        let id = format!("p-{n}");
        omneo(
            &app,
            "profile.created",
            json!({"id": id, "first_name": "Anna", "joined_at": since, "updated_at": ago(1)}),
        )
        .await;
        let reward = json!({"id": format!("r-{n}"), "profile_id": id, "issued_at": since, "expires_at": since, "value_remaining": 4, "updated_at": ago(1)});
        omneo(&app, "reward.created", reward).await;
        let found = customer(&app, &format!("primaryID={id}")).await.unwrap();
        assert_eq!(custom_field(&found, "customerSince").as_deref(), Some("2023-01-15"), "{since}");
        assert_eq!(found["timeline"][0]["lastUpdate"], "2023-01-15 00:00:00", "{since}");
        assert!(
            found["timeline"][0]["message"].as_str().unwrap().ends_with("until 2023-01-15"),
            "{found}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn a_time_that_nobody_can_read_makes_nothing_new_and_brings_nobody_back() {
    let app = receiver().await;
    for (n, time) in [
        json!("garbage"),
        json!("26-11-2026 23:59"),
        json!({}),
        json!("2026-02-30T00:00:00Z"),
        json!("2026-11-21T10:00:00+25:00"),
        json!("1970-01-01"),
        json!("0000-00-00 00:00:00"),
        json!(0),
    ]
    .iter()
    .enumerate()
    {
        let id = format!("p-{n}");
        let said = |name: &str, at: &Value| json!({"id": id, "first_name": "Anna", "last_name": name, "updated_at": at});
        omneo(&app, "profile.updated", said("Stale", time)).await;
        omneo(&app, "profile.updated", said("Good", &json!(ago(1)))).await;
        omneo(&app, "profile.updated", said("Staler", time)).await;
        assert_eq!(
            customer(&app, &format!("primaryID={id}")).await.unwrap()["customerLastname"],
            "Good",
            "{time}"
        );
        omneo(
            &app,
            "profile.deleted",
            json!({"id": id, "profile_type": "deleted", "updated_at": ago(1)}),
        )
        .await;
        omneo(&app, "profile.updated", said("Back", time)).await;
        assert_eq!(customer(&app, &format!("primaryID={id}")).await, None, "{time}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_happened_at_an_unreadable_time_is_reported_and_not_shown_as_of_now() {
    let app = receiver().await;
    omneo(
        &app,
        "profile.created",
        json!({"id": "p-1", "first_name": "Anna", "updated_at": ago(7)}),
    )
    .await;
    omniotap(
        &app,
        "contact",
        "created",
        json!({"event_id": "c"}),
        json!({"id": "c-1", "firstName": "Bert", "updatedAt": ago(7)}),
    )
    .await;
    for (n, time) in [
        json!("15-01-2023"),
        json!("garbage"),
        json!({}),
        json!("2023-01-15 10:00:00 CET"),
        json!(true),
    ]
    .iter()
    .enumerate()
    {
        omneo(
            &app,
            "transaction.created",
            json!({"id": format!("t-{n}"), "profile_id": "p-1", "total": 5, "transacted_at": time}),
        )
        .await;
        let ticket =
            json!({"id": format!("k-{n}"), "contactId": "c-1", "subject": "Hi", "updatedAt": time});
        omniotap(&app, "ticket", "created", json!({"event_id": format!("k{n}")}), ticket).await;
        let data = json!({"external_id": "o-1", "first_name": "Cleo", "comment": "Hi"});
        let body = json!({"type": "feedback.submitted.v1", "timestamp": time, "data": data});
        deliver(
            &app,
            UnsignedWebhook::new(Source::OmniLab, u32::try_from(n).unwrap(), body.to_string()),
        )
        .await;
    }
    for id in ["p-1", "c-1", "o-1"] {
        assert_eq!(
            customer(&app, &format!("primaryID={id}")).await.unwrap()["timeline"],
            json!([]),
            "{id}"
        );
    }
    assert!(
        deliveries(&app)
            .await
            .iter()
            .filter(|row| row.note.contains("could not be parsed: "))
            .count()
            >= 15
    );
    // A date without a time means that day, from every source.
    let ticket =
        json!({"id": "k-9", "contactId": "c-1", "subject": "Hi", "updatedAt": "2023-01-15"});
    omniotap(&app, "ticket", "created", json!({"event_id": "k9"}), ticket).await;
    assert_eq!(
        customer(&app, "primaryID=c-1").await.unwrap()["timeline"][0]["lastUpdate"],
        "2023-01-15 00:00:00"
    );
    app.stop().await;
}
