//! Each client with its simulated system: pages, tokens, and faults.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hookpoint::customer::model::source::Source;
use hookpoint::customer::model::source::Source::{Omneo, OmniLab, OmnioTap, Syncaroo};
use hookpoint::demo::systems::{Envelope, Fault, ObjectKind, PARTICIPANT, Part};
use hookpoint::sources::api::ApiRequest;
use hookpoint::sources::omnilab::OmniLabRequest;
use hookpoint::upstream::CallError;
use serde_json::{Value, json};

use crate::line::Line;
use crate::support::Stage;

const AT: &str = "2026-01-01T00:00:00.000Z";

fn contacts(stage: &Stage, count: usize) {
    for n in 0..count {
        stage.world.put(ObjectKind::Contact, json!({"id": format!("contact-{n:04}"), "email": format!("c{n}@example.org"), "updatedAt": AT}));
    }
}

fn appointments(stage: &Stage, count: usize) {
    for n in 0..count {
        let booking = json!({
            "booking": format!("bk_{n}"), "booking_status": "CONFIRMED", "booked_at": AT, "activity": "Styling session",
            PARTICIPANT: {"external_id": "CONTACT-1"}
        });
        stage.world.put(ObjectKind::Appointment, booking);
    }
}

fn booking() -> Value {
    json!({
        "id": "61c18cf515e22a061cf589b1*1796896800000*1796900400000", "status": "confirmed", "updatedAt": AT,
        "resource": {"id": "res", "name": "Meeting room Amstel", "type": "meeting-room"}, "location": {"id": "loc", "name": "Amsterdam"},
        "member": {"id": "mbr_1", "email": "lotte@example.org"}
    })
}

/// Systems with a few objects of each kind.
fn stage() -> Stage {
    let stage = Stage::open();
    contacts(&stage, 3);
    appointments(&stage, 2);
    let profile = json!({"id": "p1", "first_name": "Thomas", "email": "thomas@example.org", "mobile_phone_e164": "+31612312311", "point_balance": 7});
    stage.world.put(ObjectKind::Profile, profile);
    stage.world.put(ObjectKind::Location, json!({"id": "loc", "name": "Amsterdam"}));
    stage.world.put(ObjectKind::Resource, json!({"id": "res", "name": "Meeting room Amstel", "type": "meeting-room", "location": {"id": "loc"}}));
    stage.world.put(ObjectKind::Booking, booking());
    stage
}

/// A request that the system can answer.
fn question(line: &Line, source: Source) -> ApiRequest {
    match source {
        OmnioTap => line.first(source, "contacts"),
        Omneo => line.first(source, "profiles"),
        OmniLab => OmniLabRequest::bookings_of("CONTACT-1").into(),
        Syncaroo => line.first(source, "locations"),
    }
}

// -------------------------------------------------------------------------------------------------------------- pages

#[tokio::test]
async fn every_page_of_a_list_is_walked_in_every_envelope() {
    for envelope in [Envelope::Pagination, Envelope::Bare, Envelope::Named, Envelope::Items] {
        let line = Line::open(Stage::open()).await;
        line.stage.systems.change_options(|terms| terms.envelope = envelope);
        let scan = async || line.scan(OmnioTap, line.first(OmnioTap, "contacts")).await;
        assert_eq!(scan().await, (Vec::new(), 1), "{envelope:?}: nobody");
        for (count, most) in [(1, 1), (199, 1), (200, 1), (201, 2), (450, 3)] {
            contacts(&line.stage, count);
            let (there, pages) = scan().await;
            assert_eq!(there.len(), count, "{envelope:?}");
            // If the response has no number of pages, the client may read an empty last page.
            let more = usize::from(envelope != Envelope::Pagination);
            assert!(
                (most..=most + more).contains(&pages),
                "{envelope:?}: {pages} pages of {count}"
            );
        }
        line.close().await;
    }
}

#[tokio::test]
async fn a_list_whose_pages_are_smaller_than_asked_for_is_walked_to_its_end() {
    for envelope in [Envelope::Pagination, Envelope::Named] {
        let line = Line::open(Stage::open()).await;
        contacts(&line.stage, 100);
        line.stage
            .systems
            .change_options(|terms| (terms.max_page, terms.envelope) = (30, envelope));
        let (there, pages) = line.scan(OmnioTap, line.first(OmnioTap, "contacts")).await;
        assert!(there.len() == 100 && pages <= 5, "{envelope:?}: {} on {pages}", there.len());
        line.close().await;
    }
}

