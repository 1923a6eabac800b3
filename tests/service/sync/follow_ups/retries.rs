//! Calls that are joined, repeated, or not made.

use super::*;

#[tokio::test]
async fn what_is_hinted_at_often_is_asked_once() {
    let fixture = FollowUpFixture::open(Source::Syncaroo).await;
    fixture.book("confirmed", "2021-12-20T09:00:00.000Z");
    for _ in 0..5 {
        fixture.hint_at_booking().await;
    }
    assert_eq!((states(&fixture.app).await.len(), fixture.counts().await), (5, (1, 0)));
    // A call in progress may not include the object of this webhook.
    let claim = Claim {
        token: Uuid::new_v4(),
        frozen_at: Some(fixture.app.clock.now()),
        lease: Duration::from_secs(60),
        limit: 8,
    };
    assert_eq!(
        claim_follow_ups(fixture.app.pool(), fixture.app.brand.id(), Source::Syncaroo, &claim)
            .await
            .unwrap()
            .len(),
        1
    );
    fixture.hint_at_booking().await;
    assert_eq!(fixture.counts().await, (2, 0));
    fixture.follow().await;
    assert_eq!(
        (fixture.counts().await, fixture.shown().await.as_str()),
        ((1, 0), SHOWN),
        "another worker has claimed it"
    );
    // The worker that claimed it is gone.
    fixture.later(61).await;
    fixture.follow().await;
    assert_eq!(fixture.counts().await, (0, 0));
    fixture.close().await;
}

#[tokio::test]
async fn a_stored_request_that_cannot_be_read_any_more_is_dead_at_once() {
    let fixture = FollowUpFixture::open(Source::Syncaroo).await;
    fixture.hint_at_booking().await;
    sqlx::query("update follow_ups set request = '{\"syncaroo\": {\"rooms\": {}}}'")
        .execute(fixture.app.pool())
        .await
        .unwrap();
    fixture.follow().await;
    assert_eq!(fixture.counts().await, (0, 1));
    assert!(fixture.simulators.logged_requests(Source::Syncaroo).is_empty(), "nothing was asked");
    fixture.close().await;
}

#[tokio::test]
async fn what_fails_is_asked_again_later_and_given_up_in_the_end() {
    let fixture = FollowUpFixture::open(Source::Syncaroo).await;
    fixture.book("confirmed", "2021-12-20T09:00:00.000Z");
    fixture.simulators.set_fault(Source::Syncaroo, Part::Api, Some(Fault::Status(500)));
    fixture.hint_at_booking().await;
    for (seconds, counts) in [(0, (1, 0)), (0, (1, 0)), (2, (1, 0)), (4, (0, 1)), (10_000, (0, 1))]
    {
        fixture.later(seconds).await;
        fixture.follow().await;
        assert_eq!(fixture.counts().await, counts, "{seconds}");
    }
    let FollowUpCounts { note, .. } =
        count_follow_ups(fixture.app.pool(), fixture.app.brand.id()).await.unwrap().remove(0);
    assert_eq!(note, "the source answered with status 500 (tried 3 times)");
    assert_eq!(
        fixture
            .simulators
            .logged_requests(Source::Syncaroo)
            .iter()
            .filter(|request| request.path.contains("bookings"))
            .count(),
        3
    );
    // The next follow-up succeeds, so nothing needs attention any more.
    fixture.simulators.clear_faults();
    fixture.hint_at_booking().await;
    fixture.follow().await;
    assert_eq!((fixture.counts().await, fixture.shown().await.as_str()), ((0, 0), SHOWN));
    fixture.close().await;
}

#[tokio::test]
async fn what_fails_while_it_is_hinted_at_again_waits_once() {
    let fixture = FollowUpFixture::open(Source::Syncaroo).await;
    fixture.hint_at_booking().await;
    let (pool, brand_id, now) =
        (fixture.app.pool(), fixture.app.brand.id(), fixture.app.clock.now());
    let claim = Claim {
        token: Uuid::new_v4(),
        frozen_at: Some(now),
        lease: Duration::from_secs(60),
        limit: 8,
    };
    let claimed =
        claim_follow_ups(pool, brand_id, Source::Syncaroo, &claim).await.unwrap().remove(0);
    fixture.hint_at_booking().await;
    assert_eq!(fixture.counts().await, (2, 0));
    let again = Outcome::Retry(now + 1.hours(), "the source answered with status 500".to_owned());
    finish_follow_up(pool, brand_id, claimed.follow_up_id, claim.token, &again).await.unwrap();
    assert_eq!(fixture.counts().await, (1, 0));
    assert_eq!(
        claim_follow_ups(pool, brand_id, Source::Syncaroo, &claim).await.unwrap().len(),
        1,
        "the new one, at once"
    );
    fixture.close().await;
}

#[tokio::test]
async fn an_account_that_is_left_alone_uses_up_no_attempt() {
    let fixture = FollowUpFixture::open_with(
        Source::Syncaroo,
        CallSettings { breaker_failures: 1, breaker_open_seconds: 600, ..CallSettings::default() },
    )
    .await;
    fixture.book("confirmed", "2021-12-20T09:00:00.000Z");
    fixture.simulators.set_fault(Source::Syncaroo, Part::Api, Some(Fault::Status(500)));
    fixture.hint_at_booking().await;
    for _ in 0..20 {
        fixture.follow().await;
        fixture.later(10).await;
    }
    assert_eq!(fixture.counts().await, (1, 0));
    assert_eq!(
        fixture
            .simulators
            .logged_requests(Source::Syncaroo)
            .iter()
            .filter(|request| request.path.contains("bookings"))
            .count(),
        1
    );
    let (attempts,): (i32,) = sqlx::query_as("select attempts from follow_ups")
        .fetch_one(fixture.app.pool())
        .await
        .unwrap();
    assert_eq!(attempts, 1);
    fixture.close().await;
}

#[tokio::test]
async fn a_url_that_leads_elsewhere_is_not_followed() {
    let fixture = FollowUpFixture::open(Source::Syncaroo).await;
    let elsewhere = fixture.simulators.base_url(Source::Omneo);
    let about = json!({"syncarooId": BOOKING, "attributeType": "bookings", "apiUrl": format!("{elsewhere}/profiles")});
    fixture.receive("syncaroo", &[], &json!({"connectionId": 555, "metaData": about})).await;
    fixture.follow().await;
    assert_eq!((fixture.counts().await, fixture.calls(Source::Omneo)), ((0, 1), 0));
    fixture.close().await;
}

#[tokio::test]
async fn a_source_that_is_not_called_leaves_nothing_to_ask() {
    let fixture = FollowUpFixture::open(Source::Omneo).await;
    fixture.hint_at_booking().await;
    assert_eq!(fixture.counts().await, (0, 0));
    fixture.close().await;
}
