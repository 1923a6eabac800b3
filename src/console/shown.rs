//! Times and values as pages show them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::visit::Visit;
use crate::admin::audit::short_id;
use crate::customer::model::record::RecordKey;

/// A time on a page: short, and in full when the pointer is on it.
#[derive(Serialize)]
pub(super) struct ShownTime {
    /// For machines.
    iso: String,
    /// Such as `14:05`, `Tue 14:05` or `3 Nov 2026`.
    short: String,
    /// With the date, the seconds and the zone.
    full: String,
}

impl ShownTime {
    fn new(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Self {
        let (there, today) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()).date());
        let days = there.date().until(today).map_or(i32::MAX, |span| span.get_days());
        let format = match days {
            0 => "%H:%M",
            1..7 => "%a %H:%M",
            _ => "%-d %b %Y",
        };
        Self {
            iso: at.to_string(),
            short: there.strftime(format).to_string(),
            full: there.strftime("%A %-d %B %Y %H:%M:%S %Z").to_string(),
        }
    }
}

/// How times end in stored texts.
const UTC: &str = " UTC";

/// The length of a time before that.
const TIME_LENGTH: usize = "2026-11-21 12:00:00".len();

fn with_times_in(text: &str, zone: &TimeZone) -> String {
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once(UTC) {
        let at = before.len().checked_sub(TIME_LENGTH).and_then(|at| before.split_at_checked(at));
        let time = at.and_then(|(_, time)| time.parse::<DateTime>().ok());
        match (at, time.and_then(|time| time.to_zoned(TimeZone::UTC).ok())) {
            (Some((before, _)), Some(time)) => {
                shown.push_str(before);
                let there = time.with_time_zone(zone.clone());
                shown.push_str(&there.strftime("%F %T %Z").to_string());
            }
            _ => shown.extend([before, UTC]),
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// A value about a person, in the place of its content for people who may not see it.
const MASKED: &str = "••••••";

impl Visit {
    /// The time zone of the brand.
    pub(super) fn time_zone(&self) -> &TimeZone {
        &self.brand.rules.presenter.rules().time_zone
    }

    /// A time, in the zone of the brand.
    pub(super) fn time(&self, at: Timestamp) -> ShownTime {
        ShownTime::new(at, self.now(), self.time_zone())
    }

    /// A stored text with its times, such as `2026-11-21 12:00:00 UTC`, in the zone of the brand.
    pub(super) fn with_own_times(&self, text: &str) -> String {
        with_times_in(text, self.time_zone())
    }

    /// A value about a person. Viewers see only that there is one.
    pub(super) fn value(&self, value: &str) -> String {
        if self.sees_values() || value.is_empty() { value.to_owned() } else { MASKED.to_owned() }
    }

    /// The id of a record, which may be an address. Viewers see a keyed hash, to tell records apart.
    pub(super) fn record_id(&self, record: &RecordKey) -> String {
        if self.sees_values() { record.id.clone() } else { self.record_mark(&record.to_string()) }
    }

    /// A mark of a record or a customer, by its key: the same as in the audit log. It says nothing about the key.
    pub(super) fn record_mark(&self, key: &str) -> String {
        format!("#{}", short_id(&self.brand, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_short_and_in_full_in_the_zone_of_the_brand() {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let shown = |at: &str| ShownTime::new(at.parse().unwrap(), now, &zone);
        assert_eq!(shown("2026-11-21T08:05:07Z").short, "09:05");
        assert_eq!(shown("2026-11-20T22:59:00Z").short, "Fri 23:59");
        assert_eq!(shown("2026-11-20T23:01:00Z").short, "00:01");
        assert_eq!(shown("2026-11-14T12:00:00Z").short, "14 Nov 2026");
        assert_eq!(shown("2027-01-01T12:00:00Z").short, "1 Jan 2027");
        for (stored, shown) in [
            ("until 2026-12-06 22:18:45 UTC", "until 2026-12-06 23:18:45 CET"),
            (
                "event x, since 2026-07-01 10:00:00 UTC, before 2026-12-06 22:18:45 UTC: é",
                "event x, since 2026-07-01 12:00:00 CEST, before 2026-12-06 23:18:45 CET: é",
            ),
            ("é UTC, in UTC", "é UTC, in UTC"),
            ("2026-13-06 22:18:45 UTC", "2026-13-06 22:18:45 UTC"),
        ] {
            assert_eq!(with_times_in(stored, &zone), shown);
        }
        assert_eq!(shown("2026-07-01T10:00:00Z").full, "Wednesday 1 July 2026 12:00:00 CEST");
    }
}