#[tokio::test]
async fn links_are_followed_to_the_last_page() {
    let line = Line::open(stage()).await;
    for n in 1..=1_000 {
        line.stage.world.put(
            ObjectKind::Transaction,
            json!({"id": n, "profile_id": "p1", "total": 1, "updated_at": "2026-01-01 00:00:00"}),
        );
    }
    let (there, pages) = line.scan(Omneo, line.first(Omneo, "transactions")).await;
    assert_eq!((there.len(), pages), (1_000, 2));
    assert_eq!(line.scan(Omneo, line.first(Omneo, "rewards")).await, (Vec::new(), 1));
    line.close().await;
}

#[tokio::test]
async fn the_bookings_of_a_participant_are_walked() {
    let line = Line::open(Stage::open()).await;
    for (count, most) in [(0, 1), (1, 1), (50, 1), (51, 2), (120, 3)] {
        appointments(&line.stage, count);
        let (there, pages) = line.scan(OmniLab, question(&line, OmniLab)).await;
        // On a full page, a count that equals the page size may be the count of the page only.
        assert!(
            there.len() == count && (most..=most + 1).contains(&pages),
            "{} of {count} on {pages}",
            there.len()
        );
    }
    line.close().await;
}

#[tokio::test]
async fn a_booking_that_a_webhook_names_is_asked_for_with_its_places() {
    let line = Line::open(stage()).await;
    for names_places in [true, false] {
        line.stage.systems.change_options(|terms| terms.names_places = names_places);
        let url = format!(
            "{}/555/locations/loc/resources/res/bookings/{}",
            line.stage.systems.base_url(Syncaroo),
            booking()["id"].as_str().unwrap()
        );
        let ask = hint(&line, &url).pop().unwrap();
        let heard = line.call(Syncaroo, &ask).await.unwrap();
        assert_eq!(heard.changes.len(), 2, "the member, and what was booked");
        assert_eq!(heard.unnamed.len(), if names_places { 0 } else { 2 });
        for unnamed in &heard.unnamed {
            let told = line.call(Syncaroo, &unnamed.ask).await.unwrap();
            assert!(told.places.iter().any(|place| place.id == unnamed.place), "{}", unnamed.field);
        }
    }
    let heard = line.call(Syncaroo, &line.first(Syncaroo, "locations")).await.unwrap();
    assert_eq!((heard.places.len(), heard.follow.len()), (1, 1));
    assert_eq!(
        line.call(Syncaroo, &heard.follow[0]).await.unwrap().places[0].name,
        "Meeting room Amstel"
    );
    line.close().await;
}

/// The requests that follow from a webhook of Syncaroo.
fn hint(line: &Line, url: &str) -> Vec<ApiRequest> {
    let body = json!({
        "connectionId": 555, "webhookType": "data", "locationId": "1",
        "metaData": {"syncarooId": booking()["id"], "resourceType": "meeting-room", "attributeType": "bookings", "apiUrl": url}
    });
    let body = serde_json::to_vec(&body).unwrap();
    line.api(Syncaroo).after_webhook(&hookpoint::sources::Delivery {
        headers: [].into(),
        body,
        received_at: crate::support::now(),
    })
}

// ------------------------------------------------------------------------------------------------------------- tokens

#[tokio::test]
async fn a_token_is_fetched_once_for_all_and_renewed_after_a_401() {
    for source in [OmniLab, Syncaroo] {
        let line = Line::open(stage()).await;
        let tokens = || {
            line.stage
                .systems
                .arrivals(source)
                .iter()
                .filter(|arrival| arrival.path.contains("token"))
                .count()
        };
        let asks: Vec<ApiRequest> = match source {
            OmniLab => (0..20)
                .map(|n| OmniLabRequest::bookings_of(&format!("CONTACT-{n}")).into())
                .collect(),
            _ => (0..20)
                .flat_map(|n| {
                    hint(
                        &line,
                        &format!(
                            "{}/555/locations/loc/resources/res/bookings/{n}",
                            line.stage.systems.base_url(source)
                        ),
                    )
                })
                .collect(),
        };
        let all = async || {
            join_all(asks.iter().map(|ask| line.call(source, ask)))
                .await
                .into_iter()
                .all(|called| called.is_ok())
        };
        assert!(all().await);
        assert_eq!(tokens(), 1, "{source}");
        line.stage.systems.end_tokens(source);
        assert!(all().await, "the refused request is sent again");
        assert_eq!(tokens(), 2, "{source}: once for all");
        line.stage.systems.add_fault(source, Part::Api, Fault::ExpiredTokens);
        assert!(line.call(source, &asks[0]).await.is_ok());
        line.stage.systems.set_fault(source, Part::Api, Some(Fault::ExpiredTokens));
        assert!(
            matches!(line.call(source, &asks[0]).await, Err(CallError::Status(401))),
            "a new token doesn't help: no third one is tried"
        );
        line.close().await;
    }
}

