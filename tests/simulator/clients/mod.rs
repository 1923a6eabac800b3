//! Each client with its simulated system: pages, tokens, and faults.

mod faults;
mod lists;
mod origins;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hookpoint::customer::model::source::Source;
use hookpoint::customer::model::source::Source::{Omneo, OmniLab, OmnioTap, Syncaroo};
use hookpoint::demo::simulators::{Envelope, Fault, ObjectKind, PARTICIPANT, Part};
use hookpoint::sources::api::ApiRequest;
use hookpoint::sources::omnilab::OmniLabRequest;
use hookpoint::upstream::CallError;
use serde_json::{Value, json};

use self::lists::{appointments, contacts};
use self::origins::assert_no_visitor;
use crate::caller::Caller;
use crate::support::SimulatorFixture;

const AT: &str = "2026-01-01T00:00:00.000Z";

fn booking() -> Value {
    json!({
        "id": "61c18cf515e22a061cf589b1*1796896800000*1796900400000", "status": "confirmed", "updatedAt": AT,
        "resource": {"id": "res", "name": "Meeting room Amstel", "type": "meeting-room"}, "location": {"id": "loc", "name": "Amsterdam"},
        "member": {"id": "mbr_1", "email": "lotte@example.org"}
    })
}

/// Systems with a few objects of each kind.
fn fixture() -> SimulatorFixture {
    let fixture = SimulatorFixture::open();
    contacts(&fixture, 3);
    appointments(&fixture, 2);
    let profile = json!({"id": "p1", "first_name": "Thomas", "email": "thomas@example.org", "mobile_phone_e164": "+31612312311", "point_balance": 7});
    fixture.data.put(ObjectKind::Profile, profile);
    fixture.data.put(ObjectKind::Location, json!({"id": "loc", "name": "Amsterdam"}));
    fixture.data.put(ObjectKind::Resource, json!({"id": "res", "name": "Meeting room Amstel", "type": "meeting-room", "location": {"id": "loc"}}));
    fixture.data.put(ObjectKind::Booking, booking());
    fixture
}

/// A request that the system can answer.
fn question(caller: &Caller, source: Source) -> ApiRequest {
    match source {
        OmnioTap => caller.first(source, "contacts"),
        Omneo => caller.first(source, "profiles"),
        OmniLab => OmniLabRequest::bookings_of("CONTACT-1").into(),
        Syncaroo => caller.first(source, "locations"),
    }
}

#[tokio::test]
async fn a_booking_that_a_webhook_names_is_asked_for_with_its_places() {
    let caller = Caller::open(fixture()).await;
    for names_places in [true, false] {
        caller.fixture.simulators.change_options(|options| options.names_places = names_places);
        let url = format!(
            "{}/555/locations/loc/resources/res/bookings/{}",
            caller.fixture.simulators.base_url(Syncaroo),
            booking()["id"].as_str().unwrap()
        );
        let ask = hint(&caller, &url).pop().unwrap();
        let parsed = caller.call(Syncaroo, &ask).await.unwrap();
        assert_eq!(parsed.changes.len(), 2, "the member, and what was booked");
        assert_eq!(parsed.missing_names.len(), if names_places { 0 } else { 2 });
        for unnamed in &parsed.missing_names {
            let place_reply = caller.call(Syncaroo, &unnamed.ask).await.unwrap();
            assert!(
                place_reply.places.iter().any(|place| place.id == unnamed.place),
                "{}",
                unnamed.field
            );
        }
    }
    let parsed = caller.call(Syncaroo, &caller.first(Syncaroo, "locations")).await.unwrap();
    assert_eq!((parsed.places.len(), parsed.follow.len()), (1, 1));
    assert_eq!(
        caller.call(Syncaroo, &parsed.follow[0]).await.unwrap().places[0].name,
        "Meeting room Amstel"
    );
    caller.close().await;
}

/// The requests that follow from a webhook of Syncaroo.
fn hint(caller: &Caller, url: &str) -> Vec<ApiRequest> {
    let body = json!({
        "connectionId": 555, "webhookType": "data", "locationId": "1",
        "metaData": {"syncarooId": booking()["id"], "resourceType": "meeting-room", "attributeType": "bookings", "apiUrl": url}
    });
    let body = serde_json::to_vec(&body).unwrap();
    caller.api(Syncaroo).after_webhook(&hookpoint::sources::Delivery {
        headers: [].into(),
        body,
        received_at: crate::support::now(),
    })
}
