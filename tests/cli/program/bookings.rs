//! The command that cancels a booking.

use super::*;
use crate::json_output::json_of;

#[test]
fn a_booking_is_cancelled_by_a_command_that_asks_first_and_keeps_who_wanted_it() {
    let scratch = Scratch::new();
    let cancel = [
        "booking",
        "cancel",
        "--booking",
        "bk_1",
        "--by",
        "Femke",
        "--reason",
        "the customer is ill",
    ];
    let refused = |settings: &Path, arguments: &[&str], why: &str| {
        let output = run(settings, arguments);
        assert!(
            !output.status.success() && text(&output.stderr).contains(why),
            "{}",
            text(&output.stderr)
        );
    };
    let settings = scratch.settings("");
    refused(
        &settings,
        &cancel,
        "cancelling bookings is off: set sources.omnilab.api.cancel_bookings = true to allow it",
    );
    refused(&settings, &cancel[..6], "--reason");
    refused(
        &scratch.settings("[brands.shop.sources.omnilab.api]\ncancel_bookings = true\n"),
        &cancel,
        "client_secret: is needed to call the API",
    );

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _guard = runtime.enter();
    let data = Arc::new(SimulatedData::new(Clock::system()));
    let booking = serde_json::json!({"booking": "bk_1", "booking_status": "CONFIRMED", "booked_at": "2026-04-02T08:20:05Z",
        "participant": {"external_id": "CONTACT-123"}});
    data.put(ObjectKind::Appointment, booking);
    let simulators = Simulators::start(
        Arc::clone(&data),
        &Secrets::known(),
        SimulatorOptions::default(),
        Clock::system(),
    )
    .unwrap();
    let secret = scratch.0.join("secret");
    std::fs::write(&secret, Secrets::known().of_api(Source::OmniLab)).unwrap();
    let settings = scratch.settings(&format!(
        "[brands.shop.sources.omnilab.api]\nbase_url = \"{}\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = [{{ file = {secret:?} }}]
audience = \"{}\"\ncancel_bookings = true\n[brands.shop.sources.omnilab.webhook]\nverification = \"none\"\n",
        simulators.base_url(Source::OmniLab),
        omnilab::AUDIENCE
    ));
    let at_once = [&cancel[..], &["--yes"]].concat();
    refused(&settings, &at_once, "the booking is not stored here");
    let mut service = Running::serve(&settings);
    service.send_booking_webhook("bk_1");
    let deadline = Instant::now() + Duration::from_secs(60);
    while text(&run(&settings, &cancel).stderr).contains("not stored here") {
        assert!(Instant::now() < deadline, "the webhook is not applied");
    }
    refused(&settings, &cancel, "cannot ask for confirmation");
    assert_eq!(
        text(&run(&settings, &["booking", "actions"]).stdout).trim(),
        "No bookings were cancelled through hookpoint."
    );
    let done = run(&settings, &at_once);
    assert!(
        done.status.success() && text(&done.stdout).contains("\nCancelled.\n"),
        "{} {}",
        text(&done.stdout),
        text(&done.stderr)
    );
    assert_eq!(data.get(ObjectKind::Appointment, "bk_1").unwrap()["booking_status"], "CANCELLED");
    let again = run(&settings, &at_once);
    assert!(
        again.status.success() && text(&again.stdout).contains("The booking is already cancelled"),
        "{} {}",
        text(&again.stdout),
        text(&again.stderr)
    );
    let again = run(&settings, &[&at_once[..], &["--json"]].concat());
    let again = json_of("booking cancel", &text(&again.stdout));
    assert_eq!(
        (&again["outcome"], &again["booking"]),
        (&"already_cancelled".into(), &"bk_1".into())
    );
    let actions = text(&run(&settings, &["booking", "actions"]).stdout);
    assert_eq!(actions.matches("cancel booking").count(), 1, "{actions}");
    assert!(
        actions.contains("shop  omnilab  cancel booking #")
            && actions.contains("  cancelled\n    by Femke: the customer is ill"),
        "{actions}"
    );
    assert!(!actions.contains("bk_1"), "{actions}");
    service.signal("TERM");
    assert!(service.wait().success());
    runtime.block_on(simulators.stop());
    scratch.wait_for_no_postgres();
}