#[tokio::test]
async fn who_gives_no_token_is_told_and_waited_for_not_at_all() {
    for source in [OmniLab, Syncaroo] {
        for fault in [
            Fault::Silent,
            Fault::Unfinished,
            Fault::Endless,
            Fault::Garbage,
            Fault::Truncated,
            Fault::Html,
            Fault::Closed,
            Fault::Status(401),
        ] {
            let line = Line::open(stage()).await;
            line.stage.systems.set_fault(source, Part::Tokens, Some(fault.clone()));
            let called = line.call(source, &question(&line, source)).await;
            assert!(matches!(called, Err(CallError::NoToken(_))), "{source}: {fault:?}");
            let arrivals = line.stage.systems.arrivals(source);
            assert!(
                arrivals.iter().all(|arrival| arrival.path.contains("token")),
                "{source}: no request is sent without a token"
            );
            line.close().await;
        }
    }
}

// ------------------------------------------------------------------------------------------------------------- faults

/// Whether an error is the expected effect of a fault.
fn is_expected(fault: &Fault, source: Source, error: Option<&CallError>) -> bool {
    match (fault, error) {
        (Fault::Slow(_), None) | (Fault::Silent | Fault::Unfinished, Some(CallError::TimedOut)) => {
            true
        }
        (Fault::Endless, Some(CallError::TooLarge | CallError::TimedOut)) => true,
        (Fault::Status(status), Some(CallError::Status(met))) => status == met,
        (Fault::Garbage | Fault::Truncated | Fault::Html, Some(CallError::NotJson(_))) => true,
        (Fault::Closed, Some(CallError::Unreachable)) => true,
        // A body that ends during decompression looks like one that cannot be decompressed.
        (Fault::Cut, Some(CallError::Unreachable | CallError::NotJson(_))) => true,
        (Fault::Redirect(_), Some(CallError::Redirected)) => true,
        (Fault::ExpiredTokens, Some(CallError::Status(401))) => matches!(source, OmnioTap | Omneo),
        (Fault::ExpiredTokens, None) => matches!(source, OmniLab | Syncaroo),
        _ => false,
    }
}

#[tokio::test]
async fn each_fault_is_met_and_the_next_call_is_as_always() {
    let elsewhere = Stage::open();
    let faults = [
        Fault::Slow(Duration::from_millis(50)),
        Fault::Silent,
        Fault::Unfinished,
        Fault::Endless,
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(403),
        Fault::Garbage,
        Fault::Truncated,
        Fault::Cut,
        Fault::Closed,
        Fault::Html,
        Fault::Redirect(format!("{}/contacts", elsewhere.systems.base_url(OmnioTap))),
    ];
    let line = Line::open(stage()).await;
    for source in Source::ALL {
        let ask = question(&line, source);
        let usual = line.call(source, &ask).await.unwrap();
        for fault in &faults {
            line.stage.systems.set_fault(source, Part::Api, Some(fault.clone()));
            let called = line.call(source, &ask).await;
            assert!(
                is_expected(fault, source, called.as_ref().err()),
                "{source}: {fault:?} resulted in {:?}",
                called.err()
            );
            line.stage.systems.clear_faults();
            let after = line
                .call(source, &ask)
                .await
                .unwrap_or_else(|error| panic!("{source} after {fault:?}: {error}"));
            assert!(
                after.there == usual.there && after.changes.len() == usual.changes.len(),
                "{source} after {fault:?}"
            );
        }
        line.stage.systems.add_fault(source, Part::Api, Fault::ExpiredTokens);
        let called = line.call(source, &ask).await;
        assert!(
            is_expected(&Fault::ExpiredTokens, source, called.as_ref().err()),
            "{source}: {:?}",
            called.err()
        );
    }
    assert_no_visitor(&elsewhere);
    line.close().await;
    elsewhere.close().await;
}

