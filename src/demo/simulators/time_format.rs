//! Times as the systems write them.

use jiff::Timestamp;

use crate::customer::model::source::Source;

/// A time in a system's format.
pub(super) fn written(source: Source, at: Timestamp) -> String {
    let format = match source {
        // UTC without a time zone.
        Source::Omneo => "%F %T",
        Source::OmnioTap | Source::OmniLab | Source::Syncaroo => "%FT%T.%3fZ",
    };
    at.strftime(format).to_string()
}
