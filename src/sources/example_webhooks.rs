//! An example webhook of each source, for the API document.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::customer::model::source::Source;

/// A recorded webhook.
#[derive(Deserialize)]
struct Recording {
    body: Box<RawValue>,
}

/// The body of an example webhook, as JSON text.
///
/// # Errors
/// Never, unless the recording is broken.
pub fn example_body(source: Source) -> serde_json::Result<String> {
    let recording: Recording = serde_json::from_str(match source {
        Source::Omneo => include_str!("../../fixtures/webhooks/omneo/balance.updated.json"),
        Source::OmnioTap => include_str!("../../fixtures/webhooks/omniotap/contact.created.json"),
        Source::OmniLab => {
            include_str!("../../fixtures/webhooks/omnilab/feedback.submitted.v1.json")
        }
        Source::Syncaroo => include_str!("../../fixtures/webhooks/syncaroo/booking.json"),
    })?;
    Ok(recording.body.get().to_owned())
}
