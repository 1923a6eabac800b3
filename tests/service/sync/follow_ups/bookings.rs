//! Bookings, and the places that they are at.

use super::*;

pub(super) const SHOWN: &str =
    "Booked Meeting room Amstel, Amsterdam, 2021-12-21 23:00 to 23:30 (confirmed)";

#[tokio::test]
async fn a_booking_that_a_webhook_hints_at_is_asked_for_and_says_where() {
    let fixture = FollowUpFixture::open(Source::Syncaroo).await;
    fixture.book("confirmed", "2021-12-20T09:00:00.000Z");
    fixture.hint_at_booking().await;
    assert_eq!((fixture.shown().await.as_str(), fixture.counts().await), ("", (1, 0)));
    fixture.follow().await;
    assert_eq!((fixture.shown().await.as_str(), fixture.counts().await), (SHOWN, (0, 0)));
    // The names of the places are stored from now on.
    let calls = fixture.calls(Source::Syncaroo);
    fixture.book("cancelled", "2021-12-20T10:00:00.000Z");
    fixture.hint_at_booking().await;
    fixture.follow().await;
    assert_eq!(fixture.shown().await, SHOWN.replace("confirmed", "cancelled"));
    assert_eq!(fixture.calls(Source::Syncaroo), calls + 1);
    fixture.close().await;
}

#[tokio::test]
async fn a_booking_that_is_gone_is_shown_no_more() {
    let fixture = FollowUpFixture::open(Source::Syncaroo).await;
    fixture.book("confirmed", "2021-12-20T09:00:00.000Z");
    fixture.hint_at_booking().await;
    fixture.follow().await;
    assert_eq!(fixture.shown().await, SHOWN);
    fixture.data.remove(ObjectKind::Booking, BOOKING);
    fixture.hint_at_booking().await;
    // The source's data is newer than the webhook.
    fixture.later(1).await;
    fixture.follow().await;
    fixture.app.wait_until_current().await;
    assert_eq!(fixture.app.by_email("lotte@example.org").await[0]["timeline"], json!([]));
    fixture.close().await;
}

#[tokio::test]
async fn when_a_room_gets_another_name_bookings_say_so() {
    let fixture = FollowUpFixture::open(Source::Syncaroo).await;
    fixture.book("confirmed", "2021-12-20T09:00:00.000Z");
    fixture.hint_at_booking().await;
    fixture.follow().await;
    for name in ["Meeting room IJ", "Boardroom", "Meeting room Amstel"] {
        fixture.name_room(name);
        fixture.hint("resources", ROOM, &format!("locations/{LOCATION}/resources/{ROOM}")).await;
        fixture.follow().await;
        assert_eq!(fixture.shown().await, SHOWN.replace("Meeting room Amstel", name));
    }
    // A later response about the booking still wins, and contains the name at that time.
    fixture.name_room("Library");
    let resources = fixture
        .account
        .call(
            &ApiRequest::from(SyncarooRequest::Resources {
                location: LOCATION.to_owned(),
                page_url: None,
            }),
            CallPriority::Backfill,
            Duration::from_secs(5),
        )
        .await
        .unwrap();
    apply_reply(
        fixture.app.pool(),
        &fixture.account,
        CallPriority::Backfill,
        Duration::from_secs(5),
        &resources,
    )
    .await
    .unwrap();
    assert_eq!(fixture.shown().await, SHOWN.replace("Meeting room Amstel", "Library"));
    fixture.close().await;
}

#[tokio::test]
async fn a_room_that_is_gone_is_an_answer() {
    let fixture = FollowUpFixture::open(Source::Syncaroo).await;
    fixture.hint("resources", ROOM, &format!("locations/{LOCATION}/resources/{ROOM}")).await;
    assert_eq!(fixture.counts().await, (1, 0));
    fixture.follow().await;
    assert_eq!(fixture.counts().await, (0, 0), "nothing is wrong with the settings' pointers");
    fixture.close().await;
}

#[tokio::test]
async fn a_name_that_cannot_be_had_now_comes_later() {
    let fixture = FollowUpFixture::open(Source::Syncaroo).await;
    fixture.book("confirmed", "2021-12-20T09:00:00.000Z");
    fixture.data.remove(ObjectKind::Resource, ROOM);
    fixture.hint_at_booking().await;
    fixture.follow().await;
    assert_eq!(fixture.shown().await, SHOWN.replace("Meeting room Amstel", "meeting room"));
    fixture.name_room("Meeting room Amstel");
    fixture.hint("resources", ROOM, &format!("locations/{LOCATION}/resources/{ROOM}")).await;
    fixture.follow().await;
    assert_eq!(fixture.shown().await, SHOWN);
    fixture.close().await;
}
