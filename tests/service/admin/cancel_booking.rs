//! Cancelled bookings: cancelled once, recorded, and visible at once.

use std::sync::Arc;
use std::time::Duration;

use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::cancel_booking::{CancelError, Refreshed, cancel};
use hookpoint::clock::Clock;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::simulators::{
    Fault, ObjectKind, Part, SimulatedData, SimulatorOptions, Simulators,
};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::jobs::tasks::BackgroundTasks;
use hookpoint::settings::file::CallSettings;
use hookpoint::sources::SourceSettings;
use hookpoint::sources::api::LiveWhen;
use hookpoint::sources::booking::NotCancellable;
use hookpoint::storage::audit_log::{AuditFilter, list_audit};
use hookpoint::upstream::{UpstreamClient, UpstreamClients};
use serde_json::{Value, json};

use crate::inbox::work_off;
use crate::support::{Options, TestApp, TestSettings, post};

const BOOKING: &str = "bk_O8jvpi35HBUPVz";

/// An application whose users may cancel bookings.
struct Bookings {
    simulators: Simulators,
    app: TestApp,
    account: Arc<UpstreamClient>,
    background: BackgroundTasks,
}

fn appointment(booking: &str) -> Value {
    json!({
        "booking": booking, "activity": "Styling session", "slot_starting_at": "2026-11-24T12:30:00Z", "slot_duration_in_minutes": 30,
        "booking_status": "CONFIRMED", "booked_at": "2026-04-02T08:20:05.507Z", "cancelled_at": null, "checkedin_at": null,
        "timezone": "Europe/Amsterdam", "participant": {"external_id": "CONTACT-123", "email": "lotte@example.org"},
    })
}

impl Bookings {
    async fn open() -> Self {
        let data = Arc::new(SimulatedData::new(Clock::system()));
        for booking in [BOOKING, "bk_2"] {
            data.put(ObjectKind::Appointment, appointment(booking));
        }
        let simulators = Simulators::start(
            Arc::clone(&data),
            &Secrets::known(),
            SimulatorOptions::default(),
            Clock::system(),
        )
        .unwrap();
        let settings = TestSettings::demo()
            .without_inbox_workers()
            .without_backfill()
            .without_follow_ups()
            .api(&simulators, Source::OmniLab, LiveWhen::Off)
            .sources(|sources| sources.omnilab.api.cancel_bookings = true);
        let app = TestApp::start_with(Options {
            skips_verification: true,
            settings,
            ..Options::default()
        })
        .await;
        let calls = CallSettings {
            response_timeout_ms: 500,
            total_timeout_ms: 500,
            ..CallSettings::default()
        };
        let background = BackgroundTasks::new();
        let accounts = UpstreamClients::new(
            app.pool(),
            &[Arc::clone(&app.brand)],
            &calls,
            &background,
            &app.clock,
        );
        let account = Arc::clone(accounts.get(app.brand.id(), Source::OmniLab).unwrap());
        Self { simulators, app, account, background }
    }

    /// Sends the webhook about a booking.
    async fn book(&self, booking: &str) {
        let body = json!({"type": "booking.created.v1", "timestamp": "2026-04-02T08:20:05.507Z", "data": {
            "external_id": "CONTACT-123", "email": "lotte@example.org", "booking": booking, "activity": "Styling session", "booking_status": "CONFIRMED",
        }});
        let id = format!("msg_{booking}");
        let response = post(
            self.app.application.address,
            "/webhooks/demo/omnilab",
            &[("webhook-id", &id)],
            body.to_string().as_bytes(),
        )
        .await;
        assert_eq!(response.status, 202, "{}", response.body);
        work_off(&self.app).await;
    }

    async fn cancel(&self, booking: &str) -> Result<Refreshed, CancelError> {
        let what = self.app.brand.rules.sources.cancelling(booking).unwrap();
        let attribution =
            Attribution { by: "Femke", reason: "the customer is ill", via: Via::Command };
        cancel(self.app.pool(), &self.account, &what, attribution, &self.app.clock).await
    }

