//! The arguments that select deliveries.

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use uuid::Uuid;

use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::storage::deliveries::DeliveryFilter;

#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// Only this brand
    #[arg(long)]
    pub(super) brand: Option<String>,
    /// Only this source
    #[arg(long, value_name = "SOURCE")]
    source: Option<Source>,
    /// Only deliveries in this state (dead: could not be applied). May be repeated
    #[arg(long, value_name = "STATE")]
    state: Vec<State>,
    /// Only deliveries of this event, as `inbox list` shows it
    #[arg(long)]
    event: Option<String>,
    /// Only deliveries since this time: 2026-11-20, 2026-11-20T09:30:00Z, or an age: 30m, 6h, 7d
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only deliveries before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Pending,
    Done,
    Dead,
    Discarded,
}

impl FilterArguments {
    /// Whether no delivery is left out, except by the brand.
    pub(super) fn is_everything(&self) -> bool {
        self.source.is_none()
            && self.state.is_empty()
            && self.event.is_none()
            && self.since.is_none()
            && self.until.is_none()
    }

    /// The filter, for deliveries with these ids; without ids, for all.
    pub(super) fn which(&self, ids: &[Uuid]) -> DeliveryFilter {
        let state = |state: &State| format!("{state:?}").to_lowercase();
        DeliveryFilter {
            ids: (!ids.is_empty()).then(|| ids.to_vec()),
            source: self.source,
            states: (!self.state.is_empty()).then(|| self.state.iter().map(state).collect()),
            event: self.event.clone(),
            since: self.since,
            until: self.until,
            reason: None,
        }
    }
}

/// Parses a time, a day, or an age.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let ago = || {
        let span: Span = text.parse().ok()?;
        Clock::system()
            .now()
            .to_zoned(TimeZone::UTC)
            .checked_sub(span)
            .ok()
            .map(|then| then.timestamp())
    };
    let day = || {
        text.parse::<jiff::civil::Date>()
            .ok()?
            .to_zoned(TimeZone::UTC)
            .ok()
            .map(|day| day.timestamp())
    };
    text.parse()
        .ok()
        .or_else(day)
        .or_else(ago)
        .ok_or_else(|| "not a time; write 2026-11-20, 2026-11-20T09:30:00Z or 6h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(time("2026-11-20"), Ok("2026-11-20T00:00:00Z".parse().unwrap()));
        assert_eq!(time("2026-11-20T09:30:00Z"), Ok("2026-11-20T09:30:00Z".parse().unwrap()));
        for ago in ["30m", "6h", "7d"] {
            assert!(time(ago).is_ok(), "{ago}");
        }
        assert!(time("yesterday").is_err());
    }
}
