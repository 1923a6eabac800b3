//! Shows a booking, and the result of its cancellation.

use serde_json::{Value, json};

use crate::admin::cancel_booking::Refreshed;
use crate::brand::Brand;
use crate::cli::output::{plain, print_line};
use crate::cli::wrapped::print_wrapped;
use crate::customer::model::event::{Event, field};
use crate::sources::booking::Cancelling;

/// The message for a booking that is already cancelled.
const CANCELLED_BEFORE: &str = "The booking is already cancelled, so nothing was sent. If its source shows it as active, run `hookpoint sync run`.";

/// A field of a booking's data.
fn text<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    event.versions.text(&format!("{}{name}", field::DATA))
}

/// Prints the stored booking. Its time is in the brand's time zone.
pub(super) fn print_booking(event: Option<&Event>, brand: &Brand) {
    let Some(event) = event else { return };
    let zone = brand.rules.presenter.rules().time_zone.clone();
    if let Some(activity) = text(event, "activity") {
        print_wrapped(&format!("  what        {}", plain(activity)), 14);
    }
    if let Some(at) = event.versions.time(&format!("{}starts_at", field::DATA)) {
        print_line(&format!("  when        {}", at.to_zoned(zone).strftime("%F %R %Z")));
    }
    if let Some(status) = text(event, "status") {
        print_wrapped(&format!("  status      {}", plain(status)), 14);
    }
}

/// Prints the result of a cancellation, and the booking as its source shows it now.
pub(super) fn print_result(
    refreshed: &Refreshed,
    booking: Option<&Event>,
    what: &Cancelling,
    brand: &Brand,
) {
    if !matches!(refreshed, Refreshed::Needless) {
        print_line("\nCancelled.");
    }
    if matches!(refreshed, Refreshed::Done) {
        print_booking(booking, brand);
    }
    if let Some(remark) = remark(refreshed, booking, what) {
        print_wrapped(&remark, 0);
    }
}

/// What a person should know about the result.
fn remark(refreshed: &Refreshed, booking: Option<&Event>, what: &Cancelling) -> Option<String> {
    match refreshed {
        Refreshed::Done if booking.is_some_and(|booking| what.is_done(booking)) => None,
        Refreshed::Done => Some("The source accepted the cancellation, but its list of bookings does not show it yet. Run `hookpoint sync run` to read it again.".to_owned()),
        Refreshed::Needless => Some(CANCELLED_BEFORE.to_owned()),
        Refreshed::CustomerUnknown => Some("The customer of this booking is unknown, so the bookings were not read again. Agents may see the old state until the next sync run.".to_owned()),
        Refreshed::Failed(error) => Some(format!(
            "The bookings could not be read again: {error}. Agents may see the old state until the next sync run."
        )),
    }
}

/// The result for scripts.
pub(super) fn result_as_json(
    refreshed: &Refreshed,
    booking: Option<&Event>,
    what: &Cancelling,
    brand: &Brand,
) -> Value {
    let is_needless = matches!(refreshed, Refreshed::Needless);
    let starts_at =
        booking.and_then(|event| event.versions.time(&format!("{}starts_at", field::DATA)));
    json!({
        "brand": brand.rules.slug,
        "source": what.source.as_str(),
        "booking": what.event.id,
        "outcome": if is_needless { "already_cancelled" } else { "cancelled" },
        "is_refreshed": matches!(refreshed, Refreshed::Done),
        "activity": booking.and_then(|event| text(event, "activity")),
        "starts_at": starts_at,
        "status": booking.and_then(|event| text(event, "status")),
        "note": remark(refreshed, booking, what),
    })
}
