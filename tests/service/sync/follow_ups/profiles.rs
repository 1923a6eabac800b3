//! Profiles: merges, erasures and deletions.

use super::*;

const PROFILE: &str = "0d0ca70c-a072-4134-be05-1a0b4c8f03fc";

const LOSER: &str = "1431f19d-fcb7-4d15-97cd-e427fb8d7906";

fn profile(id: &str, email: &str) -> Value {
    json!({"id": id, "first_name": "Lotte", "last_name": "de Graaf", "email": email, "created_at": "2024-06-01 10:15:02", "updated_at": "2026-07-15 11:00:05"})
}

/// A merge whose webhook names only the winner.
async fn merge(fixture: &FollowUpFixture) {
    let merged = ("x-omneo-event", "profile.merged");
    fixture.data.put(ObjectKind::Profile, profile(PROFILE, "lotte@example.org"));
    let identity = json!({
        "id": 5177, "profile_id": PROFILE, "handle": "ecommerce", "identifier": "EC-20931", "is_active": true, "merged_from": LOSER,
        "created_at": "2025-01-09 18:22:10", "updated_at": "2026-07-15 11:00:05",
    });
    fixture.data.put(ObjectKind::Identity, identity);
    fixture
        .receive(
            "omneo",
            &[("x-omneo-event", "profile.created")],
            &profile(LOSER, "old@example.org"),
        )
        .await;
    fixture
        .receive("omneo", &[merged], &json!({"id": PROFILE, "updated_at": "2026-07-15 11:00:05"}))
        .await;
}

#[tokio::test]
async fn a_merge_is_read_again_with_both_profiles() {
    let fixture = FollowUpFixture::open(Source::Omneo).await;
    merge(&fixture).await;
    assert_eq!(fixture.counts().await, (2, 0));
    fixture.follow().await;
    fixture.app.wait_until_current().await;
    assert_eq!(fixture.counts().await, (0, 0));
    let by_loser = fixture.app.by_id(LOSER).await;
    assert_eq!(by_loser[0]["customerID"], json!(PROFILE));
    fixture.close().await;
}

#[tokio::test]
async fn what_is_to_be_asked_about_somebody_goes_with_an_erasure() {
    let fixture = FollowUpFixture::open(Source::Omneo).await;
    merge(&fixture).await;
    fixture
        .receive(
            "omneo",
            &[("x-omneo-event", "profile.merged")],
            &json!({"id": "another", "updated_at": "2026-07-15 11:00:05"}),
        )
        .await;
    assert_eq!(fixture.counts().await, (4, 0));
    let suppression_file = SuppressionFile::new(suppression_file_of(&fixture.app.database));
    let key = RecordKey::new(SourceKind::OmneoProfile, PROFILE).unwrap();
    erase(
        fixture.app.pool(),
        &fixture.app.brand,
        &suppression_file,
        &[key].into(),
        fixture.app.clock.now(),
        &mut |_| (),
    )
    .await
    .unwrap();
    assert_eq!(fixture.counts().await, (2, 0));
    fixture.follow().await;
    fixture.app.wait_until_current().await;
    assert!(fixture.app.by_email("lotte@example.org").await.is_empty());
    fixture.close().await;
}

/// An unsigned deletion and an old body that is sent again both lead to a call.
#[tokio::test]
async fn a_deletion_that_only_a_header_reports_and_an_old_body_are_asked_about() {
    let fixture = FollowUpFixture::open(Source::Omneo).await;
    let profile = |points: i32| json!({"id": PROFILE, "first_name": "Lotte", "last_name": "de Graaf", "email": "lotte@example.org", "point_balance": points});
    let now_there = |points: i32| fixture.data.put(ObjectKind::Profile, profile(points));
    let say = async |event: &str, body: &Value| {
        fixture.later(60).await;
        fixture.receive("omneo", &[("x-omneo-event", event)], body).await;
        fixture.later(60).await;
    };
    let points = async || {
        fixture.app.wait_until_current().await;
        fixture
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
    let stored = states(&fixture.app).await.len();
    say("profile.updated", &profile(10)).await;
    assert_eq!(states(&fixture.app).await.len(), stored);
    fixture.follow().await;
    assert!(points().await.contains("10"), "{}", points().await);
    // And back once more.
    now_there(20);
    say("profile.updated", &profile(20)).await;
    fixture.follow().await;
    assert!(points().await.contains("20"), "{}", points().await);
    now_there(10);
    say("profile.updated", &profile(10)).await;
    fixture.follow().await;
    // A deletion without a signature: the profile still exists.
    say("profile.deleted", &profile(10)).await;
    fixture.follow().await;
    assert!(points().await.contains("10"));
    // Now it is deleted.
    fixture.data.remove(ObjectKind::Profile, PROFILE);
    say(
        "profile.deleted",
        &json!({"id": PROFILE, "first_name": "Lotte", "email": "lotte@example.org"}),
    )
    .await;
    fixture.follow().await;
    assert_eq!(points().await, "");
    fixture.close().await;
}
