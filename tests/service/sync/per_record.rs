//! Runs that ask about one record after the other.

use super::*;

/// Runs everything that is due at a source, as the service does. Returns the number of calls.
async fn run_due_at(fixture: &SyncFixture, source: Source) -> usize {
    fixture.simulators.clear_request_log();
    run_due_streams(&fixture.runner(source), &SyncSettings::default(), ScheduleKind::Full)
        .await
        .unwrap();
    fixture.simulators.logged_requests(source).len()
}

#[tokio::test]
async fn who_is_asked_about_one_by_one_waits_for_the_list_unless_it_is_broken_and_is_asked_about_once_it_is_there()
 {
    let fixture = SyncFixture::start(3).await;
    assert_eq!(run_due_at(&fixture, Source::OmniLab).await, 0, "the list comes first");
    // 404 for the whole list: the address in the settings is wrong.
    fixture.simulators.set_fault(Source::OmnioTap, Part::Api, Some(Fault::Status(404)));
    run_due_at(&fixture, Source::OmnioTap).await;
    assert!(!fixture.row_of("contacts").await.is_complete());
    run_due_at(&fixture, Source::OmniLab).await;
    let row = fixture.row_of("bookings").await;
    assert!(row.is_complete() && row.scanned == 0, "nobody is stored yet");
    fixture.simulators.clear_faults();
    fixture.app.clock.set(fixture.app.clock.now() + jiff::SignedDuration::from_mins(16));
    run_due_at(&fixture, Source::OmnioTap).await;
    assert!(
        run_due_at(&fixture, Source::OmniLab).await >= 3,
        "the source is asked about them at once"
    );
    let row = fixture.row_of("bookings").await;
    assert!(row.is_complete() && row.scanned == 3, "{}", row.scanned);
    assert_eq!(run_due_at(&fixture, Source::OmniLab).await, 0, "and once");
    fixture.stop().await;
}

/// A webhook and an object of OmniLab for the same new booking.
fn appointment(booking: &str, external_id: &str) -> (Delivery, Value) {
    let body = json!({"type": "booking.created.v1", "timestamp": "2026-04-02T08:20:05.507Z", "data": {
        "external_id": external_id, "email": format!("{external_id}@example.org"), "booking": booking, "booking_status": "CONFIRMED",
    }});
    let object = json!({"booking": booking, "booking_status": "CONFIRMED", "booked_at": "2026-04-02T08:20:05.507Z", PARTICIPANT: {"external_id": external_id}});
    let received_at = "2026-04-02T08:20:06Z".parse().unwrap();
    (Delivery { headers: [].into(), body: body.to_string().into_bytes(), received_at }, object)
}

#[tokio::test]
async fn a_booking_under_an_id_of_omnilabs_own_is_repaired_too_and_nobody_is_asked_about_twice() {
    let fixture = SyncFixture::start(2).await;
    fixture.contacts().await;
    for (booking, external_id) in [("bk_1", "OWN-1"), ("bk_2", "c0")] {
        let (webhook, mut object) = appointment(booking, external_id);
        let reading = fixture
            .app
            .brand
            .rules
            .sources
            .parser(Source::OmniLab)
            .parse_webhook(&webhook)
            .unwrap();
        let ParsedWebhook::Changes(changes) = reading else { panic!("{reading:?}") };
        fixture.app.apply(changes).await;
        // The webhook about the cancellation is lost.
        object["booking_status"] = json!("CANCELLED");
        object["cancelled_at"] = json!("2026-04-03T09:00:00.000Z");
        fixture.data.put(ObjectKind::Appointment, object);
    }
    fixture.simulators.clear_request_log();
    let ended = fixture.scan(Source::OmniLab, "bookings").await;
    let RunEnd::Complete { progress, .. } = ended else { panic!("{ended:?}") };
    let mut db = fixture.app.pool().acquire().await.unwrap();
    let bookings =
        list_events_after(&mut db, fixture.app.brand.id(), (Source::OmniLab, "booking"), "", 10)
            .await
            .unwrap();
    drop(db);
    let cancelled: Vec<&str> = bookings
        .iter()
        .filter(|booking| is_cancelled(booking))
        .map(|booking| booking.key.id.as_str())
        .collect();
    assert_eq!(cancelled, ["bk_1", "bk_2"]);
    assert_eq!(
        (progress.scanned, progress.total),
        (3, Some(3)),
        "two contacts, one of them also a participant, and another participant"
    );
    fixture.stop().await;
}
