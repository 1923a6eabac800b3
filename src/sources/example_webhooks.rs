//! An example webhook of each source, for the API document.

use serde::Deserialize;
use serde::de::Error;
use serde_json::value::RawValue;

use super::SourceSettings;
use crate::customer::model::source::Source;

/// A recorded webhook.
#[derive(Deserialize)]
struct Recording {
    body: Box<RawValue>,
}

/// The event of the example.
const fn event(source: Source) -> &'static str {
    match source {
        Source::Omneo => "balance.updated",
        Source::OmnioTap => "contact.created",
        Source::OmniLab => "feedback.submitted.v1",
        Source::Syncaroo => "booking",
    }
}

/// The body of an example webhook, as JSON text.
///
/// # Errors
/// Never, unless the recording is missing or broken.
pub fn example_body(source: Source) -> serde_json::Result<String> {
    let settings = SourceSettings::default();
    let mut recorded = settings.samples(source).recorded_webhooks().iter();
    let (_, text) = recorded
        .find(|(name, _)| *name == event(source))
        .ok_or_else(|| serde_json::Error::custom("the example has no recording"))?;
    let recording: Recording = serde_json::from_str(text)?;
    Ok(recording.body.get().to_owned())
}
