//! Bookings, and the places that they are at.

use super::*;

pub(super) const SHOWN: &str =
    "Booked Meeting room Amstel, Amsterdam, 2021-12-21 23:00 to 23:30 (confirmed)";

#[tokio::test]
async fn a_booking_that_a_webhook_hints_at_is_asked_for_and_says_where() {
    let stage = FollowUpStage::open(Source::Syncaroo).await;
    stage.book("confirmed", "2021-12-20T09:00:00.000Z");
    stage.hint_at_booking().await;
    assert_eq!((stage.shown().await.as_str(), stage.counts().await), ("", (1, 0)));
    stage.follow().await;
    assert_eq!((stage.shown().await.as_str(), stage.counts().await), (SHOWN, (0, 0)));
    // The names of the places are stored from now on.
    let calls = stage.calls(Source::Syncaroo);
    stage.book("cancelled", "2021-12-20T10:00:00.000Z");
    stage.hint_at_booking().await;
    stage.follow().await;
    assert_eq!(stage.shown().await, SHOWN.replace("confirmed", "cancelled"));
    assert_eq!(stage.calls(Source::Syncaroo), calls + 1);
    stage.close().await;
}

#[tokio::test]
async fn a_booking_that_is_gone_is_shown_no_more() {
    let stage = FollowUpStage::open(Source::Syncaroo).await;
    stage.book("confirmed", "2021-12-20T09:00:00.000Z");
    stage.hint_at_booking().await;
    stage.follow().await;
    assert_eq!(stage.shown().await, SHOWN);
    stage.data.remove(ObjectKind::Booking, BOOKING);
    stage.hint_at_booking().await;
    // The source's data is newer than the webhook.
    stage.later(1).await;
    stage.follow().await;
    stage.app.wait_until_current().await;
    assert_eq!(stage.app.by_email("lotte@example.org").await[0]["timeline"], json!([]));
    stage.close().await;
}

#[tokio::test]
async fn when_a_room_gets_another_name_bookings_say_so() {
    let stage = FollowUpStage::open(Source::Syncaroo).await;
    stage.book("confirmed", "2021-12-20T09:00:00.000Z");
    stage.hint_at_booking().await;
    stage.follow().await;
    for name in ["Meeting room IJ", "Boardroom", "Meeting room Amstel"] {
        stage.name_room(name);
        stage.hint("resources", ROOM, &format!("locations/{LOCATION}/resources/{ROOM}")).await;
        stage.follow().await;
        assert_eq!(stage.shown().await, SHOWN.replace("Meeting room Amstel", name));
    }
    // A later response about the booking still wins, and contains the name at that time.
    stage.name_room("Library");
    let resources = stage
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
        stage.app.pool(),
        &stage.account,
        CallPriority::Backfill,
        Duration::from_secs(5),
        &resources,
    )
    .await
    .unwrap();
    assert_eq!(stage.shown().await, SHOWN.replace("Meeting room Amstel", "Library"));
    stage.close().await;
}

#[tokio::test]
async fn a_room_that_is_gone_is_an_answer() {
    let stage = FollowUpStage::open(Source::Syncaroo).await;
    stage.hint("resources", ROOM, &format!("locations/{LOCATION}/resources/{ROOM}")).await;
    assert_eq!(stage.counts().await, (1, 0));
    stage.follow().await;
    assert_eq!(stage.counts().await, (0, 0), "nothing is wrong with the settings' pointers");
    stage.close().await;
}

#[tokio::test]
async fn a_name_that_cannot_be_had_now_comes_later() {
    let stage = FollowUpStage::open(Source::Syncaroo).await;
    stage.book("confirmed", "2021-12-20T09:00:00.000Z");
    stage.data.remove(ObjectKind::Resource, ROOM);
    stage.hint_at_booking().await;
    stage.follow().await;
    assert_eq!(stage.shown().await, SHOWN.replace("Meeting room Amstel", "meeting room"));
    stage.name_room("Meeting room Amstel");
    stage.hint("resources", ROOM, &format!("locations/{LOCATION}/resources/{ROOM}")).await;
    stage.follow().await;
    assert_eq!(stage.shown().await, SHOWN);
    stage.close().await;
}
