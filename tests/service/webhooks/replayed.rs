//! A recorded webhook that is sent again: unchanged, as another event, or many times.

use hookpoint::customer::model::source::Source;
use serde_json::{Value, json};

use super::webhook_requests::UnsignedWebhook;
use super::{is_acknowledged, receiver, receiving};
use crate::inbox::{deliveries, states, work_off};
use crate::support::TestApp;

/// A webhook of Omneo with a signed body. The event's name is in an unsigned header.
async fn omneo(app: &TestApp, event: &str, body: &Value) {
    is_acknowledged(
        &UnsignedWebhook::new(Source::Omneo, 1, body.to_string())
            .with("x-omneo-event", event)
            .signed()
            .to(app)
            .await,
    );
    work_off(app).await;
}

/// The number of deliveries that are dead for a reason.
async fn dead(app: &TestApp, reason: &str) -> usize {
    states(app)
        .await
        .iter()
        .filter(|(state, note)| state == "dead" && note.contains(reason))
        .count()
}

async fn found(app: &TestApp) -> Vec<Value> {
    app.wait_until_current().await;
    app.by_email("p-1@example.org").await
}

fn profile(points: i32) -> Value {
    json!({"id": "p-1", "first_name": "Piet", "email": "p-1@example.org", "point_balance": points})
}

fn transaction() -> Value {
    json!({"id": 7, "profile_id": "p-1", "total": 149.95, "currency": "EUR", "transacted_at": "2026-01-01 10:00:00", "updated_at": "2026-01-01 10:00:00"})
}

