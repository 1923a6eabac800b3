//! Deletions, and records that are restored.

use super::*;

#[tokio::test]
async fn a_deletion_takes_away_what_was_said_before_it_without_a_time() {
    for order in [[0, 1, 2], [1, 0, 2], [0, 2, 1], [2, 0, 1], [1, 2, 0], [2, 1, 0]] {
        let app = receiver().await;
        for step in order {
            match step {
                0 => {
                    omneo(&app, "profile.created", json!({"id": "p-1", "first_name": "Anna", "email": "anna@example.org", "updated_at": ago(7)}))
                        .await;
                }
                1 => {
                    omneo(
                        &app,
                        "balance.updated",
                        json!({"profile_id": "p-1", "point_balance": 500}),
                    )
                    .await;
                }
                _ => {
                    omneo(
                        &app,
                        "profile.deleted",
                        json!({"id": "p-1", "profile_type": "deleted", "updated_at": ago(7)}),
                    )
                    .await;
                }
            }
        }
        assert_eq!(customer(&app, "primaryID=p-1").await, None, "{order:?}");
        assert_eq!(
            customer(&app, "channelAddressType=email&address=anna%40example.org").await,
            None,
            "{order:?}"
        );
        app.stop().await;
    }
}

#[tokio::test]
async fn a_deletion_that_is_received_after_values_without_a_time_deletes_them() {
    let app = receiver().await;
    for (n, deletion) in [
        json!({"occurred_at": ago(2)}),
        json!({}),
        json!({"occurred_at": "0000-00-00 00:00:00"}),
        json!({"occurred_at": "soon"}),
    ]
    .iter()
    .enumerate()
    {
        let (id, email) = (format!("c-{n}"), format!("c{n}@example.org"));
        let data = json!({"id": id, "firstName": "Anna", "email": email, "updatedAt": ago(7)});
        omniotap(
            &app,
            "contact",
            "created",
            json!({"event_id": format!("a{n}"), "occurred_at": ago(7)}),
            data,
        )
        .await;
        omniotap(
            &app,
            "contact",
            "updated",
            json!({"event_id": format!("b{n}")}),
            json!({"id": id, "lastName": "Bakker", "email": email}),
        )
        .await;
        assert!(customer(&app, &format!("primaryID={id}")).await.is_some());
        omniotap(
            &app,
            "contact",
            "deleted",
            json!({"event_id": format!("c{n}"), "occurred_at": deletion["occurred_at"]}),
            json!({"id": id}),
        )
        .await;
        assert_eq!(customer(&app, &format!("primaryID={id}")).await, None, "{deletion}");
        assert_eq!(
            customer(&app, &format!("channelAddressType=email&address=c{n}%40example.org")).await,
            None,
            "{deletion}"
        );
    }
    // The same for events.
    omneo(
        &app,
        "profile.created",
        json!({"id": "p-9", "first_name": "Anna", "email": "p9@example.org", "updated_at": ago(7)}),
    )
    .await;
    omneo(
        &app,
        "reward.created",
        json!({"id": "r-9", "profile_id": "p-9", "issued_at": ago(6), "updated_at": ago(6)}),
    )
    .await;
    omneo(&app, "reward.updated", json!({"id": "r-9", "profile_id": "p-9", "value_remaining": 4}))
        .await;
    assert_eq!(
        customer(&app, "primaryID=p-9").await.unwrap()["timeline"].as_array().unwrap().len(),
        1
    );
    omneo(&app, "reward.deleted", json!({"id": "r-9", "deleted_at": ago(5), "updated_at": ago(6)}))
        .await;
    assert_eq!(customer(&app, "primaryID=p-9").await.unwrap()["timeline"], json!([]));
    app.stop().await;
}

#[tokio::test]
async fn who_is_restored_at_the_source_is_there_again_in_any_order() {
    let steps = |id: &str| {
        let data = json!({"id": id, "firstName": "Anna", "email": format!("{id}@example.org"), "updatedAt": ago(7)});
        [
            (
                "created",
                json!({"event_id": format!("{id}-1"), "occurred_at": ago(7)}),
                data.clone(),
            ),
            (
                "deleted",
                json!({"event_id": format!("{id}-2"), "occurred_at": ago(3)}),
                json!({"id": id}),
            ),
            ("updated", json!({"event_id": format!("{id}-3"), "occurred_at": ago(1)}), data),
        ]
    };
    let app = receiver().await;
    for (n, order) in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]].iter().enumerate() {
        let id = format!("c-{n}");
        for step in order {
            let (action, envelope, data) = steps(&id)[*step].clone();
            omniotap(&app, "contact", action, envelope, data).await;
        }
        let found =
            customer(&app, &format!("channelAddressType=email&address={id}%40example.org")).await;
        assert_eq!(
            found.map(|found| found["customerFirstname"].clone()),
            Some(json!("Anna")),
            "{order:?}"
        );
    }
    app.stop().await;
}
