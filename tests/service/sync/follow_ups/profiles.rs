//! Profiles: merges, erasures and deletions.

use super::*;

const PROFILE: &str = "0d0ca70c-a072-4134-be05-1a0b4c8f03fc";

const LOSER: &str = "1431f19d-fcb7-4d15-97cd-e427fb8d7906";

fn profile(id: &str, email: &str) -> Value {
    json!({"id": id, "first_name": "Lotte", "last_name": "de Graaf", "email": email, "created_at": "2024-06-01 10:15:02", "updated_at": "2026-07-15 11:00:05"})
}

/// A merge whose webhook names only the winner.
async fn merge(stage: &FollowUpStage) {
    let merged = ("x-omneo-event", "profile.merged");
    stage.data.put(ObjectKind::Profile, profile(PROFILE, "lotte@example.org"));
    let identity = json!({
        "id": 5177, "profile_id": PROFILE, "handle": "ecommerce", "identifier": "EC-20931", "is_active": true, "merged_from": LOSER,
        "created_at": "2025-01-09 18:22:10", "updated_at": "2026-07-15 11:00:05",
    });
    stage.data.put(ObjectKind::Identity, identity);
    stage
        .receive(
            "omneo",
            &[("x-omneo-event", "profile.created")],
            &profile(LOSER, "old@example.org"),
        )
        .await;
    stage
        .receive("omneo", &[merged], &json!({"id": PROFILE, "updated_at": "2026-07-15 11:00:05"}))
        .await;
}

#[tokio::test]
async fn a_merge_is_read_again_with_whom_it_was_of() {
    let stage = FollowUpStage::open(Source::Omneo).await;
    merge(&stage).await;
    assert_eq!(stage.counts().await, (2, 0));
    stage.follow().await;
    stage.app.wait_until_current().await;
    assert_eq!(stage.counts().await, (0, 0));
    let by_loser = stage.app.by_id(LOSER).await;
    assert_eq!(by_loser[0]["customerID"], json!(PROFILE));
    stage.close().await;
}

#[tokio::test]
async fn what_is_to_be_asked_about_somebody_goes_with_an_erasure() {
    let stage = FollowUpStage::open(Source::Omneo).await;
    merge(&stage).await;
    stage
        .receive(
            "omneo",
            &[("x-omneo-event", "profile.merged")],
            &json!({"id": "another", "updated_at": "2026-07-15 11:00:05"}),
        )
        .await;
    assert_eq!(stage.counts().await, (4, 0));
    let ledger = SuppressionFile::new(suppression_file_of(&stage.app.database));
    let key = RecordKey::new(SourceKind::OmneoProfile, PROFILE).unwrap();
    erase(
        stage.app.pool(),
        &stage.app.brand,
        &ledger,
        &[key].into(),
        stage.app.clock.now(),
        &mut |_| (),
    )
    .await
    .unwrap();
    assert_eq!(stage.counts().await, (2, 0));
    stage.follow().await;
    stage.app.wait_until_current().await;
    assert!(stage.app.by_email("lotte@example.org").await.is_empty());
    stage.close().await;
}

/// An unsigned deletion and an old body that is sent again both lead to a call.
#[tokio::test]
async fn a_deletion_that_only_a_header_tells_and_an_old_body_are_asked_about() {
    let stage = FollowUpStage::open(Source::Omneo).await;
    let profile = |points: i32| json!({"id": PROFILE, "first_name": "Lotte", "last_name": "de Graaf", "email": "lotte@example.org", "point_balance": points});
    let now_there = |points: i32| stage.data.put(ObjectKind::Profile, profile(points));
    let say = async |event: &str, body: &Value| {
        stage.later(60).await;
        stage.receive("omneo", &[("x-omneo-event", event)], body).await;
        stage.later(60).await;
    };
    let points = async || {
        stage.app.wait_until_current().await;
        stage
            .app
            .by_email("lotte@example.org")
            .await
            .first()
            .map(|customer| customer["customFields"].to_string())
            .unwrap_or_default()
    };
    now_there(10);
    say("profile.updated", &profile(10)).await;
    say("profile.updated", &profile(20)).await;
    assert!(points().await.contains("20"));
    // The value changed back: the source is called, and confirms it.
    let stored = states(&stage.app).await.len();
    say("profile.updated", &profile(10)).await;
    assert_eq!(states(&stage.app).await.len(), stored);
    stage.follow().await;
    assert!(points().await.contains("10"), "{}", points().await);
    // And back once more.
    now_there(20);
    say("profile.updated", &profile(20)).await;
    stage.follow().await;
    assert!(points().await.contains("20"), "{}", points().await);
    now_there(10);
    say("profile.updated", &profile(10)).await;
    stage.follow().await;
    // A deletion without a signature: the profile still exists.
    say("profile.deleted", &profile(10)).await;
    stage.follow().await;
    assert!(points().await.contains("10"));
    // Now it is deleted.
    stage.data.remove(ObjectKind::Profile, PROFILE);
    say(
        "profile.deleted",
        &json!({"id": PROFILE, "first_name": "Lotte", "email": "lotte@example.org"}),
    )
    .await;
    stage.follow().await;
    assert_eq!(points().await, "");
    stage.close().await;
}
