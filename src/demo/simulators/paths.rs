//! The base paths and token endpoints of the systems' APIs.

use crate::customer::model::source::Source;

/// The base path of a system's API.
pub(super) const fn base_path(source: Source) -> &'static str {
    match source {
        Source::OmnioTap | Source::Syncaroo => "/api/v1",
        Source::Omneo => "/api/v3",
        Source::OmniLab => "",
    }
}

/// The path of a system's token endpoint. Empty if it has none.
pub(super) const fn tokens_path(source: Source) -> &'static str {
    match source {
        Source::OmnioTap | Source::Omneo => "",
        Source::OmniLab => "/v1/oauth:token",
        Source::Syncaroo => "/oauth/token",
    }
}
