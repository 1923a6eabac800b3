//! Syncaroo: tokens by a form, places of a connection, and a booking by its URL.

use hookpoint::customer::model::source::Source::Syncaroo;
use hookpoint::demo::simulators::ObjectKind;
use reqwest::Method;
use serde_json::json;

use crate::support::{SimulatorFixture, each, json_of};

const ID: &str = "61c18cf515e22a061cf589b1*1640124000000*1640125800000";

fn fixture() -> SimulatorFixture {
    let fixture = SimulatorFixture::open();
    fixture.data.put(ObjectKind::Location, json!({"id": "loc", "name": "Amsterdam"}));
    fixture.data.put(ObjectKind::Resource, json!({"id": "res", "name": "Meeting room Amstel", "type": "meeting-room", "location": {"id": "loc"}}));
    let booking = json!({
        "id": ID, "status": "confirmed", "resource": {"id": "res", "name": "Meeting room Amstel"}, "location": {"id": "loc", "name": "Amsterdam"},
        "member": {"id": "mbr_1", "email": "lotte@example.org"}
    });
    fixture.data.put(ObjectKind::Booking, booking);
    fixture
}

#[tokio::test]
async fn tokens_are_given_for_a_form() {
    let fixture = fixture();
    assert_eq!(fixture.ask_for_token(Syncaroo, "wrong").await.status(), 401);
    let answer = fixture.ask_for_token(Syncaroo, &fixture.secrets.of_api(Syncaroo)).await;
    assert_eq!(json_of(answer).await["token_type"], "Bearer");
    assert_eq!(
        fixture.client.get(fixture.simulators.token_url(Syncaroo)).send().await.unwrap().status(),
        405
    );
    assert_eq!(
        fixture
            .bare(Syncaroo, Method::GET, "/555/locations")
            .bearer_auth("wrong")
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
    fixture.close().await;
}

#[tokio::test]
async fn places_and_bookings_are_found_below_their_connection() {
    let fixture = fixture();
    assert_eq!(
        each(&fixture.read(Syncaroo, "/555/locations").await["data"], "name"),
        ["Amsterdam"]
    );
    assert_eq!(fixture.read(Syncaroo, "/555/locations/loc").await["name"], "Amsterdam");
    assert_eq!(
        each(&fixture.read(Syncaroo, "/555/locations/loc/resources").await["data"], "id"),
        ["res"]
    );
    assert_eq!(
        fixture.read(Syncaroo, "/555/locations/loc/resources/res").await["name"],
        "Meeting room Amstel"
    );
    let booking =
        fixture.read(Syncaroo, &format!("/555/locations/loc/resources/res/bookings/{ID}")).await;
    assert_eq!(booking["member"]["email"], "lotte@example.org");
    for gone in [
        "/556/locations",
        "/555/locations/other",
        "/555/locations/loc/resources/res/bookings/none",
        "/555/bookings",
        "/555",
    ] {
        assert_eq!(fixture.get(Syncaroo, gone).await.status(), 404, "{gone}");
    }
    fixture.simulators.change_options(|options| options.names_places = false);
    let booking =
        fixture.read(Syncaroo, &format!("/555/locations/loc/resources/res/bookings/{ID}")).await;
    assert_eq!(
        (&booking["resource"], &booking["location"]),
        (&json!({"id": "res"}), &json!({"id": "loc"}))
    );
    fixture.close().await;
}