#[tokio::test]
async fn an_update_that_is_sent_again_as_a_deletion_removes_nobody() {
    let app = receiver().await;
    omneo(&app, "profile.updated", &profile(10)).await;
    omneo(&app, "transaction.created", &transaction()).await;
    for (event, n) in ["profile.deleted", "transaction.deleted"].into_iter().zip(1..) {
        let body = if event == "profile.deleted" { profile(10) } else { transaction() };
        omneo(&app, event, &body).await;
        assert_eq!(dead(&app, "trust_deletion_header").await, n, "{event}");
    }
    let customers = found(&app).await;
    assert_eq!((customers.len(), customers[0]["timeline"].as_array().unwrap().len()), (1, 1));
    // A deletion inside the signed body counts.
    omneo(
        &app,
        "transaction.deleted",
        &json!({"id": 7, "profile_id": "p-1", "deleted_at": "2026-10-01 10:00:00"}),
    )
    .await;
    assert_eq!(found(&app).await[0]["timeline"], json!([]));
    omneo(&app, "profile.deleted", &json!({"id": "p-1", "profile_type": "deleted"})).await;
    assert!(found(&app).await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn where_the_settings_believe_the_header_alone_a_deletion_counts() {
    let believing = "verification = \"signature\"\nsecrets = [{ env = \"OMNEO_SECRET\" }]\ntrust_deletion_header = true";
    let app = TestApp::start_with(receiving().webhook(Source::Omneo, believing)).await;
    omneo(&app, "profile.updated", &profile(10)).await;
    assert_eq!(found(&app).await.len(), 1);
    omneo(&app, "profile.deleted", &profile(10)).await;
    assert!(found(&app).await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_body_that_is_sent_again_as_another_event_is_not_read() {
    let app = receiver().await;
    omneo(&app, "profile.updated", &profile(10)).await;
    let reward = json!({"id": 9, "profile_id": "p-1", "value_initial": 5, "issued_at": "2026-01-02 10:00:00"});
    let balance = json!({"profile_id": "p-1", "point_balance": 11});
    for ((event, body), n) in [
        ("profile.updated", transaction()),
        ("profile.created", reward.clone()),
        ("profile.updated", balance.clone()),
        ("tier.achieved", transaction()),
        ("balance.updated", transaction()),
        ("identity.created", transaction()),
        ("transaction.created", profile(99)),
        ("transaction.created", reward),
        ("reward.created", balance),
        ("interaction.created", transaction()),
    ]
    .into_iter()
    .zip(1..)
    {
        omneo(&app, event, &body).await;
        assert_eq!(
            dead(&app, "it belongs to another event than its header says").await,
            n,
            "{event} {body}"
        );
    }
    let customers = found(&app).await;
    assert_eq!(customers[0]["timeline"], json!([]));
    assert!(
        customers[0]["customFields"].to_string().contains("10"),
        "{}",
        customers[0]["customFields"]
    );
    app.stop().await;
}

#[tokio::test]
async fn an_older_body_without_a_time_does_not_set_old_values_again() {
    let app = receiver().await;
    omneo(&app, "profile.updated", &profile(9_000)).await;
    for points in 10..20 {
        let balance = json!({"profile_id": "p-1", "point_balance": points});
        omneo(&app, "balance.updated", &balance).await;
    }
    let stored = deliveries(&app).await.len();
    for points in 10..20 {
        omneo(&app, "balance.updated", &json!({"profile_id": "p-1", "point_balance": points}))
            .await;
    }
    omneo(&app, "profile.updated", &profile(9_000)).await;
    // Nor under another event's name.
    omneo(&app, "profile.created", &profile(9_000)).await;
    omneo(&app, "aggregation.updated", &json!({"profile_id": "p-1", "point_balance": 12})).await;
    omneo(&app, "tier.achieved", &profile(9_000)).await;
    omneo(&app, "profile.merged", &profile(9_000)).await;
    assert_eq!(deliveries(&app).await.len(), stored, "each is a duplicate, and not stored again");
    let fields = found(&app).await[0]["customFields"].to_string();
    assert!(fields.contains("19") && !fields.contains("9000"), "{fields}");
    // A content that was never sent before is applied.
    omneo(&app, "balance.updated", &json!({"profile_id": "p-1", "point_balance": 21})).await;
    assert!(found(&app).await[0]["customFields"].to_string().contains("21"));
    app.stop().await;
}

#[tokio::test]
async fn how_a_profile_was_before_an_update_does_not_come_again_as_news() {
    let app = receiver().await;
    omneo(&app, "profile.before.update", &profile(1)).await;
    omneo(&app, "profile.updated", &profile(2)).await;
    omneo(&app, "profile.updated", &profile(1)).await;
    let fields = found(&app).await[0]["customFields"].to_string();
    assert!(fields.contains('2') && !fields.contains('1'), "{fields}");
    app.stop().await;
}

#[tokio::test]
async fn what_holds_a_profile_sets_none_of_its_old_values_under_another_name() {
    let app = receiver().await;
    let rating = json!({"id": 5, "profile_id": "p-1", "rating": 4, "profile": profile(9_000)});
    omneo(&app, "points.created", &rating).await;
    omneo(&app, "profile.updated", &profile(10)).await;
    for event in ["rating.created", "points.updated", "interaction.created", "transaction.created"]
    {
        omneo(&app, event, &rating).await;
        let fields = found(&app).await[0]["customFields"].to_string();
        assert!(fields.contains("10") && !fields.contains("9000"), "{event}: {fields}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_body_that_says_that_something_is_gone_is_no_update_of_it() {
    let app = receiver().await;
    omneo(&app, "profile.updated", &profile(10)).await;
    let bought = json!({"id": 7, "profile_id": "p-1", "transacted_at": "2026-01-01 10:00:00", "total": 5, "deleted_at": "2026-10-01 10:00:00"});
    for event in ["transaction.deleted", "transaction.updated", "transaction.created"] {
        omneo(&app, event, &bought).await;
        assert_eq!(found(&app).await[0]["timeline"], json!([]), "{event}");
    }
    let gone = json!({"id": "p-1", "first_name": "Piet", "email": "p-1@example.org", "deleted_at": "2026-10-01 10:00:00"});
    for event in [
        "profile.deleted",
        "profile.updated",
        "profile.created",
        "tier.achieved",
        "tier.lost",
        "profile.merged",
    ] {
        omneo(&app, event, &gone).await;
        assert!(found(&app).await.is_empty(), "{event}");
    }
    // Nor is an earlier content of it.
    omneo(&app, "tier.achieved", &profile(10)).await;
    assert!(found(&app).await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_body_is_not_kept_again_under_every_name_that_somebody_invents() {
    let app = receiver().await;
    for n in 0..20 {
        for body in [profile(1), transaction(), json!({"id": 3, "what": "ever"})] {
            omneo(&app, &format!("transaction.a{n}"), &body).await;
            omneo(&app, &format!("q{n}.created"), &body).await;
        }
    }
    let kept = deliveries(&app).await.len();
    assert!(kept <= 6, "{kept} deliveries of three bodies");
    app.stop().await;
}

#[tokio::test]
async fn two_hundred_replays_are_not_kept_two_hundred_times() {
    let app = receiver().await;
    for n in 0..200 {
        omneo(&app, "balance.updated", &json!({"profile_id": "p-1", "point_balance": n % 2})).await;
    }
    assert_eq!(deliveries(&app).await.len(), 2);
    // A webhook without time and content: a limited number per minute is accepted.
    let hint = super::webhook_requests::unsigned_webhook(Source::Syncaroo, 1).signed();
    let mut statuses = Vec::new();
    for _ in 0..50 {
        statuses.push(hint.to(&app).await);
    }
    assert!(statuses.iter().take(10).all(|response| response.status == 202));
    let refused: Vec<_> = statuses.iter().skip(10).collect();
    for response in refused {
        assert_eq!(
            (response.status, response.code().as_str()),
            (429, "too-many-webhooks"),
            "{}",
            response.body
        );
        assert!(response.header("retry-after").is_some());
    }
    // An additional blank does not make it another webhook.
    assert_eq!(hint.saying([hint.body.as_slice(), b" "].concat()).to(&app).await.status, 429);
    // Another webhook is still accepted.
    is_acknowledged(
        &super::webhook_requests::unsigned_webhook(Source::Syncaroo, 2).signed().to(&app).await,
    );
    app.stop().await;
}

#[tokio::test]
async fn a_secret_in_the_header_is_looked_for_there_and_nowhere_else() {
    let by_header =
        "verification = \"secret\"\nsecret_in = \"header\"\nsecrets = [{ env = \"OMNEO_SECRET\" }]";
    let app = TestApp::start_with(receiving().webhook(Source::Omneo, by_header)).await;
    let (secret, sent) = (
        crate::support::secret_of(Source::Omneo),
        super::webhook_requests::unsigned_webhook(Source::Omneo, 1).bare(),
    );
    is_acknowledged(&sent.with("x-webhook-secret", &secret).to(&app).await);
    super::is_unverified(&sent.to(&app).await);
    super::is_unverified(&sent.with("x-webhook-secret", "another-secret-000000").to(&app).await);
    super::is_unverified(&sent.at(&format!("/webhooks/demo/omneo/{secret}")).to(&app).await);
    super::is_unverified(&sent.at(&format!("/webhooks/demo/omneo?token={secret}")).to(&app).await);
    app.stop().await;
}
