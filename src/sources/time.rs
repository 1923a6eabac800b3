//! Parses times in all formats of the vendors. A text that is not a time, or is ambiguous, is unclear: it never
//! becomes "now".

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::Value;

use super::time_formats::{day, in_utc, instant};
use crate::customer::model::placeholder;
use crate::customer::model::update::UNCLEAR_SECOND;

/// A point in time, with the precision of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// An instant.
    At(Timestamp),
    /// A day, which is the same day in every time zone.
    Day(Date),
}

impl Moment {
    /// The instant; of a day, its beginning in UTC.
    #[must_use]
    pub fn timestamp(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Day(day) => day.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp()),
        }
    }

    /// The stored form: RFC 3339, or a day alone.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::At(at) => at.to_string(),
            Self::Day(day) => day.to_string(),
        }
    }
}

/// There is a value, but it cannot be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclear;

/// Parses a time. `None` if there is none, which includes dates that programs write for "unknown". A time
/// without a zone is UTC.
///
/// # Errors
/// When it cannot be parsed, or is before 1900 or after 2200: a mistyped year must not push other events out of
/// a timeline.
pub fn moment(value: &Value) -> Result<Option<Moment>, Unclear> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => crate::customer::model::text::visible(text),
        Value::Number(number) => number.to_string(),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(Unclear),
    };
    if placeholder::is_no_value(&text) || is_unknown_date(&text) {
        return Ok(None);
    }
    let moment = number(&text)
        .or_else(|| day(&text).map(Moment::Day))
        .or_else(|| instant(&text).map(Moment::At))
        .ok_or(Unclear)?;
    let at = moment.timestamp().ok_or(Unclear)?;
    // A day around the beginning of Unix time, in any zone, or the beginning of Excel's and SQL Server's
    // calendar.
    if at.as_second().unsigned_abs() <= DAY
        || (UNCLEAR_SECOND..UNCLEAR_SECOND.saturating_add(86_400)).contains(&at.as_second())
    {
        return Ok(None);
    }
    if !(UNCLEAR_SECOND..LAST_SECOND).contains(&at.as_second()) {
        return Err(Unclear);
    }
    Ok(Some(match moment {
        Moment::At(at) => {
            Moment::At(Timestamp::from_microsecond(at.as_microsecond()).map_err(|_| Unclear)?)
        }
        day @ Moment::Day(_) => day,
    }))
}

const DAY: u64 = 86_400;

/// 2200-01-01.
const LAST_SECOND: i64 = 7_258_118_400;

