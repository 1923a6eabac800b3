//! OmniLab, as its guides describe it: tokens that expire, the bookings of one contact, and their cancellation.

use hookpoint::customer::model::source::Source::OmniLab;
use hookpoint::demo::simulators::{ObjectKind, PARTICIPANT};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{SimulatorFixture, each, json_of, now};

const BOOKINGS: &str = "/v1/interactions:fetchContactBookings";
const CANCEL: &str = "/v1/interactions:cancelInteractionBooking";

fn booking(n: u32, status: &str) -> Value {
    json!({
        "booking": format!("bk_{n}"), "activity": "Styling session", "interaction": format!("int_{}", n % 2), "booking_status": status,
        "slot_starting_at": format!("2026-12-{:02}T10:00:00Z", n % 28 + 1), "slot_duration_in_minutes": 30, "timezone": "Europe/Amsterdam",
        PARTICIPANT: {"external_id": if n.is_multiple_of(10) { "CONTACT-2" } else { "CONTACT-1" }, "email": "thomas@example.org"}
    })
}

fn fixture() -> SimulatorFixture {
    let fixture = SimulatorFixture::open();
    (1..=20).for_each(|n| {
        fixture.data.put(
            ObjectKind::Appointment,
            booking(n, if n % 5 == 0 { "WAITLIST" } else { "CONFIRMED" }),
        );
    });
    fixture
}

#[tokio::test]
async fn tokens_are_given_for_the_right_secret_and_end_in_time() {
    let fixture = fixture();
    let refused = fixture.ask_for_token(OmniLab, "wrong").await;
    assert_eq!(refused.status(), 401);
    let nobody =
        fixture.client.post(fixture.simulators.token_url(OmniLab)).body("{}").send().await.unwrap();
    assert_eq!(nobody.status(), 400);
    let whole =
        json_of(fixture.ask_for_token(OmniLab, &fixture.secrets.of_api(OmniLab)).await).await;
    assert_eq!((&whole["token_type"], &whole["expires_in"]), (&json!("Bearer"), &json!(3600)));
    let token = whole["access_token"].as_str().unwrap();
    let status = async || {
        let request = fixture
            .bare(OmniLab, Method::GET, &format!("{BOOKINGS}?external_id=CONTACT-1"))
            .bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status().await, 200);
    fixture.clock.set(now() + SignedDuration::from_secs(3_599));
    assert_eq!(status().await, 200);
    fixture.clock.set(now() + SignedDuration::from_secs(3_600));
    assert_eq!(status().await, 401, "it has expired");
    fixture.clock.set(now());
    fixture.simulators.end_tokens(OmniLab);
    assert_eq!(status().await, 401, "it was invalidated");
    assert_eq!(fixture.bare(OmniLab, Method::GET, BOOKINGS).send().await.unwrap().status(), 401);
    fixture.close().await;
}

#[tokio::test]
async fn the_bookings_of_a_contact_have_pages_and_filters() {
    let fixture = fixture();
    let read = async |query: &str| {
        fixture.read(OmniLab, &format!("{BOOKINGS}?external_id=CONTACT-1{query}")).await
    };
    let all = read("").await;
    assert_eq!((all["bookings"].as_array().unwrap().len(), &all["total_count"]), (18, &json!(18)));
    assert!(
        all["bookings"][0].get(PARTICIPANT).is_none(),
        "the response does not identify the person"
    );
    assert_eq!(each(&read("&page_size=10&page_number=2").await["bookings"], "booking").len(), 8);
    assert_eq!(read("&page_size=10&page_number=3").await["bookings"], json!([]));
    assert_eq!(
        each(&read("&booking_status=WAITLIST").await["bookings"], "booking"),
        ["bk_5", "bk_15"]
    );
    assert_eq!(read("&interactions=int_0").await["total_count"], 8);
    let range =
        "&slot_date_range.from=2026-12-05T00:00:00Z&slot_date_range.to=2026-12-06T23:00:00Z";
    assert_eq!(each(&read(range).await["bookings"], "booking"), ["bk_4", "bk_5"]);
    assert_eq!(
        fixture
            .get(OmniLab, &format!("{BOOKINGS}?external_id=CONTACT-1&interactions=a&public_keys=b"))
            .await
            .status(),
        400
    );
    assert_eq!(fixture.get(OmniLab, BOOKINGS).await.status(), 400);
    assert_eq!(
        fixture.read(OmniLab, &format!("{BOOKINGS}?external_id=nobody")).await["bookings"],
        json!([])
    );
    fixture.close().await;
}

#[tokio::test]
async fn a_cancelled_booking_is_listed_as_cancelled() {
    let fixture = fixture();
    let cancel = async |body: Value| {
        fixture
            .request(OmniLab, Method::POST, CANCEL)
            .await
            .body(body.to_string())
            .send()
            .await
            .unwrap()
    };
    assert_eq!(cancel(json!({})).await.status(), 400);
    assert_eq!(cancel(json!({"booking": "bk_99"})).await.status(), 404);
    assert_eq!(cancel(json!({"booking": "bk_1"})).await.text().await.unwrap(), "{}");
    let cancelled = fixture
        .read(OmniLab, &format!("{BOOKINGS}?external_id=CONTACT-1&booking_status=CANCELLED"))
        .await;
    assert_eq!(each(&cancelled["bookings"], "booking"), ["bk_1"]);
    assert_eq!(cancelled["bookings"][0]["cancelled_at"], "2026-11-21T12:00:00.000Z");
    fixture.close().await;
}