    async fn shown(&self) -> Vec<String> {
        self.app.wait_until_current().await;
        let found = self.app.by_email("lotte@example.org").await;
        found[0]["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["message"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn outcomes(&self) -> Vec<String> {
        let rows =
            list_audit(self.app.pool(), self.app.brand.id(), AuditFilter::ALL, 10).await.unwrap();
        assert!(
            rows.iter().all(|row| (row.done_by.as_str(), row.reason.as_str())
                == ("Femke", "the customer is ill"))
        );
        rows.into_iter().map(|row| row.outcome).collect()
    }

    /// The number of cancel requests at the source.
    fn cancellations(&self) -> usize {
        self.simulators
            .logged_requests(Source::OmniLab)
            .iter()
            .filter(|request| request.path.contains("cancel"))
            .count()
    }

    async fn close(self) {
        self.background.end().await;
        self.app.stop().await;
        self.simulators.stop().await;
    }
}

#[tokio::test]
async fn a_booking_is_cancelled_and_all_bookings_of_its_customer_are_seen_anew() {
    let bookings = Bookings::open().await;
    bookings.book(BOOKING).await;
    assert_eq!(bookings.shown().await, ["Booking: Styling session (confirmed)"]);
    assert!(matches!(bookings.cancel(BOOKING).await.unwrap(), Refreshed::Done));
    let shown = bookings.shown().await;
    assert_eq!(shown.len(), 2, "also a booking without a webhook");
    assert!(shown[0].ends_with("(cancelled)") && shown[1].ends_with("(confirmed)"), "{shown:?}");
    assert_eq!(
        (bookings.outcomes().await, bookings.cancellations()),
        (vec!["cancelled".to_owned()], 1)
    );
    bookings.close().await;
}

#[tokio::test]
async fn a_booking_that_is_not_known_here_is_not_cancelled() {
    let bookings = Bookings::open().await;
    assert!(
        matches!(bookings.cancel("bk_2").await, Err(CancelError::NotKnown)),
        "it may belong to anybody"
    );
    assert_eq!((bookings.outcomes().await.len(), bookings.cancellations()), (0, 0));
    bookings.close().await;
}

#[tokio::test]
async fn a_booking_that_is_cancelled_already_is_not_cancelled_again() {
    let bookings = Bookings::open().await;
    bookings.book(BOOKING).await;
    assert!(matches!(bookings.cancel(BOOKING).await.unwrap(), Refreshed::Done));
    assert!(matches!(bookings.cancel(BOOKING).await.unwrap(), Refreshed::Needless));
    assert_eq!(
        (bookings.outcomes().await, bookings.cancellations()),
        (vec!["cancelled".to_owned()], 1)
    );
    bookings.close().await;
}

#[tokio::test]
async fn a_cancellation_that_fails_is_tried_once_and_written_down() {
    let bookings = Bookings::open().await;
    // The booking is stored here, and no longer exists at the source.
    bookings.book("bk_gone").await;
    assert!(matches!(bookings.cancel("bk_gone").await, Err(CancelError::Refused(_))));
    for (n, fault) in
        [Fault::Closed, Fault::Silent, Fault::Status(500), Fault::Cut].into_iter().enumerate()
    {
        let (booking, tried) = (format!("bk_fault{n}"), bookings.cancellations());
        bookings.simulators.data().put(ObjectKind::Appointment, appointment(&booking));
        bookings.book(&booking).await;
        bookings.simulators.add_fault(Source::OmniLab, Part::Api, fault.clone());
        // The bookings cannot be read again either.
        bookings.simulators.add_fault(Source::OmniLab, Part::Api, Fault::Status(400));
        assert!(
            matches!(bookings.cancel(&booking).await, Err(CancelError::Unknown(_))),
            "{fault:?}"
        );
        assert_eq!(
            (bookings.cancellations(), bookings.outcomes().await.len()),
            (tried + 1, n + 2),
            "{fault:?}"
        );
    }
    let outcomes = bookings.outcomes().await;
    assert!(
        outcomes.iter().all(|outcome| outcome.contains("not cancelled")
            || outcome.contains("it is unknown whether the booking is cancelled")),
        "{outcomes:?}"
    );
    assert!(!outcomes.iter().any(|outcome| outcome.contains("bk_")), "{outcomes:?}");
    bookings.book(BOOKING).await;
    bookings.simulators.add_fault(Source::OmniLab, Part::Api, Fault::Status(409));
    assert!(matches!(bookings.cancel(BOOKING).await, Err(CancelError::Refused(_))));
    bookings.close().await;
}

#[tokio::test]
async fn what_was_cancelled_although_no_reply_arrived_is_shown() {
    let bookings = Bookings::open().await;
    bookings.book(BOOKING).await;
    // The source cancels the booking, and its response is lost.
    bookings.simulators.add_fault(Source::OmniLab, Part::Api, Fault::Slow(Duration::from_secs(2)));
    assert!(matches!(bookings.cancel(BOOKING).await.unwrap(), Refreshed::Done));
    let shown = bookings.shown().await;
    assert!(shown.len() == 2 && shown[0].ends_with("(cancelled)"), "{shown:?}");
    assert_eq!(bookings.outcomes().await, ["cancelled, as the bookings at the source show"]);
    bookings.close().await;
}

#[test]
fn bookings_are_not_cancelled_unless_the_settings_allow_it() {
    let mut settings = SourceSettings::default();
    assert_eq!(settings.cancelling(BOOKING).err(), Some(NotCancellable::Off));
    settings.omnilab.api.cancel_bookings = true;
    assert_eq!(settings.cancelling("\u{0} ").err(), Some(NotCancellable::NoId));
    assert!(settings.cancelling(BOOKING).is_ok());
}