/// Dates that stand for "unknown" or "never".
fn is_unknown_date(text: &str) -> bool {
    ["0000-00-00", "0001-01-01", "1899-12-30", "1899-12-31", "9999-12-31"]
        .iter()
        .any(|date| text.starts_with(date))
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, by their size; else the digits of a date.
fn number(text: &str) -> Option<Moment> {
    let text = text
        .strip_prefix("/Date(")
        .and_then(|rest| rest.strip_suffix(")/"))
        .map_or(text, |ms| ms.split(['+', '-']).next().unwrap_or_default());
    if !text.strip_prefix('-').unwrap_or(text).starts_with(|c: char| c.is_ascii_digit())
        || text.contains(['e', 'E'])
    {
        return None;
    }
    let number: Decimal = text.parse().ok()?;
    if number.is_zero() {
        return Some(Moment::At(Timestamp::UNIX_EPOCH));
    }
    let unit = |power: u32| Decimal::from(10_u64.pow(power));
    let per_second = match number.trunc().abs() {
        size if size < Decimal::from(MIN_SECONDS) => None,
        size if size < unit(11) => Some(1),
        size if size < unit(14) => Some(1_000),
        size if size < unit(17) => Some(1_000_000),
        _ => Some(1_000_000_000),
    };
    let digits = || {
        let day = text.parse::<Date>().ok().filter(|_| text.len() == 8).map(Moment::Day);
        let time = || {
            DateTime::strptime("%Y%m%d%H%M%S", text)
                .ok()
                .filter(|_| text.len() == 14)
                .and_then(in_utc)
                .map(Moment::At)
        };
        day.or_else(time)
    };
    let since_1970 = per_second.and_then(|per_second: u64| {
        let microseconds =
            number.checked_mul(unit(6))?.checked_div(Decimal::from(per_second))?.trunc();
        Timestamp::from_microsecond(i64::try_from(microseconds).ok()?).ok()
    });
    let is_plausible = |at: &Timestamp| (UNCLEAR_SECOND..LAST_SECOND).contains(&at.as_second());
    since_1970.filter(is_plausible).map(Moment::At).or_else(digits)
}

/// Smaller numbers are years, days or counts, not seconds. This one is in March 1973.
const MIN_SECONDS: u64 = 100_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn second(value: &Value) -> Option<i64> {
        match moment(value) {
            Ok(Some(Moment::At(at))) => Some(at.as_second()),
            _ => None,
        }
    }

    #[test]
    fn times_are_read_in_every_form_the_sources_use() {
        for raw in [
            json!("2024-03-20T10:00:00.000Z"),
            json!("2024-03-20 10:00:00"),
            json!("2024-03-20T11:00:00+01:00"),
            json!("2024-03-20T11:00:00+0100"),
            json!("2024-03-20 11:00:00 +0100"),
            json!("2024-03-20T11:00:00+01:00[Europe/Amsterdam]"),
            json!("2024-03-20T11:00:00[Europe/Amsterdam]"),
            json!("2024-03-20 10:00:00 UTC"),
            json!("2024/03/20 10:00:00"),
            json!("20240320T100000Z"),
            json!("20240320100000"),
            json!("2024-03-20t10:00:00z"),
            json!("2024-03-20T10:00:00,5Z"),
            json!("2024-03-20T10:00:00.123456789012Z"),
            json!("Wed, 20 Mar 2024 10:00:00 GMT"),
            json!("Wed, 20 Mar 2024 11:00:00 +0100"),
            json!("20 Mar 2024 11:00:00 +0100"),
            json!("Wednesday, 20-Mar-24 10:00:00 GMT"),
            json!("Wed Mar 20 10:00:00 2024"),
            json!("Wed Mar 20 2024 11:00:00 GMT+0100 (Central European Standard Time)"),
            json!("/Date(1710928800000)/"),
            json!("/Date(1710928800000+0100)/"),
            json!(1_710_928_800),
            json!("1710928800"),
            json!(1_710_928_800_000_i64),
            json!("1710928800000"),
            json!(1_710_928_800_000_000_i64),
            json!(1_710_928_800_000_000_000_i64),
            json!(1_710_928_800.414_47),
            json!("1710928800.41447"),
            json!("\u{200e}2024-03-20T10:00:00Z\u{a0}"),
        ] {
            assert_eq!(second(&raw), Some(1_710_928_800), "{raw}");
        }
        assert_eq!(second(&json!("2024-03-20T24:00:00Z")), Some(1_710_979_200));
        assert_eq!(second(&json!("2024-03-20T24:00Z")), Some(1_710_979_200));
    }

    #[test]
    fn a_day_alone_is_a_day() {
        for raw in [
            "2024-03-20",
            "2024/03/20",
            "20240320",
            "2024-03-20Z",
            "2024-03-20+01:00",
            "2024-03-20 00:00:00",
            "2024-03-20T00:00:00.000",
            "2024-03-20T00:00",
        ] {
            assert_eq!(
                moment(&json!(raw)).unwrap().map(Moment::text).as_deref(),
                Some("2024-03-20"),
                "{raw}"
            );
        }
        assert_eq!(
            moment(&json!("2024-03-20T00:00:00Z")).unwrap().map(Moment::text).as_deref(),
            Some("2024-03-20T00:00:00Z")
        );
    }

    #[test]
    fn what_programs_write_for_unknown_is_nothing() {
        for raw in [
            json!(null),
            json!(""),
            json!("null"),
            json!("-"),
            json!(0),
            json!("0"),
            json!("0000-00-00"),
            json!("0000-00-00 00:00:00"),
            json!("0001-01-01T00:00:00"),
            json!("1970-01-01"),
            json!("1970-01-01T00:00:00Z"),
            json!("1970-01-01T01:00:00+01:00"),
            json!("/Date(0)/"),
            json!("1899-12-30"),
            json!("1900-01-01 00:00:00"),
            json!("9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(moment(&raw), Ok(None), "{raw}");
        }
    }

    #[test]
    fn what_is_unclear_is_never_some_other_time() {
        for raw in [
            json!("soon"),
            json!(true),
            json!([1]),
            json!({"date": "2024-03-20"}),
            json!("03/04/2024"),
            json!("20-03-2024"),
            json!("9024-03-20T10:00:00Z"),
            json!("0824-03-20"),
            json!("2024-13-20"),
            json!("2024-02-30"),
            json!("2024-03-20T25:00:00Z"),
            json!("2024-03-20T24:00:01Z"),
            json!("2024-03-20T10:00:00+99:00"),
            json!("2024-03-20T10:00:00+25:00"),
            json!("2024-03-20T10:00:00-23:59"),
            json!("2024-03-20 10:00:00 +1800"),
            json!("Wed, 20 Mar 2024 10:00:00 +2400"),
            json!("2024-03-20 10:00:00 CET"),
            json!("Wed, 20 Mar 2024 10:00:00 CET"),
            json!(2024),
            json!(45371.5),
            json!("1e10"),
            json!(1.7e300),
            json!("10:00"),
        ] {
            assert_eq!(moment(&raw), Err(Unclear), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn every_time_is_itself_in_every_form(second in 120_000_000_i64..4_000_000_000, micro in 0..1_000_000_i64) {
            let at = Timestamp::from_microsecond(second * 1_000_000 + micro).unwrap();
            let forms = [
                json!(at.to_string()), json!(at.as_microsecond()), json!(at.as_nanosecond().to_string()), json!(format!("{second}.{micro:06}")),
                json!(at.strftime("%Y-%m-%d %H:%M:%S%.6f +0000").to_string()), json!(format!("{}[UTC]", at)),
            ];
            for form in forms {
                prop_assert_eq!(moment(&form).unwrap().and_then(Moment::timestamp), Some(at), "{}", form);
            }
            prop_assert_eq!(self::second(&json!(at.as_millisecond())), Some(second));
        }

        #[test]
        fn hostile_text_never_panics(text in "\\PC{0,40}|[0-9TZ:. +/-]{0,30}") {
            let _ = moment(&json!(text));
        }
    }
}