#[tokio::test]
async fn a_429_is_an_error_and_not_asked_again_at_once() {
    for source in Source::ALL {
        for after in [Some(1), None] {
            let line = Line::open(stage()).await;
            let ask = question(&line, source);
            line.stage.systems.add_fault(source, Part::Api, Fault::TooMany(after));
            let called = line.call(source, &ask).await;
            assert!(
                matches!(called, Err(CallError::Status(429))),
                "{source} {after:?}: {:?}",
                called.err()
            );
            let arrivals = line.stage.systems.arrivals(source);
            assert_eq!(
                arrivals.iter().filter(|arrival| !arrival.path.contains("token")).count(),
                1,
                "{source} {after:?}"
            );
            if after.is_some() {
                assert!(
                    line.call(source, &ask).await.is_ok(),
                    "{source}: calls continue after the limit"
                );
            }
            line.close().await;
        }
    }
}

// ---------------------------------------------------------------------------------------------------- foreign origins

/// Asserts that these systems received no request, and so no credential.
fn assert_no_visitor(stage: &Stage) {
    for source in Source::ALL {
        assert_eq!(stage.systems.arrivals(source), [], "{source}");
    }
}

/// The origin of a system's URLs.
fn origin(stage: &Stage, source: Source) -> String {
    let base_url = stage.systems.base_url(source);
    base_url.split('/').take(3).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn links_that_lead_elsewhere_are_not_followed() {
    let (elsewhere, line) = (Stage::open(), Line::open(stage()).await);
    for n in 1..=1_200 {
        line.stage.world.put(
            ObjectKind::Transaction,
            json!({"id": n, "profile_id": "p1", "updated_at": "2026-01-01 00:00:00"}),
        );
    }
    let away = origin(&elsewhere, Omneo);
    line.stage.systems.change_options(|terms| terms.links_lead_to = Some(away));
    let (there, pages) = line.scan(Omneo, line.first(Omneo, "transactions")).await;
    assert_eq!((there.len(), pages), (1_200, 3), "pages are numbered as well");
    assert_no_visitor(&elsewhere);
    line.close().await;
    elsewhere.close().await;
}

#[tokio::test]
async fn a_url_of_a_webhook_that_leads_elsewhere_is_not_called() {
    let (elsewhere, line) = (Stage::open(), Line::open(stage()).await);
    elsewhere.world.put(ObjectKind::Booking, booking());
    let path = "/api/v1/555/locations/loc/resources/res/bookings/1";
    let (here, there) = (origin(&line.stage, Syncaroo), origin(&elsewhere, Syncaroo));
    let port = there.rsplit(':').next().unwrap();
    for url in [
        format!("{there}{path}"),
        format!("http://localhost:{port}{path}"),
        format!("{here}@127.0.0.1:{port}{path}"),
        format!("http://user:word@127.0.0.1:{port}{path}"),
        format!("//127.0.0.1:{port}{path}"),
        format!("file:///etc/passwd#{path}"),
        format!("{there}\\@{}{path}", here.trim_start_matches("http://")),
        "https://app.syncaroo.com/api/v1/555/locations/a".to_owned(),
    ] {
        for ask in hint(&line, &url) {
            let called = line.call(Syncaroo, &ask).await;
            assert!(matches!(called, Err(CallError::BlockedOrigin)), "{url}: {:?}", called.err());
        }
    }
    assert_no_visitor(&elsewhere);
    assert_eq!(line.stage.systems.arrivals(Syncaroo), [], "not even a token is fetched");
    line.close().await;
    elsewhere.close().await;
}

#[tokio::test]
async fn redirects_take_neither_a_question_nor_a_secret_elsewhere() {
    let (elsewhere, line) = (Arc::new(Stage::open()), Line::open(stage()).await);
    for source in Source::ALL {
        line.stage.systems.add_fault(
            source,
            Part::Api,
            Fault::Redirect(format!("{}/any", elsewhere.systems.base_url(source))),
        );
        assert!(
            matches!(line.call(source, &question(&line, source)).await, Err(CallError::Redirected)),
            "{source}"
        );
        if !elsewhere.systems.token_url(source).is_empty() {
            line.stage.systems.end_tokens(source);
            line.stage.systems.set_fault(
                source,
                Part::Tokens,
                Some(Fault::Redirect(elsewhere.systems.token_url(source))),
            );
            assert!(
                matches!(
                    line.call(source, &question(&line, source)).await,
                    Err(CallError::NoToken(_) | CallError::Status(401))
                ),
                "{source}"
            );
        }
    }
    assert_no_visitor(&elsewhere);
    line.close().await;
    Arc::into_inner(elsewhere).unwrap().close().await;
}
