//! Lists, read to their ends.

use super::*;

pub(super) fn contacts(fixture: &SimulatorFixture, count: usize) {
    for n in 0..count {
        fixture.data.put(ObjectKind::Contact, json!({"id": format!("contact-{n:04}"), "email": format!("c{n}@example.org"), "updatedAt": AT}));
    }
}

pub(super) fn appointments(fixture: &SimulatorFixture, count: usize) {
    for n in 0..count {
        let booking = json!({
            "booking": format!("bk_{n}"), "booking_status": "CONFIRMED", "booked_at": AT, "activity": "Styling session",
            PARTICIPANT: {"external_id": "CONTACT-1"}
        });
        fixture.data.put(ObjectKind::Appointment, booking);
    }
}

// -------------------------------------------------------------------------------------------------------------- pages

#[tokio::test]
async fn every_page_of_a_list_is_read_in_every_envelope() {
    for envelope in [Envelope::Pagination, Envelope::Bare, Envelope::Named, Envelope::Items] {
        let caller = Caller::open(SimulatorFixture::open()).await;
        caller.fixture.simulators.change_options(|options| options.envelope = envelope);
        let scan = async || caller.scan(OmnioTap, caller.first(OmnioTap, "contacts")).await;
        assert_eq!(scan().await, (Vec::new(), 1), "{envelope:?}: nobody");
        for (count, most) in [(1, 1), (199, 1), (200, 1), (201, 2), (450, 3)] {
            contacts(&caller.fixture, count);
            let (there, pages) = scan().await;
            assert_eq!(there.len(), count, "{envelope:?}");
            // If the response has no number of pages, the client may read an empty last page.
            let more = usize::from(envelope != Envelope::Pagination);
            assert!(
                (most..=most + more).contains(&pages),
                "{envelope:?}: {pages} pages of {count}"
            );
        }
        caller.close().await;
    }
}

#[tokio::test]
async fn a_list_whose_pages_are_smaller_than_requested_is_read_to_its_end() {
    for envelope in [Envelope::Pagination, Envelope::Named] {
        let caller = Caller::open(SimulatorFixture::open()).await;
        contacts(&caller.fixture, 100);
        caller
            .fixture
            .simulators
            .change_options(|options| (options.max_page, options.envelope) = (30, envelope));
        let (there, pages) = caller.scan(OmnioTap, caller.first(OmnioTap, "contacts")).await;
        assert!(there.len() == 100 && pages <= 5, "{envelope:?}: {} on {pages}", there.len());
        caller.close().await;
    }
}

#[tokio::test]
async fn links_are_followed_to_the_last_page() {
    let caller = Caller::open(fixture()).await;
    for n in 1..=1_000 {
        caller.fixture.data.put(
            ObjectKind::Transaction,
            json!({"id": n, "profile_id": "p1", "total": 1, "updated_at": "2026-01-01 00:00:00"}),
        );
    }
    let (there, pages) = caller.scan(Omneo, caller.first(Omneo, "transactions")).await;
    assert_eq!((there.len(), pages), (1_000, 2));
    assert_eq!(caller.scan(Omneo, caller.first(Omneo, "rewards")).await, (Vec::new(), 1));
    caller.close().await;
}

#[tokio::test]
async fn the_bookings_of_a_participant_are_all_read() {
    let caller = Caller::open(SimulatorFixture::open()).await;
    for (count, most) in [(0, 1), (1, 1), (50, 1), (51, 2), (120, 3)] {
        appointments(&caller.fixture, count);
        let (there, pages) = caller.scan(OmniLab, question(&caller, OmniLab)).await;
        // On a full page, a count that equals the page size may be the count of the page only.
        assert!(
            there.len() == count && (most..=most + 1).contains(&pages),
            "{} of {count} on {pages}",
            there.len()
        );
    }
    caller.close().await;
}
