//! Omneo's API, as its reference describes it: profiles and their objects, lists with links, and merges.

mod api;
mod list;
mod merge;
mod profile;
mod webhook;

use jiff::Timestamp;

pub(super) use self::api::answer;
pub(super) use self::webhook::webhook;
use super::time_format;
use crate::customer::model::source::Source;

/// A time in this system's format: UTC without a time zone.
#[must_use]
pub fn written(at: Timestamp) -> String {
    time_format::written(Source::Omneo, at)
}
